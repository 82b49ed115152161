import type { PassOutcome } from '../service.ts';

/** One pass in one line, for the journal of the daemon. */
export function passLine({ report, stuckTotal, overdueTotal, interrupted }: PassOutcome): string {
  const { due, settled, pending, stripeCalls, durationMs } = report;
  const calls = stripeCalls.list + stripeCalls.retrieve + stripeCalls.other;
  return [
    `pass: ${String(due)} due`,
    `${String(settled.succeeded)} succeeded`,
    `${String(settled.failed)} failed`,
    `${String(settled.canceled)} canceled`,
    `${String(pending)} still pending`,
    `${String(stuckTotal)} stuck and ${String(overdueTotal)} overdue in all`,
    `${String(calls)} calls to Stripe`,
    `${String(durationMs)} ms`,
    ...(report.outage ? ['Stripe is away: no attempt was spent'] : []),
    ...(interrupted ? ['interrupted'] : []),
  ].join(', ');
}
