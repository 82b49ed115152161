/*
 * The one rule for Stripe's 429, for a process by itself and for all processes that share a budget: the rate is halved, down
 * to a sixteenth, and comes back to all of it evenly over ten seconds. Answers to requests that were in flight together
 * count as one.
 */

const WHOLE_PER_MILLE = 1_000;
const SLOWEST_PER_MILLE = 62;
const RECOVERY_MS = 10_000;
const ONE_SLOW_DOWN_PER_MS = 1_000;

/** When Stripe last answered 429, in milliseconds of any one clock, and the share of the rate that was left then. */
export interface SlowDown {
  readonly atMs: number;
  readonly perMille: number;
}

/** The share of the configured rate that may be used now, in thousandths. */
export function sharePerMille(slowed: SlowDown | null, nowMs: number): number {
  // So far in the future only a wrong clock can have written it.
  if (slowed === null || slowed.atMs > nowMs + ONE_SLOW_DOWN_PER_MS) return WHOLE_PER_MILLE;
  const recovered = (WHOLE_PER_MILLE * Math.max(0, nowMs - slowed.atMs)) / RECOVERY_MS;
  return Math.min(WHOLE_PER_MILLE, slowed.perMille + recovered);
}

/** After a 429; the same object where it belongs to one that was counted already. */
export function slowedDown(slowed: SlowDown | null, nowMs: number): SlowDown {
  if (slowed !== null && Math.abs(nowMs - slowed.atMs) < ONE_SLOW_DOWN_PER_MS) return slowed;
  const half = Math.floor(sharePerMille(slowed, nowMs) / 2);
  return { atMs: nowMs, perMille: Math.max(SLOWEST_PER_MILLE, half) };
}
