import { isFinal } from './statuses.ts';
import type { Instant, Transaction } from './transaction.ts';

/*
 * The range of Stripe's list that is read for a transaction whose payment intent's id is not known.
 * A range that misses the instant at which the intent was made looks the same as an intent that does
 * not exist, so it has to hold that instant however wrong the clock was that stamped the row:
 *
 *     the clock was      the row looks              the intent was made
 *     right              as old as it is            at `first` or later
 *     behind             older than it is           after `first`: the range ends now, at any age
 *     ahead              younger than it is         before `first`: the range begins eight days earlier
 *     ahead, until now   as if it were not yet      at any time: the range begins with the account
 */

const DAY_MS = 24 * 3_600_000;

/** How far ahead the clock may have been at the send without the row showing it. */
export const UNNOTICED_AHEAD_MS = 8 * DAY_MS;

/** As much of the list is read for a row about which its absence decides nothing, as often as it is due. */
const WATCHED_MS = 8 * DAY_MS;

export interface ScanWindow {
  readonly from: Instant;
  readonly to: Instant;
}

/** In the database's time, as its clock is now. */
export function scanWindow(transaction: Transaction, now: Instant): ScanWindow {
  const first = firstSend(transaction);
  if (first > now) return { from: 0, to: now };
  const from = Math.max(0, first - UNNOTICED_AHEAD_MS);
  return { from: isOnlyWatched(transaction) ? Math.max(from, now - WATCHED_MS) : from, to: now };
}

/** Before this nothing can have been sent for it, as far as the clock was right. */
export function firstSend({ createSentAt, createdAt }: Transaction): Instant {
  return Math.min(createSentAt ?? createdAt, createdAt);
}

/** It is settled, or a person decides about it: nothing is concluded from what the list does not show. */
function isOnlyWatched({ status, keyConflictAt }: Transaction): boolean {
  return isFinal(status) || keyConflictAt !== null;
}
