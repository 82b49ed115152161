import type { Answer } from '../domain/answer.ts';
import { BugError } from '../domain/errors.ts';
import type {
  Call,
  Context,
  Decision,
  LastCall,
  LedgerMarks,
  Limits,
  Purpose,
  StopReason,
  WantedResolution,
} from '../domain/decide/decision.ts';
import { decide } from '../domain/decide/decide.ts';
import { firstSend, scanWindow } from '../domain/scan-window.ts';
import type { Instant, Transaction } from '../domain/transaction.ts';
import { otherIntents, withOtherIntents } from './other-intents.ts';
import type { Actor, Chance, Claimed, Clock, Gateway, Lease, Ledger, LookUp } from './ports.ts';

/*
 * The loop around domain/decide/decide.ts: record, call, look at the answer, record. Whoever advances a
 * transaction (charge, reconcile, resolve, cancel) comes through here, holding its lease.
 */

/** No path through the plan is longer: scan, create, scan, cancel a stray, scan, confirm, retrieve, cancel, retrieve. */
const MAX_CALLS = 10;

/**
 * The worst call waits for as long as its time limit in our own queue, and then takes that limit twice,
 * because the Stripe library retries a reset once by itself.
 */
const WORST_CALL_FACTOR = 3;

export interface AdvanceDeps {
  readonly ledger: Ledger;
  readonly gateway: Gateway;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly limits: Limits;
  readonly actor: Actor;
  /** Whose ledger it is; null only before it is bound. */
  readonly ledgerMarks: LedgerMarks | null;
  /** The ledger was found rolled back. */
  readonly doubted: boolean;
}

export interface Advance {
  readonly purpose: Purpose;
  /** What a person wants recorded; with the purpose `resolve`. */
  readonly resolution?: WantedResolution;
  /** With the purpose `cancel`. */
  readonly cancelReason?: string | null;
  readonly justOpened: boolean;
  /** Also of a row that this process began and goes on with; `justOpened` when left out. */
  readonly begunHere?: boolean;
  readonly signal?: AbortSignal;
  /** An answer that is already at hand (from a bulk look-up). */
  readonly lastCall?: LastCall;
  /** The lease as it is now: a pass renews it in the background. */
  readonly leaseNow?: () => Lease;
  readonly inTurn?: InTurn;
  /** Asked before each call: false leaves the row as it is, with the reason `unauthorized` (this key may not make it). */
  readonly mayCall?: (call: Call) => boolean;
  /** Called with every answer, and with the transaction as it was when it was asked about. */
  readonly onAnswer?: (lastCall: LastCall, transaction: Transaction) => void;
}

/** Limits how many calls of many rows are under way; after a stop no further one begins. */
export type InTurn = <T>(work: () => Promise<T>) => Promise<T | 'stopped'>;

async function atOnce<T>(work: () => Promise<T>): Promise<T> {
  return await work();
}

export interface Advanced {
  readonly transaction: Transaction;
  readonly reason: StopReason | 'lease_lost';
  readonly summary: string;
  /** The answer it stopped on; null when nothing was asked. */
  readonly last: LastCall | null;
  /** False when the stop was left for the caller to record: the lease is still held. */
  readonly recorded: boolean;
  readonly now: Instant;
}

/** How far a run has come: the row as it was last written, and what was asked and answered last. */
interface Run {
  readonly transaction: Transaction;
  readonly now: Instant;
  readonly lease: Lease;
  readonly lastCall: LastCall | null;
}

type End = Pick<Advanced, 'reason' | 'summary' | 'recorded'>;

const LEASE_LOST: End = {
  reason: 'lease_lost',
  summary: 'another process took over',
  recorded: true,
};
const INTERRUPTED: End = {
  reason: 'interrupted',
  summary: 'interrupted before the next call',
  recorded: false,
};

