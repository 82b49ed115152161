import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type Stripe from 'stripe';
import type { Clock } from '../../../src/app/ports.ts';
import { StripeCaller } from '../../../src/stripe/http/call.ts';
import {
  RequestLimiter,
  type Endpoint,
  type Limits,
} from '../../../src/stripe/rate-limit/local-limiter.ts';
import { TokenBucket } from '../../../src/stripe/rate-limit/token-bucket.ts';
import { json, reset, startRawServer, stripeError, type Handler } from '../raw-server.ts';
import { intent, SECRET } from '../samples.ts';

/** Time passes only while somebody sleeps, and to the earliest sleeper. */
function simulatedClock(): Clock & { advance(ms: number): void } {
  let nowMs = 0;
  const sleepers: { readonly atMs: number; wake(): void }[] = [];
  const tick = (): void => {
    sleepers.sort((a, b) => a.atMs - b.atMs);
    const next = sleepers.shift();
    if (next === undefined) return;
    nowMs = Math.max(nowMs, next.atMs);
    next.wake();
  };
  return {
    monotonicMs: () => nowMs,
    advance: (ms) => void (nowMs += ms),
    sleep: (ms, signal) =>
      new Promise((wake) => {
        sleepers.push({ atMs: nowMs + ms, wake });
        signal?.addEventListener('abort', () => wake());
        setImmediate(tick);
      }),
  };
}

const never = (): AbortSignal => new AbortController().signal;

/** When each of `count` requests that all want to begin now may begin. */
async function starts(
  limiter: RequestLimiter,
  clock: Clock,
  endpoints: readonly Endpoint[],
): Promise<{ endpoint: Endpoint; atMs: number }[]> {
  return Promise.all(
    endpoints.map(async (endpoint) => {
      await limiter.take(endpoint, never());
      return { endpoint, atMs: clock.monotonicMs() };
    }),
  );
}

function mostInOneSecond(times: readonly number[]): number {
  const sorted = [...times].sort((a, b) => a - b);
  return Math.max(
    0,
    ...sorted.map((begin) => sorted.filter((at) => at >= begin && at < begin + 999.999).length),
  );
}

describe('the bucket', () => {
  it('never lets more than its rate begin within a second, its burst included', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.array(fc.integer({ min: 0, max: 2_000 }), { minLength: 1, maxLength: 300 }),
        (rate, gaps) => {
          const bucket = new TokenBucket(rate, 0);
          let nowMs = 0;
          const begun = gaps.map((gap) => {
            nowMs += gap < 1_000 ? gap / 50 : gap;
            return nowMs + bucket.reserve(nowMs);
          });
          expect(mostInOneSecond(begun)).toBeLessThanOrEqual(rate);
        },
      ),
    );
  });

  it('lets its whole rate through over a long time', () => {
    const bucket = new TokenBucket(25, 0);
    let last = 0;
    for (let n = 0; n < 1_000; n += 1) last = bucket.reserve(0);
    expect(1_000 / (last / 1_000)).toBeGreaterThan(23.5);
    expect(1_000 / (last / 1_000)).toBeLessThanOrEqual(25);
  });

  it('is slower after a 429, more so after another, and recovers', () => {
    const bucket = new TokenBucket(25, 0);
    const gapMs = (atMs: number): number => {
      const first = bucket.reserve(atMs);
      const second = bucket.reserve(atMs);
      bucket.giveBack();
      bucket.giveBack();
      return second - first;
    };
    bucket.slowDown(0);
    const once = gapMs(1);
    // Answers to requests that were under way together are one 429.
    bucket.slowDown(500);
    expect(gapMs(500)).toBeLessThanOrEqual(once);
    bucket.slowDown(1_500);
    expect(gapMs(1_501)).toBeGreaterThan(once);
    for (let atMs = 3_000; atMs < 60_000; atMs += 1_000) bucket.slowDown(atMs);
    expect(gapMs(60_000)).toBeLessThan(1_000);
    expect(gapMs(75_000)).toBeCloseTo(0);
  });
});

