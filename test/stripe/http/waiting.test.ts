import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { StripeCaller, type Request } from '../../../src/stripe/http/call.ts';
import { classify } from '../../../src/stripe/classify.ts';
import type { Endpoint, Limiter } from '../../../src/stripe/rate-limit/local-limiter.ts';
import type { Outcome } from '../../../src/stripe/http/result.ts';
import { json, startRawServer, type Handler, type RawServer } from '../raw-server.ts';
import { intent, realClock, SECRET } from '../samples.ts';

/* Waiting for our own rate limit, or for a free connection of our own, is never Stripe's silence. */

const DEADLINE_MS = 20_000;

/** Grants a permit when the test says so. */
class HeldLimiter implements Limiter {
  readonly waiting: { readonly endpoint: Endpoint; readonly grant: () => void }[] = [];

  take(endpoint: Endpoint, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      this.waiting.push({ endpoint, grant: () => resolve(true) });
      signal.addEventListener('abort', () => resolve(false), { once: true });
      if (signal.aborted) resolve(false);
    });
  }

  grantAll(): void {
    for (const { grant } of this.waiting.splice(0)) grant();
  }

  spend(): void {
    // Nothing here counts.
  }

  slowDown(): void {
    // Nothing here counts.
  }
}

const open: { close(): unknown }[] = [];

