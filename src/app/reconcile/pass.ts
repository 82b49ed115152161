import type { Answer } from '../../domain/answer.ts';
import { PayreconError } from '../../domain/errors.ts';
import type { AdvanceDeps } from '../advance.ts';
import type { BlockEnd } from './batch.ts';
import { reconcileBlocks } from './pipeline.ts';
import { dryRun } from './dry-run.ts';
import { watchStripe, type StripeHealth } from './availability.ts';
import type { NamedOutcome, PassOutcome, ReconcileOptions, ReconciledRow } from '../service.ts';
import type { OwnLedger, Wholeness } from '../own-ledger.ts';
import type { CallCounts, History, Ledger, LedgerIdentity, Passes } from '../ports.ts';
import { callsSince, tallyRows, type Tally } from './pass-counts.ts';
import { findNamed, namedOutcome } from './named.ts';
import type { Instant, Transaction } from '../../domain/transaction.ts';
import { asUnknownOutcome } from '../unknown-outcome.ts';
import { stripeUnauthorized, type KeyRefusal } from './unauthorized.ts';

/** Pause between probes while it is being found out whether Stripe is away. */
const PROBE_PAUSE_MS = 200;

export interface ReconcileDeps extends Omit<AdvanceDeps, 'ledgerMarks' | 'doubted'> {
  readonly history: History;
  readonly passes: Passes;
  readonly pendingAfterMs: number;
  /** Whose ledger it is; throws where the key is of another account or mode. */
  readonly whose: () => Promise<OwnLedger>;
  /** One call: is everything that Stripe shows of this ledger here? */
  readonly checkWhole: (identity: LedgerIdentity) => Promise<Wholeness>;
  /** Sends due e-mails; a pass ends with it. */
  readonly dispatch: (signal: AbortSignal | undefined) => Promise<unknown>;
}

/**
 * One pass over everything that is due. Looks first whose ledger it is and whether it is whole, claims
 * in blocks, asks Stripe, records each verdict as it falls; stops without spending attempts when Stripe
 * is away. Returns a report; the loop around it (daemon, cron) is somebody else's.
 *
 * @throws PayreconError `configuration` when Stripe refuses our key or the ledger is another account's,
 *   `unreachable` for the database, `unknown_outcome` for the database once anything was sent or recorded.
 */
export async function reconcile(
  deps: ReconcileDeps,
  options: ReconcileOptions,
): Promise<PassOutcome> {
  if (options.dryRun) {
    const { marks, identity } = await deps.whose();
    return await dryRun(
      { ...deps, ledgerMarks: marks, doubted: identity.rolledBackAt !== null },
      options,
    );
  }
  const { ledger, gateway, anyChange } = noticingChanges(deps);
  let passed: Passed;
  try {
    passed = await runPass({ ...deps, ledger, gateway }, options);
  } catch (error) {
    throw anyChange()
      ? asUnknownOutcome(
          error,
          'The pass was broken off; what it had recorded stands, and the next pass goes on.',
        )
      : error;
  }
  // The pass came to its end: nothing about its rows is unknown.
  if (passed.refused !== null) throw stripeUnauthorized(passed.refused);
  return passed.outcome;
}

interface Passed {
  readonly outcome: PassOutcome;
  readonly refused: KeyRefusal | null;
}

async function runPass(deps: ReconcileDeps, options: ReconcileOptions): Promise<Passed> {
  const startedMs = deps.clock.monotonicMs();
  const callsBefore = deps.gateway.calls();
  const health = watchStripe();
  // What a key of another account would conclude is wrong: asked before the pass leaves any trace.
  const own = await ownOrAway(deps, health);
  const named = options.only === undefined ? null : await beginNamed(deps.ledger, options.only);
  const pass =
    named === null
      ? await deps.passes.begin(deps.actor)
      : { id: null, ...(await deps.passes.look()) };
  const tally = tallyRows();
  const ended = await rowsOfPass(deps, options, { own, pass, health, tally, startedMs, named });
  try {
    return await endPass(
      deps,
      options,
      { own, pass, health, tally, startedMs, callsBefore, named },
      ended,
    );
  } catch (error) {
    // With the database away, what it was asked last is less than what may have been left half done before.
    throw isAway(ended.error) ? ended.error : error;
  }
}

