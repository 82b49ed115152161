import type { LimitFunction } from 'p-limit';
import { type Answer, isPassing } from '../../domain/answer.ts';
import { PayreconError } from '../../domain/errors.ts';
import type { Call } from '../../domain/decide/decision.ts';
import {
  attemptTransition,
  nextAttempt,
  observed,
  markStuck,
} from '../../domain/decide/transitions.ts';
import { isFinal } from '../../domain/statuses.ts';
import { firstCall } from '../../domain/decide/decide.ts';
import {
  advance,
  contextOf,
  lookUpOf,
  type AdvanceDeps,
  type Advanced,
  type InTurn,
} from '../advance.ts';
import type { StripeHealth } from './availability.ts';
import type { KeyRefusal } from './unauthorized.ts';
import { holdLeases, type HeldLeases } from './leases.ts';
import type { Claimed, LookUp } from '../ports.ts';
import type { ReconciledRow } from '../service.ts';

export interface BlockDeps extends AdvanceDeps {
  readonly health: StripeHealth;
  readonly onRow: (row: ReconciledRow) => void;
  /** Aborted by a signal, or by the block itself when Stripe is away. */
  readonly stop: AbortController;
  /** Asks whether Stripe answers at all, when there were failures in a row; one at a time. */
  readonly probe: () => Promise<void>;
  /** Bounds what is advanced at the same time, and what is asked for that: shared by the blocks of a pass. */
  readonly inRows: (work: () => Promise<void>) => Promise<void>;
  readonly calls: LimitFunction;
  /** Kinds of calls that this key may not make (403): rows that need others go on. */
  readonly forbidden: Set<Call>;
}

interface Deferred {
  readonly claimed: Claimed;
  readonly advanced: Advanced;
}

export interface BlockEnd {
  readonly kind: 'done' | 'stopped';
  /** Stripe refused the key for every call, or for one kind of call. */
  readonly refused: KeyRefusal | null;
}

/** One block of claimed rows: bulk look-ups first, each row advanced as its answer comes. */
export async function reconcileBlock(
  deps: BlockDeps,
  claims: readonly Claimed[],
): Promise<BlockEnd> {
  const leases = holdLeases(deps.ledger, deps.clock, claims);
  const deferred: Deferred[] = [];
  const unasked = new Map(claims.map((claimed) => [claimed.transaction.id, claimed]));
  const refusals: KeyRefusal[] = [];
  const inTurn: InTurn = async (work) =>
    await deps.calls(async () => (deps.stop.signal.aborted ? 'stopped' : await work()));
  try {
    const run = async (
      claimed: Claimed,
      lookedUp: { call: Call; answer: Answer } | null,
    ): Promise<void> => {
      unasked.delete(claimed.transaction.id);
      if (lookedUp !== null) deps.health.saw(lookedUp.answer);
      const advanced = await advanceOrAsk({ ...deps, inTurn }, leases, claimed, lookedUp);
      if (advanced.recorded) {
        leases.forget(claimed.transaction.id);
        deps.onRow({
          before: claimed.transaction,
          after: advanced.transaction,
          verdict: advanced.summary,
        });
      } else {
        deferred.push({ claimed, advanced });
      }
      noteRefusal(deps, advanced, refusals);
      // Is Stripe away, or do only these rows fail? A probe tells; they must not stop the rows behind them.
      if (deps.health.away()) await deps.probe();
      if (deps.health.away()) deps.stop.abort();
    };
    await runAll(deps, claims, async (claimed, lookedUp) => {
      await deps.inRows(async () => {
        await run(claimed, lookedUp);
      });
    });
    const stillDue = await settleDeferred(deps, leases, deferred);
    // A probe may have shown it only now; and the pass would claim rows that are still due again.
    if (deps.health.away() || stillDue) deps.stop.abort();
    for (const { transaction } of unasked.values())
      deps.onRow({
        before: transaction,
        after: transaction,
        verdict: 'not asked: the pass stopped',
      });
  } catch (error) {
    await letGo(leases);
    throw error;
  }
  await leases.close();
  return { kind: deps.stop.signal.aborted ? 'stopped' : 'done', refused: refusals[0] ?? null };
}

