import { setTimeout as sleep } from 'node:timers/promises';
import Stripe from 'stripe';
import { describe, expect, test } from 'vitest';
import { FAULT_KINDS, type FaultName } from '../../../src/sandbox/server.ts';
import { CARD, createUnconfirmed, errorOf, startLocal, stripeAt, type Local } from '../clients.ts';
import { containing } from '../text-matchers.ts';

/** Long enough for a busy machine to give the true answer in. */
const TIMEOUT_MS = 1_500;
/** Later than the client waits. */
const LATE_MS = 2_500;

/** How a confirm that is hit ends for the real client, without retries. */
interface Seen {
  readonly type: string;
  readonly statusCode?: number;
  readonly code?: string;
}

const ENDINGS: Readonly<Record<Exclude<FaultName, 'slow' | 'out_of_order' | 'drip'>, Seen>> = {
  reset_before: { type: 'StripeConnectionError' },
  '401': { type: 'StripeAuthenticationError', statusCode: 401 },
  '403': { type: 'StripePermissionError', statusCode: 403 },
  '409': { type: 'StripeAPIError', statusCode: 409, code: 'idempotency_key_in_use' },
  '429': { type: 'StripeRateLimitError', statusCode: 429, code: 'rate_limit' },
  '429_lock': { type: 'StripeRateLimitError', statusCode: 429, code: 'lock_timeout' },
  '500_before': { type: 'StripeAPIError', statusCode: 500 },
  '500_after': { type: 'StripeAPIError', statusCode: 500 },
  html_502: { type: 'StripeAPIError' },
  html_502_after: { type: 'StripeAPIError' },
  drop_after: { type: 'StripeConnectionError' },
  cut_body: { type: 'StripeConnectionError' },
  hang: { type: 'StripeConnectionError' },
  hang_before: { type: 'StripeConnectionError' },
  late: { type: 'StripeConnectionError' },
};

const executes = (name: FaultName) => FAULT_KINDS.find(({ kind }) => kind === name)?.executes;

/** The library sends a second time when the first connection was closed: both are hit. */
async function confirmHit(local: Local, spec: string, timeout = TIMEOUT_MS) {
  const { id } = await createUnconfirmed(local.stripe);
  local.sandbox.setFaults(spec);
  const call = stripeAt(local.sandbox.port, { timeout }).paymentIntents.confirm(
    id,
    {},
    { idempotencyKey: 'confirm-1' },
  );
  return { id, call };
}

describe.concurrent('each fault, as the client sees it', () => {
  test.each(Object.entries(ENDINGS) as [keyof typeof ENDINGS, Seen][])('%s', async (kind, seen) => {
    await using local = await startLocal();
    const { id, call } = await confirmHit(
      local,
      `payment_intents.confirm#1-2=${kind === 'late' ? `late:${String(LATE_MS)}` : kind}`,
    );
    expect(await errorOf(call)).toMatchObject(seen);
    const paid = executes(kind) === 'yes';
    expect(local.sandbox.books.paymentIntent(id)?.status).toBe(
      paid ? 'succeeded' : 'requires_confirmation',
    );
    if (kind === 'late') await sleep(LATE_MS);
    local.sandbox.setFaults('');
    // Whatever was lost, the truth is one payment after the same request was sent again.
    const again = await local.stripe.paymentIntents
      .confirm(id, {}, { idempotencyKey: 'confirm-1' })
      .catch((error: unknown) => error);
    if (kind.startsWith('500'))
      expect(again).toMatchObject({ statusCode: 500, headers: { 'idempotent-replayed': 'true' } });
    else expect(again).toMatchObject({ status: 'succeeded' });
    expect(local.sandbox.books.succeededCount()).toBe(kind === '500_before' ? 0 : 1);
    expect(local.sandbox.books.charges.length).toBeLessThanOrEqual(1);
  });

  test('cover every kind there is', () => {
    expect(FAULT_KINDS.map(({ kind }) => kind).toSorted()).toEqual(
      [...Object.keys(ENDINGS), 'slow', 'out_of_order', 'drip'].toSorted(),
    );
  });

  test('slow answers late', async () => {
    await using local = await startLocal();
    const { call } = await confirmHit(local, 'payment_intents.confirm=slow:150');
    const startedAt = performance.now();
    expect((await call).status).toBe('succeeded');
    expect(performance.now() - startedAt).toBeGreaterThan(140);
  });

  test('drip outlives the idle time limit of the client', async () => {
    await using local = await startLocal();
    const idleMs = 500;
    const { call } = await confirmHit(local, 'payment_intents.confirm=drip:2', idleMs);
    const startedAt = performance.now();
    expect((await call).status).toBe('succeeded');
    expect(performance.now() - startedAt).toBeGreaterThan(4 * idleMs);
  });

  test('out_of_order answers after a request that came later', async () => {
    await using local = await startLocal({ faults: 'payment_intents.create=out_of_order' });
    const order: string[] = [];
    const first = local.stripe.paymentIntents
      .create({ ...CARD, metadata: { n: '1' } })
      .then(() => order.push('first'));
    await sleep(50);
    await local.stripe.paymentIntents
      .create({ ...CARD, metadata: { n: '2' } })
      .then(() => order.push('second'));
    await first;
    expect(order).toEqual(['second', 'first']);
    expect(local.sandbox.books.paymentIntents.map(({ metadata }) => metadata['n'])).toEqual([
      '1',
      '2',
    ]);
  });

  test('late is executed when the client has long gone', async () => {
    await using local = await startLocal({ faults: 'payment_intents.create=late:500' });
    await errorOf(stripeAt(local.sandbox.port, { timeout: 100 }).paymentIntents.create(CARD));
    expect(local.sandbox.books.paymentIntents).toHaveLength(0);
    await sleep(700);
    expect(local.sandbox.books.paymentIntents).toHaveLength(1);
  });

  test('a lost create leaves an intent that only a list finds', async () => {
    await using local = await startLocal({ faults: 'payment_intents.create#1-2=drop_after' });
    await errorOf(local.stripe.paymentIntents.create({ ...CARD, metadata: { order: '9' } }));
    const [found] = (await local.stripe.paymentIntents.list()).data;
    expect(found).toMatchObject({ metadata: { order: '9' } });
  });
});