async function endPass(
  deps: ReconcileDeps,
  options: ReconcileOptions,
  passing: Passing & { readonly callsBefore: CallCounts },
  ended: RowsEnd,
): Promise<Passed> {
  const { pass, health, tally, startedMs, callsBefore } = passing;
  const outage = await keepOutage(deps, health, pass.outageOpen);
  const interrupted = options.signal?.aborted ?? false;
  // Whatever became of the rows, the e-mails that are due go out.
  if (!isAway(ended.error)) await deps.dispatch(options.signal);
  const waiting = await deps.history.waiting(deps.pendingAfterMs);
  const report = tally.report({
    notSent: await deps.history.notSent(),
    stripeCalls: callsSince(callsBefore, deps.gateway.calls()),
    outage,
    stoppedBy: stoppedBy(ended, { outage, interrupted }),
    durationMs: Math.round(deps.clock.monotonicMs() - startedMs),
  });
  if (pass.id !== null) await deps.passes.finish(pass.id, report);
  if (ended.error !== null) throw ended.error;
  const { stuck, overdue, changed } = await deps.history.needsPerson();
  const takeOverInMs =
    outage || interrupted || passing.named !== null
      ? null
      : await deps.ledger.takeOverInMs(deps.pendingAfterMs);
  const outcome = {
    passId: pass.id,
    startedAt: pass.startedAt,
    report,
    stuckTotal: stuck,
    overdueTotal: overdue,
    changedTotal: changed,
    rolledBack: ended.rolledBack,
    interrupted,
    takeOverInMs,
    waiting,
    named: passing.named === null ? null : passing.named.outcome(pass.startedAt),
  };
  return { outcome, refused: ended.end.refused };
}

interface Passing {
  readonly own: OwnLedger | null;
  readonly pass: Awaited<ReturnType<Passes['look']>> & {
    /** Null where the pass leaves no row. */
    readonly id: string | null;
  };
  readonly health: StripeHealth;
  readonly tally: Tally;
  /** Monotonic. */
  readonly startedMs: number;
  readonly named: Named | null;
}

/** The transactions that were named, as the pass goes on. */
interface Named {
  readonly ids: readonly string[];
  readonly held: (id: string) => void;
  readonly saw: (after: Transaction) => void;
  readonly outcome: (now: Instant) => NamedOutcome;
}

/** Before the pass does anything: one that the ledger does not have ends it. */
async function beginNamed(ledger: Ledger, only: readonly string[]): Promise<Named> {
  const rows = new Map((await findNamed(ledger, only)).map((row) => [row.id, row]));
  const held = new Set<string>();
  return {
    ids: [...rows.keys()],
    held: (id) => held.add(id),
    saw: (after) => rows.has(after.id) && rows.set(after.id, after),
    outcome(now) {
      const isHeld = ({ id }: Transaction): boolean => held.has(id);
      const all = [...rows.values()];
      return namedOutcome(
        all.filter((row) => !isHeld(row)),
        all.filter(isHeld),
        now,
      );
    },
  };
}

interface RowsEnd {
  readonly end: BlockEnd;
  readonly rolledBack: boolean;
  readonly error: Error | null;
}

/** A failure of the database, for which nothing more can be done in this pass. */
function isAway(error: Error | null): boolean {
  return error instanceof PayreconError;
}

function stoppedBy(
  { end, error }: RowsEnd,
  { outage, interrupted }: { readonly outage: boolean; readonly interrupted: boolean },
): string | null {
  if (outage) return 'outage';
  if (interrupted) return 'interrupted';
  if (end.refused !== null) return end.refused.httpStatus === 401 ? 'key_refused' : 'key_forbidden';
  return error === null ? null : 'error';
}

const NOTHING_REFUSED: BlockEnd = { kind: 'done', refused: null };

async function rowsOfPass(
  deps: ReconcileDeps,
  options: ReconcileOptions,
  passing: Passing,
): Promise<RowsEnd> {
  const { own, pass, health, tally, named } = passing;
  const stop = new AbortController();
  const letGo = stopWith(stop, options.signal);
  const probe = oneAtATime(async () => {
    await probeUntilKnown(deps, health, stop.signal);
  });
  const onRow = (row: ReconciledRow): void => {
    tally.add(row.after);
    named?.saw(row.after);
    options.onRow?.(row);
  };
  let rolledBack = own?.identity.rolledBackAt !== null && own !== null;
  try {
    if (pass.outageOpen) await probeOnce(deps, health);
    const away = own === null || health.away() || (pass.outageOpen && !health.worked());
    if (away) return { end: NOTHING_REFUSED, rolledBack, error: null };
    const whole = await deps.checkWhole(own.identity);
    if (whole.kind === 'unknown') health.sawFailure();
    else health.sawWorking();
    if (whole.kind === 'whole' || whole.kind === 'rolled_back')
      rolledBack = whole.kind === 'rolled_back';
    const blockDeps = {
      ...deps,
      ledgerMarks: own.marks,
      doubted: rolledBack,
      health,
      stop,
      probe,
      onRow,
    };
    const end = await reconcileBlocks(blockDeps, named === null ? options.limit : 0, {
      pendingAfterMs: deps.pendingAfterMs,
      startedAt: pass.startedAt,
      startedMs: passing.startedMs,
      first: askedFirst(whole, named),
      onHeld: (id) => named?.held(id),
    });
    return { end: { ...end, refused: end.refused ?? listRefused(whole) }, rolledBack, error: null };
  } catch (error) {
    return {
      end: NOTHING_REFUSED,
      rolledBack,
      error: error instanceof Error ? error : new Error(String(error)),
    };
  } finally {
    letGo();
  }
}