beforeEach(() => {
  // The deadline's timers only: sockets have their own.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});

afterEach(async () => {
  vi.useRealTimers();
  for (const thing of open.splice(0)) await thing.close();
});

interface Talk {
  readonly caller: StripeCaller;
  readonly limiter: HeldLimiter;
  readonly server: RawServer;
}

async function talk(handler: Handler, deadlineMs = DEADLINE_MS): Promise<Talk> {
  const limiter = new HeldLimiter();
  const server = await startRawServer(handler);
  const limits = { requestsPerSecond: 1, endpointRequestsPerSecond: 1 };
  const clock = {
    ...realClock,
    sleep: async (ms: number, signal?: AbortSignal) => await sleepFor(ms, signal),
  };
  const caller = new StripeCaller({
    secretKey: SECRET,
    apiBase: server.base,
    deadlineMs,
    ...limits,
    clock,
    limiter,
  });
  open.push(caller, { close: () => server[Symbol.asyncDispose]() });
  return { caller, limiter, server };
}

/** Looks again whenever sockets have been read; no timer passes meanwhile. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate);
}

async function sleepFor(ms: number, signal?: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    const wake = (): void => {
      clearTimeout(timer);
      resolve();
    };
    signal?.addEventListener('abort', wake, { once: true });
  });
}

function confirming(more: Partial<Request> = {}): Request {
  return {
    endpoint: 'confirm',
    send: (stripe) => stripe.paymentIntents.confirm('pi_1', {}, { idempotencyKey: 'k' }),
    ...more,
  };
}

function answerOf(outcome: Outcome): unknown {
  return classify(outcome, { endpoint: 'confirm', paymentIntent: 'pi_1', secret: SECRET });
}

const ok: Handler = (_seen, response) => json(response, 200, intent());

describe('waiting for a permit', () => {
  it('has no deadline: the time limit of a call begins when it is sent', async () => {
    const { caller, limiter } = await talk(ok);
    let ended = false;
    const call = caller.call(confirming()).finally(() => (ended = true));
    await until(() => limiter.waiting.length === 1);
    await vi.advanceTimersByTimeAsync(100 * DEADLINE_MS);
    expect(ended).toBe(false);
    limiter.grantAll();
    expect(await call).toMatchObject({ kind: 'value', wire: { attempts: 1 } });
  });

  it('leaves the whole deadline to Stripe, and then it is Stripe that was silent', async () => {
    const { caller, limiter, server } = await talk(() => undefined);
    const call = caller.call(confirming());
    await until(() => limiter.waiting.length === 1);
    await vi.advanceTimersByTimeAsync(DEADLINE_MS - 1);
    limiter.grantAll();
    await until(() => server.seen.length === 1);
    await vi.advanceTimersByTimeAsync(DEADLINE_MS);
    const outcome = await call;
    expect(outcome).toMatchObject({ kind: 'deadline', wire: { attempts: 1 } });
    expect(answerOf(outcome)).toMatchObject({
      kind: 'unknown',
      reason: 'timeout',
      effect: 'unknown',
    });
  });

  it('ends with the budget that the caller gives it, and then nothing was sent', async () => {
    const { caller, limiter, server } = await talk(ok);
    const call = caller.call(confirming({ waitMs: 5_000 }));
    await until(() => limiter.waiting.length === 1);
    await vi.advanceTimersByTimeAsync(5_000);
    const outcome = await call;
    expect(outcome).toMatchObject({ kind: 'not_sent', why: 'queue', wire: { attempts: 0 } });
    expect(answerOf(outcome)).toMatchObject({
      kind: 'unknown',
      reason: 'queue',
      effect: 'none',
      answered: false,
      httpStatus: null,
    });
    limiter.grantAll();
    expect(server.seen).toEqual([]);
    expect(caller.counts()).toEqual({ list: 0, retrieve: 0, other: 0 });
  });

  it('does not spend the budget on the call itself', async () => {
    const { caller, limiter, server } = await talk(
      (_seen, response) => void setTimeout(() => json(response, 200, intent()), 10_000),
    );
    const call = caller.call(confirming({ waitMs: 5_000 }));
    await until(() => limiter.waiting.length === 1);
    limiter.grantAll();
    await until(() => server.seen.length === 1);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await call).toMatchObject({ kind: 'value' });
  });

  it('ends with the signal and with the gateway', async () => {
    const { caller, limiter, server } = await talk(ok);
    const stop = new AbortController();
    const calls = [caller.call(confirming({ signal: stop.signal })), caller.call(confirming())];
    await until(() => limiter.waiting.length === 2);
    stop.abort();
    expect(await calls[0]).toMatchObject({ kind: 'interrupted', wire: { attempts: 0 } });
    caller.close();
    expect(await calls[1]).toMatchObject({ kind: 'interrupted', wire: { attempts: 0 } });
    expect(server.seen).toEqual([]);
  });
});

describe('a call whose time to begin has passed', () => {
  it('is not sent, and is asked about only when its permit has come', async () => {
    const { caller, limiter, server } = await talk(ok);
    let asked = 0;
    let held = true;
    const mayStillBegin = (): boolean => {
      asked += 1;
      return held;
    };
    const call = caller.call(confirming({ mayStillBegin }));
    await until(() => limiter.waiting.length === 1);
    expect(asked).toBe(0);
    held = false;
    limiter.grantAll();
    const outcome = await call;
    expect(outcome).toMatchObject({ kind: 'not_sent', why: 'too_late', wire: { attempts: 0 } });
    expect(answerOf(outcome)).toMatchObject({ kind: 'unknown', reason: 'queue', effect: 'none' });
    expect(server.seen).toEqual([]);
    held = true;
    const next = caller.call(confirming({ mayStillBegin }));
    await until(() => limiter.waiting.length === 1);
    limiter.grantAll();
    expect(await next).toMatchObject({ kind: 'value' });
  });
});

describe('waiting for a free connection', () => {
  const MOST = 64;

  it('begins no more of one kind than may be under way, and the rest waits without a deadline', async () => {
    const answers: (() => void)[] = [];
    const { caller, limiter, server } = await talk(
      (_seen, response) => void answers.push(() => json(response, 200, intent())),
    );
    const calls = Array.from({ length: MOST + 1 }, () => caller.call(confirming()));
    await until(() => limiter.waiting.length === MOST);
    limiter.grantAll();
    await until(() => server.seen.length === MOST);
    expect(limiter.waiting).toHaveLength(0);
    // Another kind of call is not held up by them.
    const other = caller.call({
      endpoint: 'retrieve',
      send: (stripe) => stripe.paymentIntents.retrieve('pi_1'),
    });
    await until(() => limiter.waiting.length === 1);
    limiter.grantAll();
    await until(() => answers.length === MOST + 1);
    answers.pop()?.();
    expect(await other).toMatchObject({ kind: 'value' });
    // The deadline of all that are under way passes; the one that waits has the whole of its own.
    await vi.advanceTimersByTimeAsync(DEADLINE_MS);
    await until(() => limiter.waiting.length === 1);
    limiter.grantAll();
    await until(() => server.seen.length === MOST + 2);
    answers.at(-1)?.();
    const outcomes = await Promise.all(calls);
    expect(outcomes.map(({ kind }) => kind)).toEqual([
      ...Array<string>(MOST).fill('deadline'),
      'value',
    ]);
  });

  it('ends with the budget and with the signal as well', async () => {
    const { caller, limiter, server } = await talk(() => undefined);
    const under = Array.from({ length: MOST }, () => caller.call(confirming()));
    await until(() => limiter.waiting.length === MOST);
    const stop = new AbortController();
    const waits = caller.call(confirming({ waitMs: 1_000 }));
    const stopped = caller.call(confirming({ signal: stop.signal }));
    stop.abort();
    expect(await stopped).toMatchObject({ kind: 'interrupted', wire: { attempts: 0 } });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await waits).toMatchObject({ kind: 'not_sent', why: 'queue' });
    caller.close();
    await Promise.all(under);
    expect(server.seen).toEqual([]);
  });
});
