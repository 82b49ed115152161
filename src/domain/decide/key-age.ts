import type { Instant } from '../transaction.ts';
import type { Purpose } from './decision.ts';

/*
 * The 23 hours: Stripe keeps an idempotency key for at least 24 hours, and charges again under it after that. So
 * a key is only sent again while it is certainly younger, with one hour of margin.
 */

export const KEY_LIFETIME_MS = 23 * 3_600_000;

export interface KeyAgeContext {
  readonly purpose: Purpose;
  readonly now: Instant;
  /** How far Stripe's clock is ahead of ours, in ms, by its last answer. */
  readonly stripeAheadMs: number;
}

/** Whether Stripe certainly still knows the key that was first sent then. */
export function isYoungKey(
  firstSentAt: Instant,
  { purpose, now, stripeAheadMs }: KeyAgeContext,
): boolean {
  // A first send in the future was stamped by a wrong clock: nobody knows how old the key is.
  if (firstSentAt > now) return false;
  // Set back since the send, our clock shows less than has gone by at Stripe, which forgets keys by its own. A clock that was
  // always behind looks the same: a pass then reads the list, which costs a call, and a caller is not held up by it.
  const aheadMs = purpose === 'charge' ? 0 : Math.max(0, stripeAheadMs);
  return now - firstSentAt + aheadMs < KEY_LIFETIME_MS;
}