/** Ids, each once: what a restored ledger has lost steps of, and what was named. */
function askedFirst(whole: Wholeness, named: Named | null): readonly string[] {
  const lost = whole.kind === 'rolled_back' ? whole.lostHere : [];
  return [...new Set([...lost, ...(named?.ids ?? [])])];
}

/** A right that is missing is said at the end; what needs other calls was done. */
function listRefused(whole: Wholeness): KeyRefusal | null {
  if (whole.kind !== 'refused') return null;
  return {
    httpStatus: whole.httpStatus,
    summary: `Stripe does not let this key list payment intents (${String(whole.httpStatus)}): ${whole.message}`,
  };
}

/** Null while Stripe does not say whose the key is: then nothing is concluded about any row. */
async function ownOrAway(deps: ReconcileDeps, health: StripeHealth): Promise<OwnLedger | null> {
  while (!health.away()) {
    try {
      return await deps.whose();
    } catch (error) {
      if (!(error instanceof PayreconError) || error.code !== 'stripe_unreachable') throw error;
      health.sawFailure();
      await deps.clock.sleep(PROBE_PAUSE_MS);
    }
  }
  return null;
}

/**
 * Counts recorded steps, verdicts, and writes whose outcome is unknown. A write request to Stripe counts as a change
 * once it is sent, even if its answer is lost.
 */
function noticingChanges({ ledger, gateway }: Pick<AdvanceDeps, 'ledger' | 'gateway'>): Pick<
  AdvanceDeps,
  'ledger' | 'gateway'
> & {
  readonly anyChange: () => boolean;
} {
  let any = false;
  const record: Ledger['record'] = async (...args) => {
    try {
      const result = await ledger.record(...args);
      any ||= result.kind === 'recorded';
      return result;
    } catch (error) {
      any ||= error instanceof PayreconError && error.kind === 'unknown_outcome';
      throw error;
    }
  };
  const telling = async (call: Promise<Answer>): Promise<Answer> => {
    any = true;
    return await call;
  };
  return {
    ledger: { ...ledger, record },
    gateway: {
      ...gateway,
      create: async (transaction) => await telling(gateway.create(transaction)),
      confirm: async (transaction) => await telling(gateway.confirm(transaction)),
      cancel: async (transaction) => await telling(gateway.cancel(transaction)),
    },
    anyChange: () => any,
  };
}

/** Also stops on the caller's signal. Returns a function that removes the listener. */
function stopWith(stop: AbortController, signal: AbortSignal | undefined): () => void {
  const onSignal = (): void => {
    stop.abort();
  };
  if (signal?.aborted === true) onSignal();
  signal?.addEventListener('abort', onSignal, { once: true });
  return () => {
    signal?.removeEventListener('abort', onSignal);
  };
}

/** Opens or closes the outage by what this pass saw; one e-mail an outage, queued with its opening. */
async function keepOutage(
  deps: ReconcileDeps,
  health: StripeHealth,
  open: boolean,
): Promise<boolean> {
  if (health.away() || (open && !health.worked())) {
    await deps.passes.openOutage({ failures_in_a_row: health.failuresInARow() });
    return true;
  }
  if (open) await deps.passes.closeOutage();
  return false;
}

async function probeOnce(deps: ReconcileDeps, health: StripeHealth): Promise<void> {
  const answer = await deps.gateway.account();
  if (answer.kind === 'unreachable') health.sawFailure();
  else health.sawWorking();
}

/** Rows failed in a row: is it they, or Stripe? Probes until one gets through or an outage is certain. */
async function probeUntilKnown(
  deps: ReconcileDeps,
  health: StripeHealth,
  signal: AbortSignal,
): Promise<void> {
  while (health.failuresInARow() > 0 && !signal.aborted) {
    await probeOnce(deps, health);
    if (health.away()) return;
    if (health.failuresInARow() > 0) await deps.clock.sleep(PROBE_PAUSE_MS, signal);
  }
}

/** Whoever asks while it runs shares its end. */
function oneAtATime(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | null = null;
  return async () => {
    running ??= work().finally(() => {
      running = null;
    });
    await running;
  };
}
