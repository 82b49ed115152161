import type { Transaction } from '../../domain/transaction.ts';
import type { CallCounts, PassReport } from '../ports.ts';

/** Counts a pass's rows by what became of them. */
export interface Tally {
  add(after: Transaction): void;
  report(end: PassEnd): PassReport;
}

/** What a pass knows besides its rows. */
export type PassEnd = Pick<
  PassReport,
  'notSent' | 'stripeCalls' | 'outage' | 'stoppedBy' | 'durationMs'
>;

export function tallyRows(): Tally {
  const settled = { succeeded: 0, failed: 0, canceled: 0 };
  let due = 0;
  let pending = 0;
  let stuck = 0;
  return {
    add(after) {
      due += 1;
      if (after.status === 'pending') pending += 1;
      else if (after.status === 'stuck') stuck += 1;
      else settled[after.status] += 1;
    },
    report: (end) => ({ due, settled: { ...settled }, pending, stuck, ...end }),
  };
}

export function callsSince(before: CallCounts, now: CallCounts): CallCounts {
  return {
    list: now.list - before.list,
    retrieve: now.retrieve - before.retrieve,
    other: now.other - before.other,
  };
}
