import type { PassOutcome } from '../../../app/service.ts';
import type { JsonObject } from '../../../domain/transaction.ts';

/** Keys and their order are the contract of the command line; `pass` is null on a dry run, which leaves no trace. */
export function passJson({ passId, report }: Pick<PassOutcome, 'passId' | 'report'>): JsonObject {
  const { due, notSent, settled, pending, stuck, stripeCalls, outage, stoppedBy, durationMs } =
    report;
  return {
    pass: passId,
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
