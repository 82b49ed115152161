import type { NeedsPerson } from '../../../app/ports.ts';
import type { Instant } from '../../../domain/transaction.ts';
import type { Output } from '../../streams.ts';
import { fullTime } from './time.ts';

/** Payments that no pass asks about yet, and when the first of them is; null where there is none. */
export function countFrom(
  count: number,
  from: Instant | null,
  { now, output }: { readonly now: Instant; readonly output: Output },
): string | null {
  if (count === 0 || from === null) return null;
  const first = count === 1 ? 'asked about' : 'the first asked about';
  return `${String(count)}, ${first} from ${fullTime(from, now, output)}`;
}

/** Null where there is none. */
export function unsentCount(count: number): string | null {
  return count === 0 ? null : `${String(count)}, left to whoever charges again with their keys`;
}

export function needsWords({ stuck, overdue, changed }: NeedsPerson): string {
  const all = [`${String(stuck)} stuck`, `${String(overdue)} overdue`];
  return [...all, ...(changed > 0 ? [`${String(changed)} not as told before`] : [])].join(', ');
}
