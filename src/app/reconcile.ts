import type { Answer } from '../domain/answer.ts';
import { PayreconError } from '../domain/errors.ts';
import type { AdvanceDeps } from './advance.ts';
import type { BlockEnd } from './block.ts';
import { reconcileBlocks } from './blocks.ts';
import { dryRun } from './dry-run.ts';
import { watchStripe } from './health.ts';
import type { StripeHealth } from './health.ts';
import type { PassOutcome, ReconcileOptions, ReconciledRow } from './payrecon.ts';
import type { Ledger, Passes } from './ports.ts';
import type { History } from './views.ts';
import { callsSince, tallyRows } from './tally.ts';
import { asUnknownOutcome } from './unknown-outcome.ts';
import { stripeUnauthorized } from './unauthorized.ts';

/** Pause between probes while it is being found out whether Stripe is away. */
const PROBE_PAUSE_MS = 200;

export interface ReconcileDeps extends AdvanceDeps {
  readonly history: History;
  readonly passes: Passes;
  readonly pendingAfterMs: number;
  /** Sends due e-mails; a pass ends with it. */
  readonly dispatch: (signal: AbortSignal | undefined) => Promise<unknown>;
}

/**
 * One pass over everything that is due. Claims in blocks, asks Stripe, records each verdict as it
 * falls; stops without spending attempts when Stripe is away. Returns a report; the loop around it
 * (daemon, cron) is somebody else's.
 *
 * @throws PayreconError `configuration` when Stripe refuses our key, `unreachable` for the database,
 *   `unknown_outcome` for the database once anything was sent or recorded.
 */
export async function reconcile(deps: ReconcileDeps, options: ReconcileOptions): Promise<PassOutcome> {
  if (options.dryRun) return await dryRun(deps, options);
  const { ledger, gateway, anyChange } = noticingChanges(deps);
  let outcome: PassOutcome | 'unauthorized';
  try {
    outcome = await runPass({ ...deps, ledger, gateway }, options);
  } catch (error) {
    throw anyChange() ? asUnknownOutcome(error, 'The pass was broken off; what it had recorded stands, and the next pass goes on.') : error;
  }
  if (outcome === 'unauthorized') throw stripeUnauthorized();
  return outcome;
}

async function runPass(deps: ReconcileDeps, options: ReconcileOptions): Promise<PassOutcome | 'unauthorized'> {
  const startedMs = deps.clock.monotonicMs();
  const callsBefore = deps.gateway.calls();
  const pass = await deps.passes.begin(deps.actor);
  const health = watchStripe();
  const tally = tallyRows();
  const stop = new AbortController();
  const letGo = stopWith(stop, options.signal);
  const probe = oneAtATime(async () => { await probeUntilKnown(deps, health, stop.signal); });
  const onRow = (row: ReconciledRow): void => {
    tally.add(row.after);
    options.onRow?.(row);
  };
  let end: BlockEnd = 'done';
  try {
    if (pass.outageOpen) await probeOnce(deps, health);
    const away = pass.outageOpen && !health.worked();
    if (!away) end = await reconcileBlocks({ ...deps, health, stop, probe, onRow }, options.limit, { pendingAfterMs: deps.pendingAfterMs, dueBy: pass.startedAt });
  } finally {
    letGo();
  }
  const interrupted = options.signal?.aborted ?? false;
  const outage = await keepOutage(deps, health, pass.outageOpen);
  await deps.dispatch(options.signal);
  const report = tally.report({
    notSent: await deps.history.notSent(),
    stripeCalls: callsSince(callsBefore, deps.gateway.calls()),
    outage,
    stoppedBy: outage ? 'outage' : interrupted ? 'interrupted' : null,
    durationMs: Math.round(deps.clock.monotonicMs() - startedMs),
  });
  await deps.passes.finish(pass.id, report);
  if (end === 'unauthorized') return end;
  const { stuck, overdue } = await deps.history.needsPerson();
  const takeOverInMs = outage || interrupted ? null : await deps.ledger.takeOverInMs(deps.pendingAfterMs);
  return { passId: pass.id, report, stuckTotal: stuck, overdueTotal: overdue, interrupted, takeOverInMs };
}

/**
 * A step of a row is a change as well as its verdict, and so is a write whose end nobody knows. What Stripe is told to
 * do counts from the moment that it is told: an answer that is lost changes nothing about that.
 */
function noticingChanges({ ledger, gateway }: AdvanceDeps): Pick<AdvanceDeps, 'ledger' | 'gateway'> & { readonly anyChange: () => boolean } {
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
      create: async (transaction) => await telling(gateway.create(transaction)),
      confirm: async (transaction) => await telling(gateway.confirm(transaction)),
      cancel: async (transaction) => await telling(gateway.cancel(transaction)),
      lookUp: (queries, signal) => gateway.lookUp(queries, signal),
      account: async () => await gateway.account(),
      calls: () => gateway.calls(),
    },
    anyChange: () => any,
  };
}

/** The pass stops with the caller's signal, too; the answer lets go of it. */
function stopWith(stop: AbortController, signal: AbortSignal | undefined): () => void {
  const onSignal = (): void => { stop.abort(); };
  if (signal?.aborted === true) onSignal();
  signal?.addEventListener('abort', onSignal, { once: true });
  return () => { signal?.removeEventListener('abort', onSignal); };
}

/** Opens or closes the outage by what this pass saw; one e-mail an outage, queued with its opening. */
async function keepOutage(deps: ReconcileDeps, health: StripeHealth, open: boolean): Promise<boolean> {
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
async function probeUntilKnown(deps: ReconcileDeps, health: StripeHealth, signal: AbortSignal): Promise<void> {
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
