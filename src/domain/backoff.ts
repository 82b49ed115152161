/**
 * Exponential backoff with full jitter: uniform between 0 and min(cap, base * 2^tries), in
 * milliseconds. Full jitter spreads the retries of many rows that failed at the same moment.
 */
export function backoffMs(tries: number, baseMs: number, capMs: number, uniform: number): number {
  const exponent = Math.min(tries, 40);
  return Math.floor(uniform * Math.min(capMs, baseMs * 2 ** exponent));
}