describe('the limiter', () => {
  it('keeps each endpoint, and all together, inside their limits', async () => {
    const clock = simulatedClock();
    const limiter = new RequestLimiter(
      { requestsPerSecond: 40, endpointRequestsPerSecond: 25 },
      clock,
    );
    const wanted = Array.from(
      { length: 300 },
      (_, n) => (['retrieve', 'list', 'create'] as const)[n % 3]!,
    );
    const begun = await starts(limiter, clock, wanted);
    expect(mostInOneSecond(begun.map(({ atMs }) => atMs))).toBeLessThanOrEqual(40);
    for (const endpoint of ['retrieve', 'list', 'create']) {
      const times = begun.filter((start) => start.endpoint === endpoint).map(({ atMs }) => atMs);
      expect(mostInOneSecond(times)).toBeLessThanOrEqual(25);
    }
    // 300 requests at 40 a second.
    expect(clock.monotonicMs()).toBeGreaterThan(7_000);
    expect(clock.monotonicMs()).toBeLessThan(9_000);
  });

  it('does not let one busy endpoint keep another waiting', async () => {
    const clock = simulatedClock();
    const limiter = new RequestLimiter(
      { requestsPerSecond: 1_000, endpointRequestsPerSecond: 5 },
      clock,
    );
    const begun = await starts(limiter, clock, [...Array<Endpoint>(20).fill('retrieve'), 'create']);
    expect(begun.at(-1)).toEqual({ endpoint: 'create', atMs: 0 });
  });

  it('counts a wire attempt that did not ask', async () => {
    const clock = simulatedClock();
    const limiter = new RequestLimiter(
      { requestsPerSecond: 100, endpointRequestsPerSecond: 1 },
      clock,
    );
    limiter.spend('confirm');
    limiter.spend('confirm');
    await limiter.take('confirm', never());
    expect(clock.monotonicMs()).toBeCloseTo(2_000);
  });

  it('gives the turn back when the wait is broken off', async () => {
    const clock = simulatedClock();
    const limiter = new RequestLimiter(
      { requestsPerSecond: 100, endpointRequestsPerSecond: 1 },
      clock,
    );
    expect(await limiter.take('list', never())).toBe(true);
    const stop = new AbortController();
    const waiting = limiter.take('list', stop.signal);
    stop.abort();
    expect(await waiting).toBe(false);
    clock.advance(1_000);
    const before = clock.monotonicMs();
    expect(await limiter.take('list', never())).toBe(true);
    expect(clock.monotonicMs()).toBe(before);
    expect(await limiter.take('list', AbortSignal.abort())).toBe(false);
  });
});

describe('the gateway', () => {
  const closing: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  /** Time passes only while a call waits for its permit: what the machine takes does not count. */
  async function talk(
    handler: Handler,
    limits: Limits,
  ): Promise<{ caller: StripeCaller; clock: Clock }> {
    const server = await startRawServer(handler);
    const clock = simulatedClock();
    const caller = new StripeCaller({
      secretKey: SECRET,
      apiBase: server.base,
      deadlineMs: 20_000,
      ...limits,
      clock,
    });
    closing.push(
      () => caller.close(),
      () => server[Symbol.asyncDispose](),
    );
    return { caller, clock };
  }

  /** Confirms or creates, and tells when it was sent. */
  async function sentAt(
    { caller, clock }: { caller: StripeCaller; clock: Clock },
    endpoint: 'confirm' | 'create',
  ): Promise<number> {
    let atMs = Number.NaN;
    const send = async (stripe: Stripe): Promise<unknown> => {
      atMs = clock.monotonicMs();
      return endpoint === 'confirm'
        ? await stripe.paymentIntents.confirm('pi_1', {}, { idempotencyKey: 'k' })
        : await stripe.paymentIntents.create(
            { amount: 1, currency: 'usd' },
            { idempotencyKey: 'k' },
          );
    };
    await caller.call({ endpoint, send });
    return atMs;
  }

  it('keeps to the limit on the wire', async () => {
    const talking = await talk((_seen, response) => json(response, 200, intent()), {
      requestsPerSecond: 100,
      endpointRequestsPerSecond: 20,
    });
    const times = await Promise.all(Array.from({ length: 45 }, () => sentAt(talking, 'confirm')));
    expect(mostInOneSecond(times)).toBeLessThanOrEqual(20);
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(2_000);
  });

  it.each([
    [
      'a limit of the account slows other endpoints down',
      'rate_limit',
      'global-rate',
      'create',
      true,
    ],
    [
      'a limit of the endpoint slows the endpoint down',
      'rate_limit',
      'endpoint-rate',
      'confirm',
      true,
    ],
    ['a limit of the endpoint leaves others alone', 'rate_limit', 'endpoint-rate', 'create', false],
    ['a lock slows nothing down', 'lock_timeout', undefined, 'confirm', false],
  ] as const)('%s', async (_name, code, reason, next, slower) => {
    const talking = await talk(
      (_seen, response, n) => {
        if (n > 0) json(response, 200, intent());
        else
          stripeError(
            response,
            429,
            { code },
            reason === undefined ? {} : { 'Stripe-Rate-Limited-Reason': reason },
          );
      },
      { requestsPerSecond: 20, endpointRequestsPerSecond: 20 },
    );
    await sentAt(talking, 'confirm');
    const begun = talking.clock.monotonicMs();
    expect((await sentAt(talking, next)) - begun > 60).toBe(slower);
  });

  it("slows down for a 429 that is not Stripe's as well", async () => {
    const talking = await talk(
      (_seen, response, n) =>
        json(response, n > 0 ? 200 : 429, n > 0 ? intent() : { message: 'slow down' }),
      {
        requestsPerSecond: 20,
        endpointRequestsPerSecond: 20,
      },
    );
    await sentAt(talking, 'confirm');
    const begun = talking.clock.monotonicMs();
    expect((await sentAt(talking, 'confirm')) - begun).toBeGreaterThan(60);
  });

  it('counts the hidden repetition', async () => {
    const talking = await talk(
      (_seen, response, n) => (n === 0 ? reset(response) : json(response, 200, intent())),
      {
        requestsPerSecond: 100,
        endpointRequestsPerSecond: 1,
      },
    );
    await sentAt(talking, 'confirm');
    const begun = talking.clock.monotonicMs();
    // Two attempts have used the turns of two seconds.
    expect((await sentAt(talking, 'confirm')) - begun).toBeGreaterThan(1_200);
  });
});