/** A refused key stops the pass; a right that is missing stops only the kind of call that needs it. */
function noteRefusal(
  deps: BlockDeps,
  { reason, last, summary }: Advanced,
  refusals: KeyRefusal[],
): void {
  if (reason !== 'unauthorized' || last?.answer.kind !== 'unauthorized') return;
  const { httpStatus } = last.answer;
  refusals.push({ httpStatus, summary });
  if (httpStatus === 403) deps.forbidden.add(last.call);
  else deps.stop.abort();
}

/** A database that is away lets the leases run out; what went wrong before says what is known and what is not. */
async function letGo(leases: HeldLeases): Promise<void> {
  try {
    await leases.close();
  } catch (error) {
    if (!(error instanceof PayreconError)) throw error;
  }
}

async function runAll(
  deps: BlockDeps,
  claims: readonly Claimed[],
  run: (claimed: Claimed, lookedUp: { call: Call; answer: Answer } | null) => Promise<void>,
): Promise<void> {
  const byId = new Map(claims.map((claimed) => [claimed.transaction.id, claimed]));
  const queries: LookUp[] = [];
  const tasks: Promise<void>[] = [];
  const failures: Error[] = [];
  const start = (claimed: Claimed, lookedUp: { call: Call; answer: Answer } | null): void => {
    // Handled at once: a failure may come long before the last answer, and ends the look-ups.
    tasks.push(
      unlessStopped(deps, lookedUp, async () => {
        await run(claimed, lookedUp);
      }).catch((error: unknown) => {
        failures.push(error instanceof Error ? error : new Error(String(error)));
        deps.stop.abort();
      }),
    );
  };
  for (const claimed of claims) {
    const { transaction, now } = claimed;
    const call = firstCall(transaction, {
      purpose: 'reconcile',
      now,
      doubted: deps.doubted,
      limits: deps.limits,
      stripeAheadMs: deps.gateway.aheadMs(now) ?? 0,
    });
    if ((call === 'retrieve' || call === 'scan') && !deps.forbidden.has(call))
      queries.push(lookUpOf(transaction, { call, now, ledger: deps.ledgerMarks }));
    else start(claimed, null);
  }
  try {
    for await (const { query, answer } of deps.gateway.lookUp(queries, deps.stop.signal)) {
      const claimed = byId.get(query.transactionId);
      if (claimed !== undefined)
        start(claimed, { call: query.paymentIntent === null ? 'scan' : 'retrieve', answer });
    }
  } finally {
    await Promise.all(tasks);
  }
  const [failure] = failures;
  if (failure !== undefined) throw failure;
}

/** After a stop no new question is asked, but an answer that has come is still recorded. */
async function unlessStopped(
  deps: BlockDeps,
  lookedUp: object | null,
  task: () => Promise<void>,
): Promise<void> {
  if (lookedUp !== null || !deps.stop.signal.aborted) await task();
}

/** How often and how far apart a call that was refused for the moment is tried again within a pass. */
const PASSING_TRIES = 3;
const PASSING_PAUSE_MS = 500;

/**
 * A row never stops the others: what fails as a bug or by a constraint becomes a question to a person,
 * with nothing of the text that may have broken it.
 */
async function advanceOrAsk(
  deps: BlockDeps & { readonly inTurn: InTurn },
  leases: HeldLeases,
  claimed: Claimed,
  lookedUp: { call: Call; answer: Answer } | null,
): Promise<Advanced> {
  try {
    let advanced = await advanceRow(deps, leases, claimed, lookedUp);
    for (
      let tries = 1;
      tries < PASSING_TRIES && isRefusedForNow(advanced) && !deps.stop.signal.aborted;
      tries += 1
    ) {
      await deps.clock.sleep(
        PASSING_PAUSE_MS * tries * (0.5 + deps.chance.uniform() / 2),
        deps.stop.signal,
      );
      advanced = await advanceRow(
        deps,
        leases,
        { ...claimed, transaction: advanced.transaction, now: advanced.now },
        null,
      );
    }
    return advanced;
  } catch (error) {
    if (error instanceof PayreconError || !(error instanceof Error)) throw error;
    return await askAPerson(deps, leases, claimed, error);
  }
}

/** Nothing was recorded, so that the lease is still ours, and the refusal passes. */
function isRefusedForNow({ recorded, last, transaction }: Advanced): boolean {
  return !recorded && transaction.status === 'pending' && last !== null && isPassing(last.answer);
}

