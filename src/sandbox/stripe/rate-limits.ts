// Token buckets as Stripe has them: one for the account, one for each endpoint whatever the object.
import { Refusal } from './refusal.ts';

/** Of a sandbox account, a second: docs.stripe.com/rate-limits. */
const STANDARD_PER_SECOND = 25;
const SEARCH_PER_SECOND = 20;
const UPDATES_PER_INTENT = 1000;
const HOUR_MS = 60 * 60 * 1000;

export interface RateLimitSettings {
  readonly perSecond: number;
  readonly perEndpoint: number;
}

export const STANDARD_LIMITS: RateLimitSettings = {
  perSecond: STANDARD_PER_SECOND,
  perEndpoint: STANDARD_PER_SECOND,
};
/** In live mode each endpoint has the same, all of them together more. */
export const LIVE_LIMITS: RateLimitSettings = { perSecond: 100, perEndpoint: STANDARD_PER_SECOND };

type Reason = 'global-rate' | 'endpoint-rate' | 'resource-specific';

interface Bucket {
  tokens: number;
  filledAtMs: number;
}

export class RateLimits {
  readonly #settings: RateLimitSettings | null;
  readonly #nowMs: () => number;
  readonly #buckets = new Map<string, Bucket>();
  readonly #updates = new Map<string, { count: number; sinceMs: number }>();

  /** No settings: no limits. `nowMs` is the machine's time, because it is the wire that is limited. */
  constructor(settings: RateLimitSettings | null, nowMs: () => number) {
    this.#settings = settings;
    this.#nowMs = nowMs;
  }

  /** Counts a request; throws the 429 when it is one too many. */
  take(endpoint: string, id: string): void {
    if (this.#settings === null) return;
    const perEndpoint = endpoint.endsWith('.search')
      ? Math.min(this.#settings.perEndpoint, SEARCH_PER_SECOND)
      : this.#settings.perEndpoint;
    if (!this.#draw('*', this.#settings.perSecond)) throw tooMany('global-rate');
    if (!this.#draw(endpoint, perEndpoint)) throw tooMany('endpoint-rate');
    if (endpoint === 'payment_intents.update' && !this.#countUpdate(id))
      throw tooMany('resource-specific');
  }

  #draw(name: string, perSecond: number): boolean {
    const now = this.#nowMs();
    const bucket = this.#buckets.get(name) ?? { tokens: perSecond, filledAtMs: now };
    bucket.tokens = Math.min(
      perSecond,
      bucket.tokens + ((now - bucket.filledAtMs) / 1000) * perSecond,
    );
    bucket.filledAtMs = now;
    this.#buckets.set(name, bucket);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  #countUpdate(id: string): boolean {
    const now = this.#nowMs();
    const known = this.#updates.get(id);
    const counter =
      known === undefined || now - known.sinceMs >= HOUR_MS ? { count: 0, sinceMs: now } : known;
    counter.count += 1;
    this.#updates.set(id, counter);
    return counter.count <= UPDATES_PER_INTENT;
  }
}

export function tooMany(reason: Reason): Refusal {
  return new Refusal({
    status: 429,
    error: {
      type: 'invalid_request_error',
      code: 'rate_limit',
      message:
        'Request rate limit exceeded. Learn more about rate limits here https://docs.stripe.com/rate-limits.',
    },
    headers: { 'Stripe-Rate-Limited-Reason': reason },
  });
}
