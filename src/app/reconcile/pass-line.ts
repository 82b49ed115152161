import type { PassOutcome } from '../service.ts';

/** One pass in one line, for the journal of the daemon. */
export function passLine(outcome: PassOutcome): string {
  const { report, stuckTotal, overdueTotal, changedTotal, interrupted, waiting } = outcome;
  const { due, settled, pending, notSent, stripeCalls, durationMs } = report;
  const calls = stripeCalls.list + stripeCalls.retrieve + stripeCalls.other;
  return [
    `pass: ${String(due)} due`,
    `${String(settled.succeeded)} succeeded`,
    `${String(settled.failed)} failed`,
    `${String(settled.canceled)} canceled`,
    `${String(pending)} still pending`,
    ...(waiting.tooYoung > 0 ? [`${String(waiting.tooYoung)} too young`] : []),
    ...(notSent > 0 ? [`${String(notSent)} never sent`] : []),
    `${String(stuckTotal)} stuck and ${String(overdueTotal)} overdue in all`,
    ...(changedTotal > 0 ? [`${String(changedTotal)} not as they were`] : []),
    `${String(calls)} calls to Stripe`,
    `${String(durationMs)} ms`,
    ...(outcome.rolledBack
      ? ['the ledger lacks payments that Stripe shows: nothing is charged on it']
      : []),
    ...(report.outage ? ['Stripe is away: no attempt was spent'] : []),
    ...(interrupted ? ['interrupted'] : []),
    ...stoppedWords(report.stoppedBy),
  ].join(', ');
}

/** An outage and a signal are said already. */
function stoppedWords(stoppedBy: string | null): readonly string[] {
  return stoppedBy === null || stoppedBy === 'outage' || stoppedBy === 'interrupted'
    ? []
    : [`stopped early by ${stoppedBy}`];
}
