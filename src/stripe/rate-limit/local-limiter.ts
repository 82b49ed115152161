import type { Clock } from '../../app/ports.ts';
import { TokenBucket } from './token-bucket.ts';

/*
 * What happens on 429, and where:
 *
 *     classify.ts                  a 429 was not executed: the answer is `unknown` with `rateLimitedReason`
 *     rate-limit/local-limiter.ts          every call takes a permit of its endpoint and of the account before it is sent
 *     rate-limit/shared-limiter.ts         the permits come from a budget in the database, shared by all processes of a ledger
 *     domain/rate-limit/           the budget itself, and the one rule for slowing down after a 429 (slow-down.ts)
 *     domain (on 429)              tried again with jitter within the caller's wait; then `pending`, and no attempt is counted
 *     app/reconcile/availability.ts                many in a row and no success: Stripe counts as away, and the pass stops
 */

/** What Stripe counts as one endpoint: all `GET /v1/payment_intents/{id}` together are one. */
export const ENDPOINTS = [
  'create',
  'confirm',
  'cancel',
  'retrieve',
  'list',
  'account',
  'events',
  'search',
] as const;
export type Endpoint = (typeof ENDPOINTS)[number];

export interface Limits {
  readonly requestsPerSecond: number;
  readonly endpointRequestsPerSecond: number;
}

/** Paces the calls. */
export interface Limiter {
  /** Waits for its turn; false when the signal aborted before it came. */
  take(endpoint: Endpoint, signal: AbortSignal): Promise<boolean>;
  /** A wire attempt that did not ask: the library's hidden repetition. Later ones wait for it. */
  spend(endpoint: Endpoint): void;
  /** After a 429. Stripe's reason (`global-rate`, `endpoint-concurrency`, ..) says whether it was the account's limit. */
  slowDown(endpoint: Endpoint, reason: string | null): void;
}

/** Keeps this process inside Stripe's limits: one token from the endpoint's bucket, then one from the account's. */
export class RequestLimiter implements Limiter {
  readonly #clock: Clock;
  readonly #account: TokenBucket;
  readonly #endpoints: ReadonlyMap<Endpoint, TokenBucket>;

  constructor(limits: Limits, clock: Clock) {
    this.#clock = clock;
    this.#account = new TokenBucket(limits.requestsPerSecond, clock.monotonicMs());
    this.#endpoints = new Map(
      ENDPOINTS.map((endpoint) => [
        endpoint,
        new TokenBucket(limits.endpointRequestsPerSecond, clock.monotonicMs()),
      ]),
    );
  }

  async take(endpoint: Endpoint, signal: AbortSignal): Promise<boolean> {
    // The endpoint first: what waits for a busy endpoint must not use up the account's tokens meanwhile.
    if (!(await this.#takeFrom(this.#bucket(endpoint), signal))) return false;
    if (await this.#takeFrom(this.#account, signal)) return true;
    this.#bucket(endpoint).giveBack();
    return false;
  }

  spend(endpoint: Endpoint): void {
    this.#bucket(endpoint).reserve(this.#clock.monotonicMs());
    this.#account.reserve(this.#clock.monotonicMs());
  }

  slowDown(endpoint: Endpoint, reason: string | null): void {
    this.#bucket(endpoint).slowDown(this.#clock.monotonicMs());
    if (reason?.startsWith('global') === true) this.#account.slowDown(this.#clock.monotonicMs());
  }

  async #takeFrom(bucket: TokenBucket, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return false;
    const waitMs = bucket.reserve(this.#clock.monotonicMs());
    if (waitMs > 0) await this.#clock.sleep(waitMs, signal);
    // Read again: it may have aborted while this slept.
    const abortedMeanwhile = (): boolean => signal.aborted;
    if (!abortedMeanwhile()) return true;
    bucket.giveBack();
    return false;
  }

  #bucket(endpoint: Endpoint): TokenBucket {
    const bucket = this.#endpoints.get(endpoint);
    if (bucket === undefined) throw new RangeError(`no bucket for ${endpoint}`);
    return bucket;
  }
}
