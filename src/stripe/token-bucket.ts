/** After a 429 the rate is halved, down to this share of the configured one .. */
const SLOWEST_SHARE = 1 / 16;
/** .. and comes back to all of it evenly over this time. */
const RECOVERY_MS = 10_000;
/** Answers to requests that were under way together count as one 429. */
const ONE_SLOW_DOWN_PER_MS = 1_000;

/**
 * A token bucket that never lets more than `ratePerSecond` begin within any second, its burst included.
 * `reserve` takes a token at once, even one that is not there yet, and says how long to wait for
 * it: whoever asked first goes first.
 */
export class TokenBucket {
  readonly #capacity: number;
  readonly #refillPerSecond: number;
  #tokens: number;
  #countedAtMs: number;
  #slowed: { readonly atMs: number; readonly share: number } | null = null;

  constructor(ratePerSecond: number, nowMs: number) {
    // A small burst, so that the few calls of one charge do not wait for each other. It is taken off
    // the refill: `capacity` at once and then `ceil(refill) - 1` more is all that fits into one second.
    this.#capacity = Math.floor(ratePerSecond / 20) + 1;
    this.#refillPerSecond = ratePerSecond - (this.#capacity - 1);
    this.#tokens = this.#capacity;
    this.#countedAtMs = nowMs;
  }

  /** Milliseconds to wait before the request may begin. */
  reserve(nowMs: number): number {
    this.#refill(nowMs);
    this.#tokens -= 1;
    return this.#tokens >= 0 ? 0 : (-this.#tokens / this.#rate(nowMs)) * 1_000;
  }

  giveBack(): void {
    this.#tokens = Math.min(this.#capacity, this.#tokens + 1);
  }

  slowDown(nowMs: number): void {
    if (this.#slowed !== null && nowMs - this.#slowed.atMs < ONE_SLOW_DOWN_PER_MS) return;
    this.#refill(nowMs);
    // No burst either: Stripe has just said that it is too many.
    this.#tokens = Math.min(this.#tokens, 0);
    this.#slowed = { atMs: nowMs, share: Math.max(SLOWEST_SHARE, this.#share(nowMs) / 2) };
  }

  #refill(nowMs: number): void {
    const elapsedMs = Math.max(0, nowMs - this.#countedAtMs);
    this.#tokens = Math.min(this.#capacity, this.#tokens + (elapsedMs / 1_000) * this.#rate(nowMs));
    this.#countedAtMs = nowMs;
  }

  #rate(nowMs: number): number {
    return this.#refillPerSecond * this.#share(nowMs);
  }

  #share(nowMs: number): number {
    if (this.#slowed === null) return 1;
    const recovered = (nowMs - this.#slowed.atMs) / RECOVERY_MS;
    return Math.min(1, this.#slowed.share + recovered);
  }
}
