import type { AdvanceDeps } from './advance.ts';
import { reconcileBlock } from './block.ts';
import { dryRun } from './dry-run.ts';
import { OUTAGE_AFTER_FAILURES, watchStripe } from './health.ts';
import type { StripeHealth } from './health.ts';
import type { PassOutcome, ReconcileOptions } from './payrecon.ts';
import type { DueQuery, Passes } from './ports.ts';
import type { History } from './views.ts';
import { callsSince, tallyRows } from './tally.ts';
import { stripeUnauthorized } from './unauthorized.ts';

/** Rows claimed at a time: a page of Stripe's list, and seconds of work well inside the lease. */
const BLOCK_ROWS = 100;
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
 * @throws PayreconError `configuration` when Stripe refuses our key, `unreachable` for the database.
 */
export async function reconcile(deps: ReconcileDeps, options: ReconcileOptions): Promise<PassOutcome> {
  if (options.dryRun) return await dryRun(deps, options);
  const startedMs = deps.clock.monotonicMs();
  const callsBefore = deps.gateway.calls();
  const pass = await deps.passes.begin(deps.actor);
  const health = watchStripe();
  const tally = tallyRows();
  const stop = new AbortController();
  const onSignal = (): void => { stop.abort(); };
  options.signal?.addEventListener('abort', onSignal, { once: true });
  if (options.signal?.aborted === true) stop.abort();
  const probe = async (): Promise<void> => { await probeUntilKnown(deps, health, stop.signal); };
  let unauthorized = false;
  try {
    if (pass.outageOpen) await probeOnce(deps, health);
    let left = options.limit ?? Number.POSITIVE_INFINITY;
    while (!stop.signal.aborted && !(pass.outageOpen && !health.worked()) && left > 0) {
      const query: DueQuery = { limit: Math.min(BLOCK_ROWS, left), pendingAfterMs: deps.pendingAfterMs, dueBy: pass.startedAt };
      const claims = await deps.ledger.claimDue(query, deps.actor);
      if (claims.length === 0) break;
      left -= claims.length;
      const end = await reconcileBlock(
        { ...deps, health, stop, probe, onRow: (row) => { tally.add(row.after); options.onRow?.(row); } },
        claims,
      );
      unauthorized = end === 'unauthorized';
    }
  } finally {
    options.signal?.removeEventListener('abort', onSignal);
  }
  const interrupted = options.signal?.aborted ?? false;
  const outage = await keepOutage(deps, health, pass.outageOpen);
  await deps.dispatch(options.signal);
  const report = tally.report(callsSince(callsBefore, deps.gateway.calls()), outage, Math.round(deps.clock.monotonicMs() - startedMs));
  await deps.passes.finish(pass.id, report);
  if (unauthorized) throw stripeUnauthorized();
  const { stuck, overdue } = await deps.history.needsPerson();
  return { passId: pass.id, report, stuckTotal: stuck, overdueTotal: overdue, interrupted };
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

/** A few due rows all failed: is it them, or Stripe? Probes until one gets through or an outage is certain. */
async function probeUntilKnown(deps: ReconcileDeps, health: StripeHealth, signal: AbortSignal): Promise<void> {
  while (!health.worked() && health.failuresInARow() < OUTAGE_AFTER_FAILURES && !signal.aborted) {
    await probeOnce(deps, health);
    if (!health.worked()) await deps.clock.sleep(PROBE_PAUSE_MS, signal);
  }
}
