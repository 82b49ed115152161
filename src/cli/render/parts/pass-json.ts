import type { PassReport } from '../../../app/ports.ts';
import type { PassOutcome } from '../../../app/service.ts';
import type { JsonObject } from '../../../domain/transaction.ts';
import { timeJson } from './json.ts';

/** Keys and their order are the contract of the command line; `pass` is null where the pass left no row. */
export function passJson({ passId, startedAt, report, waiting }: PassOutcome): JsonObject {
  return {
    pass: passId,
    started_at: timeJson(startedAt),
    due: report.due,
    too_young: waiting.tooYoung,
    ...countsJson(report),
  };
}

/** What is kept of a pass. */
export function countsJson(report: PassReport): JsonObject {
  const { due, notSent, settled, pending, stuck, stripeCalls, outage, stoppedBy, durationMs } =
    report;
  return {
    due,
    not_sent: notSent,
    settled: { succeeded: settled.succeeded, failed: settled.failed, canceled: settled.canceled },
    pending,
    stuck,
    stripe_calls: {
      list: stripeCalls.list,
      retrieve: stripeCalls.retrieve,
      other: stripeCalls.other,
    },
    outage,
    stopped_by: stoppedBy,
    duration_ms: durationMs,
  };
}