/** Drives one leased transaction forward until it is settled, must wait, or nothing can be proven now. */
export async function advance(
  deps: AdvanceDeps,
  { transaction, now, lease }: Claimed,
  options: Advance,
): Promise<Advanced> {
  let run: Run = { transaction, now, lease, lastCall: options.lastCall ?? null };
  const made: Call[] = run.lastCall === null ? [] : [run.lastCall.call];
  while (made.length <= MAX_CALLS) {
    const decision = decide(run.transaction, run.lastCall, contextOf(deps, options, run.now, made));
    const next = await recordDecision(deps, run, decision);
    if (next === null) return ended(run, LEASE_LOST);
    run = next;
    if (decision.kind === 'stop') {
      const { reason, summary, record } = decision;
      return ended(run, { reason, summary, recorded: record !== null });
    }
    if (options.mayCall?.(decision.call) === false) {
      const summary = `this key may not make the call that it needs (${decision.call})`;
      return ended(run, { reason: 'unauthorized', summary, recorded: false });
    }
    const asked = await askInTurn({ deps, options }, run, decision);
    if (asked === 'stopped') return ended(run, INTERRUPTED);
    if (asked === null) return ended(run, LEASE_LOST);
    options.onAnswer?.(asked.lastCall, run.transaction);
    made.push(decision.call);
    run = { ...run, ...asked };
  }
  throw new BugError(
    `${transaction.id} was asked about more than ${String(MAX_CALLS)} times in one run`,
  );
}

function ended({ transaction, now, lastCall }: Run, end: End): Advanced {
  return { transaction, now, last: lastCall, ...end };
}

/** The run with the row as it is written; null where somebody else has written it meanwhile. */
async function recordDecision(
  deps: AdvanceDeps,
  run: Run,
  { record }: Decision,
): Promise<Run | null> {
  if (record === null) return run;
  const { transaction, lease, now } = run;
  const completed = await withOtherIntents(deps, transaction, record, now);
  const result = await deps.ledger.record(transaction, lease, completed, deps.actor);
  if (result.kind !== 'stale') return { ...run, transaction: result.transaction, now: result.now };
  await cancelSecondIntent(deps, transaction, run.lastCall);
  return null;
}

/** Null: the lease was lost before the call was made. */
async function askInTurn(
  { deps, options }: { readonly deps: AdvanceDeps; readonly options: Advance },
  run: Run,
  { call, firstSend, target }: Extract<Decision, { kind: 'ask' }>,
): Promise<{ readonly lease: Lease; readonly lastCall: LastCall } | null | 'stopped'> {
  // The lease is looked at when its turn has come: with many rows that may take a while.
  return await (options.inTurn ?? atOnce)(async () => {
    const lease = await holdLongEnough(deps, options.leaseNow?.() ?? run.lease);
    if (lease === null) return null;
    const question = { call, target: target ?? null, signal: options.signal, now: run.now };
    const answer = await ask(deps, run.transaction, question);
    return { lease, lastCall: { call, firstSend, answer } };
  });
}

/**
 * A create that was sent so late that Stripe had forgotten its key has made a second payment intent. The row, which
 * somebody else has advanced, will never know its id: it is canceled, so that it can never succeed.
 */
async function cancelSecondIntent(
  deps: AdvanceDeps,
  stale: Transaction,
  lastCall: LastCall | null,
): Promise<void> {
  if (lastCall?.call !== 'create' || lastCall.answer.kind !== 'intent' || lastCall.answer.replayed)
    return;
  const { id } = lastCall.answer.intent;
  const current = await deps.ledger.find(stale.id);
  const known = current?.paymentIntent ?? id;
  if (known === id) return;
  // With the version that is stale: so its idempotency key is nobody else's.
  await deps.gateway.cancel({ ...stale, paymentIntent: id });
}

export function contextOf(
  deps: Pick<AdvanceDeps, 'chance' | 'limits' | 'ledgerMarks' | 'doubted'> & {
    readonly gateway: Pick<Gateway, 'aheadMs'>;
  },
  options: Pick<
    Advance,
    'purpose' | 'resolution' | 'cancelReason' | 'justOpened' | 'begunHere' | 'signal'
  >,
  now: Instant,
  made: readonly Call[],
): Context {
  return {
    purpose: options.purpose,
    resolution: options.resolution ?? null,
    cancelReason: options.cancelReason ?? null,
    now,
    stripeAheadMs: deps.gateway.aheadMs(now) ?? 0,
    limits: deps.limits,
    uniform: deps.chance.uniform(),
    justOpened: options.justOpened && made.length === 0,
    begunHere: options.begunHere ?? options.justOpened,
    made,
    ledger: deps.ledgerMarks,
    doubted: deps.doubted,
    stopping: options.signal?.aborted ?? false,
  };
}

