import type { Clock, LookUp } from '../app/ports.ts';

/** Within this Stripe's clock and the database's count as the same: a scan looks ten minutes further anyway. */
const SAME_CLOCK_MS = 60_000;

/**
 * What Stripe's clock says, learned from the `Date` of its answers (whole seconds). Times at Stripe,
 * such as an intent's `created`, are of this clock; times in the ledger are of the database's, which
 * may be set wrongly by any amount.
 */
export class StripeClock {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  #seen: { readonly stripeMs: number; readonly atMs: number } | null = null;

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  saw(dateHeader: string | null): void {
    const stripeMs = Date.parse(dateHeader ?? '');
    if (!Number.isNaN(stripeMs)) this.#seen = { stripeMs, atMs: this.#clock.monotonicMs() };
  }

  /** How far Stripe's clock is ahead of the database's, which has just been read; 0 within a minute, null before Stripe's first answer. */
  aheadOf(now: number): number | null {
    return this.measure()({ askedAt: now });
  }

  /**
   * Begins to count from now, when the database's clock has just been read for the look-ups. The
   * result tells for each of them how far Stripe's clock is ahead (0 within a minute), as soon as it
   * is known; null before Stripe's first answer.
   */
  measure(): (query: Pick<LookUp, 'askedAt'>) => number | null {
    const beganMs = this.#clock.monotonicMs();
    return ({ askedAt }) => {
      if (this.#seen === null || askedAt === undefined) return null;
      const stripeMs = this.#seen.stripeMs - (this.#seen.atMs - beganMs);
      const aheadMs = stripeMs - askedAt;
      return Math.abs(aheadMs) <= SAME_CLOCK_MS ? 0 : aheadMs;
    };
  }
}