describe('on the wire', () => {
  test('a rate limit says why, and a lock says to try again', async () => {
    await using local = await startLocal({ faults: 'seq:account=429,429_lock' });
    const limited = await local.send('GET', '/v1/account');
    expect(limited.headers['stripe-rate-limited-reason']).toBe('endpoint-rate');
    const locked = await local.send('GET', '/v1/account');
    expect(locked.json['error']).toMatchObject({ code: 'lock_timeout' });
    expect(locked.headers).toMatchObject({ 'stripe-should-retry': 'true' });
    expect(locked.headers).not.toHaveProperty('stripe-rate-limited-reason');
  });

  test('the library retries a closed connection once by itself, under the same key', async () => {
    await using local = await startLocal({ faults: 'payment_intents.create=drop_after' });
    const { status } = await createUnconfirmed(local.stripe);
    expect(status).toBe('requires_confirmation');
    const [one, two] = local.sandbox.books.requests;
    expect([one, two]).toMatchObject([
      { fault: 'drop_after', status: null, executed: true },
      { fault: null, status: 200, replayed: true },
    ]);
    expect(one?.idempotency_key).toBe(two?.idempotency_key);
    expect(local.sandbox.books.paymentIntents).toHaveLength(1);
  });

  test('a cut body announces more than it brings', async () => {
    await using local = await startLocal({ faults: 'account=cut_body' });
    await expect(local.send('GET', '/v1/account')).rejects.toMatchObject({
      code: 'ECONNRESET',
      message: 'aborted',
    });
  });

  test('a gateway answers in HTML', async () => {
    await using local = await startLocal({ faults: 'account=html_502' });
    expect(await local.send('GET', '/v1/account')).toMatchObject({
      status: 502,
      headers: { 'content-type': 'text/html' },
      body: containing('<html>'),
    });
  });

  test('an outage lasts until it is cleared', async () => {
    await using local = await startLocal({ faults: 'outage' });
    for (let n = 0; n < 3; n += 1)
      expect(await errorOf(local.stripe.balance.retrieve())).toBeInstanceOf(
        Stripe.errors.StripeConnectionError,
      );
    local.sandbox.setFaults('');
    expect((await local.stripe.balance.retrieve()).object).toBe('balance');
    expect(() => local.sandbox.setFaults('nonsense')).toThrow('fault "nonsense"');
  });

  test('closing the sandbox ends what hangs', async () => {
    const local = await startLocal({ faults: '*#*=hang' });
    const call = errorOf(local.stripe.balance.retrieve());
    await sleep(50);
    await local.sandbox.close();
    expect(await call).toBeInstanceOf(Stripe.errors.StripeConnectionError);
  });

  test('random faults never pay twice for one key', async () => {
    await using local = await startLocal({ faults: 'seed:3@0.5' });
    const stripe = stripeAt(local.sandbox.port, { timeout: 150 });
    const charge = async (n: number) => {
      for (let attempt = 0; attempt < 6; attempt += 1) {
        const done = stripe.paymentIntents
          .create(
            { ...CARD, payment_method: 'pm_card_visa', confirm: true, metadata: { n: String(n) } },
            { idempotencyKey: `pay-${String(n)}` },
          )
          .catch(() => null);
        // An answer that drips in byte by byte outlives the time limit of the library.
        if ((await Promise.race([done, sleep(300, null)])) !== null) return;
      }
    };
    await Promise.all(Array.from({ length: 25 }, (_, n) => charge(n)));
    const { books } = local.sandbox;
    expect(books.requests.filter(({ fault }) => fault !== null).length).toBeGreaterThan(12);
    const paid = books.paymentIntents.map(({ metadata }) => metadata['n']);
    expect(new Set(paid).size).toBe(paid.length);
    expect(paid.length).toBeGreaterThan(15);
  });
});
