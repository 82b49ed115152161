import { sharePerMille, slowedDown, type SlowDown } from '../../domain/rate-limit/slow-down.ts';

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
  #slowed: SlowDown | null = null;

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
    const slowed = slowedDown(this.#slowed, nowMs);
    if (slowed === this.#slowed) return;
    this.#refill(nowMs);
    // No burst either: Stripe has just said that it is too many.
    this.#tokens = Math.min(this.#tokens, 0);
    this.#slowed = slowed;
  }

  #refill(nowMs: number): void {
    const elapsedMs = Math.max(0, nowMs - this.#countedAtMs);
    this.#tokens = Math.min(this.#capacity, this.#tokens + (elapsedMs / 1_000) * this.#rate(nowMs));
    this.#countedAtMs = nowMs;
  }

  #rate(nowMs: number): number {
    return (this.#refillPerSecond * sharePerMille(this.#slowed, nowMs)) / 1_000;
  }
}