async function askAPerson(
  deps: BlockDeps,
  leases: HeldLeases,
  claimed: Claimed,
  error: Error,
): Promise<Advanced> {
  const summary = `what Stripe answered could not be recorded (${error.name}): a person should look`;
  const transaction = (await deps.ledger.find(claimed.transaction.id)) ?? claimed.transaction;
  const unchanged = {
    transaction,
    reason: 'stuck' as const,
    summary,
    last: null,
    recorded: true,
    now: claimed.now,
  };
  if (isFinal(transaction.status)) return unchanged;
  const context = contextOf(deps, { purpose: 'reconcile', justOpened: false }, claimed.now, []);
  const decision = markStuck(
    transaction,
    'not_recordable',
    summary,
    { changes: {}, detail: { failed: error.name }, requestId: null },
    context,
  );
  if (decision.record === null) return unchanged;
  const result = await deps.ledger.record(
    transaction,
    leases.leaseOf(transaction.id),
    decision.record,
    deps.actor,
  );
  return result.kind === 'recorded'
    ? { ...unchanged, transaction: result.transaction, now: result.now }
    : unchanged;
}

async function advanceRow(
  deps: BlockDeps & { readonly inTurn: InTurn },
  leases: HeldLeases,
  claimed: Claimed,
  lookedUp: { call: Call; answer: Answer } | null,
): Promise<Advanced> {
  return await advance(deps, claimed, {
    purpose: 'reconcile',
    justOpened: false,
    signal: deps.stop.signal,
    leaseNow: () => leases.leaseOf(claimed.transaction.id),
    inTurn: deps.inTurn,
    mayCall: (call) => !deps.forbidden.has(call),
    onAnswer: ({ answer }) => {
      deps.health.saw(answer);
    },
    ...(lookedUp === null ? {} : { lastCall: { ...lookedUp, firstSend: false } }),
  });
}

/**
 * Rows whose calls failed. An attempt is spent on them only when others got through in this pass
 * (or a probe does); with Stripe away they stay as they are, due at once, and the answer is true.
 */
async function settleDeferred(
  deps: BlockDeps,
  leases: HeldLeases,
  deferred: readonly Deferred[],
): Promise<boolean> {
  let stillDue = false;
  const counted = deferred.filter(({ advanced }) => advanced.reason === 'unknown');
  if (counted.length > 0 && !deps.health.worked() && !deps.stop.signal.aborted) await deps.probe();
  for (const { claimed, advanced } of deferred) {
    const counts = advanced.reason === 'unknown' && deps.health.blamesOne();
    const { transaction } = advanced;
    const context = contextOf(deps, { purpose: 'reconcile', justOpened: false }, advanced.now, []);
    const detail = advanced.last === null ? {} : detailOf(advanced.last.answer, advanced.last.call);
    const requestId = advanced.last?.answer.requestId ?? null;
    if (counts) {
      const record = attemptTransition(
        transaction,
        advanced.summary,
        { changes: {}, detail, requestId },
        context,
      );
      const result = await deps.ledger.record(
        transaction,
        leases.leaseOf(transaction.id),
        record,
        deps.actor,
      );
      const after = result.kind === 'recorded' ? result.transaction : transaction;
      leases.forget(transaction.id);
      deps.onRow({ before: claimed.transaction, after, verdict: advanced.summary });
      continue;
    }
    if (advanced.reason === 'rate_limited' || advanced.reason === 'unauthorized') {
      // No attempt is spent on it, and this pass does not meet it again; one that a right is missing for, the next pass does.
      const next =
        advanced.reason === 'unauthorized' ? { inMs: 1 } : nextAttempt(transaction, context);
      const record = observed(transaction, advanced.summary, requestId, {
        detail,
        stamps: { nextAttempt: next },
      });
      await deps.ledger.record(transaction, leases.leaseOf(transaction.id), record, deps.actor);
      leases.forget(transaction.id);
    } else stillDue = true;
    deps.onRow({ before: claimed.transaction, after: transaction, verdict: advanced.summary });
  }
  return stillDue;
}

function detailOf(
  answer: Answer,
  call: Call,
): { asked: string; reason: string; http_status?: number | null } {
  switch (answer.kind) {
    case 'unknown':
      return { asked: call, reason: answer.reason, http_status: answer.httpStatus };
    case 'intent':
    case 'declined':
    case 'refused':
    case 'unauthorized':
    case 'missing':
    case 'absent':
      return { asked: call, reason: answer.kind };
  }
}