/** A call is begun only with a lease that outlives the worst of it. Null: the lease was lost. */
async function holdLongEnough(deps: AdvanceDeps, lease: Lease): Promise<Lease | null> {
  const worstMs = WORST_CALL_FACTOR * deps.limits.deadlineMs;
  if (deps.clock.monotonicMs() + worstMs <= lease.deadlineMs) return lease;
  const [renewed] = await deps.ledger.renew([lease]);
  return renewed ?? null;
}

interface Question {
  readonly call: Call;
  /** The intent that the call is about, where it is not the transaction's own. */
  readonly target: string | null;
  readonly signal: AbortSignal | undefined;
  /** The database's clock. */
  readonly now: Instant;
}

async function ask(
  deps: AdvanceDeps,
  transaction: Transaction,
  { call, target, signal, now }: Question,
): Promise<Answer> {
  switch (call) {
    case 'create':
      if (transaction.keyConflictAt !== null)
        throw new BugError(`${transaction.id}: a key that was used elsewhere is never sent again`);
      return await deps.gateway.create(transaction);
    case 'confirm':
      return await deps.gateway.confirm(transaction);
    case 'cancel':
      return await deps.gateway.cancel(transaction);
    case 'cancel_stray':
      // With another version: so its idempotency key is not that of a cancel of the row's own intent.
      return await deps.gateway.cancel({ ...transaction, paymentIntent: target });
    case 'retrieve':
    case 'scan':
    case 'scan_elsewhere':
      return await look(deps, transaction, { call, now, signal });
  }
}

/** A question that changes nothing at Stripe, so that it needs no lease. */
export async function look(
  deps: Pick<AdvanceDeps, 'gateway' | 'ledgerMarks'>,
  transaction: Transaction,
  { call, now, signal }: Omit<Question, 'call' | 'target'> & { readonly call: LookCall },
): Promise<Answer> {
  const query = lookUpOf(transaction, {
    call: call === 'retrieve' ? 'retrieve' : 'scan',
    now,
    ledger: deps.ledgerMarks,
  });
  const answer = await lookUpOne(deps.gateway, query, signal);
  if (call !== 'scan_elsewhere' || answer.kind !== 'absent') return answer;
  const [other] = await otherIntents(deps, transaction, now);
  return other === undefined || other.matchedBy === 'looks_alike'
    ? answer
    : { ...answer, elsewhere: other.intent };
}

export type LookCall = Extract<Call, 'retrieve' | 'scan' | 'scan_elsewhere'>;

export interface LookUpContext {
  readonly call: 'retrieve' | 'scan';
  /** The database's clock. */
  readonly now: Instant;
  readonly ledger: LedgerMarks | null;
}

/**
 * The question that finds out about a transaction without changing anything at Stripe: its intent by
 * id, or every intent that bears its id, by the list.
 */
export function lookUpOf(transaction: Transaction, { call, now, ledger }: LookUpContext): LookUp {
  const { attempt, paymentIntent, paramsVersion } = transaction;
  const known = call === 'retrieve' ? paymentIntent : null;
  // With a known id only an estimate is wanted, of the page of the list that shows it.
  const { from, to } =
    known === null
      ? scanWindow(transaction, now)
      : { from: Math.min(firstSend(transaction), now), to: now };
  return {
    transactionId: transaction.id,
    paymentIntent: known,
    customer: transaction.customer,
    createdFrom: from,
    createdTo: to,
    askedAt: now,
    row: { attempt, paymentIntent, paramsVersion, ledger },
  };
}

async function lookUpOne(gateway: Gateway, query: LookUp, signal?: AbortSignal): Promise<Answer> {
  for await (const { answer } of gateway.lookUp([query], signal)) return answer;
  return {
    kind: 'unknown',
    reason: 'interrupted',
    effect: 'none',
    answered: false,
    httpStatus: null,
    rateLimitedReason: null,
    shouldRetry: null,
    requestId: null,
    message: 'interrupted',
  };
}
