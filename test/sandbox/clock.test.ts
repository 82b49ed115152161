import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { CARD, createUnconfirmed, startLocal } from './clients.ts';

const START_MS = 1_790_000_000_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const seconds = (ms: number) => Math.floor(ms / 1000) * 1000;

describe("the sandbox's clock", () => {
  test('stands in the Date header of every answer', async () => {
    await using local = await startLocal({ now: () => START_MS });
    local.sandbox.clock.advance(-400 * DAY_MS);
    local.sandbox.setFaults(
      'balance=html_502; payment_intents.list=error:500:api_error; payment_intents.create=500_after',
    );
    const mail = { form: '{}', headers: { authorization: 'Bearer SG.0123456789' } };
    const answers = [
      await local.send('GET', '/v1/account'),
      await local.send('GET', '/v1/balance'),
      await local.send('GET', '/v1/payment_intents'),
      await local.send('POST', '/v1/payment_intents', { form: 'amount=500&currency=usd' }),
      await local.send('GET', '/v1/nothing'),
      await local.send('GET', '/v1/account', { key: 'sk_test_short' }),
      await local.send('POST', '/v3/mail/send', mail),
      await local.control('GET', 'health'),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 502, 500, 500, 404, 401, 400, 200]);
    const dates = answers.map(({ headers }) => Date.parse(headers.date ?? ''));
    expect(dates).toEqual(answers.map(() => START_MS - 400 * DAY_MS));
  });

  test('is read when the answer is sent, not when the request came', async () => {
    let now = START_MS;
    await using local = await startLocal({ now: () => now, faults: 'account=out_of_order:5000' });
    const early = local.send('GET', '/v1/account');
    while (local.sandbox.books.requests.length === 0) await new Promise(setImmediate);
    now += HOUR_MS;
    await local.send('GET', '/v1/balance');
    expect(Date.parse((await early).headers.date ?? '')).toBe(START_MS + HOUR_MS);
  });

  test.each([
    [{ advance_ms: 1e308 }],
    [{ advance_ms: -1e308 }],
    [{ advance_ms: 9e15 }],
    [{ set_ms: -1 }],
    [{ set_ms: 1e300 }],
    [{ set_ms: 253_402_300_800_000 }],
    [{ advance_ms: null }],
    [{ advance_ms: '5' }],
  ])('refuses %j, and stays where it was', async (body) => {
    await using local = await startLocal({ now: () => START_MS });
    expect((await local.control('POST', 'clock', body)).status).toBe(400);
    expect(local.sandbox.clock.now()).toBe(START_MS);
    expect((await local.stripe.paymentIntents.create(CARD)).created).toBe(START_MS / 1000);
  });

  test('refuses bodies that JSON cannot say: 1e999 is no number', async () => {
    await using local = await startLocal();
    const headers = { 'content-type': 'application/json' };
    const answer = await local.send('POST', '/_sandbox/clock', {
      form: '{"advance_ms":1e999}',
      headers,
    });
    expect(answer.status).toBe(400);
  });
});

describe('a clock that is set back', () => {
  test('keeps lists in order, and their pages whole', async () => {
    await using local = await startLocal({ now: () => START_MS });
    const made: { id: string; created: number }[] = [];
    for (const moveMs of [
      0,
      DAY_MS,
      -2 * DAY_MS,
      HOUR_MS,
      -HOUR_MS,
      3 * DAY_MS,
      0,
      -365 * DAY_MS,
    ]) {
      local.sandbox.clock.advance(moveMs);
      const { id, created } = await createUnconfirmed(local.stripe);
      expect(created).toBe(seconds(local.sandbox.clock.now()) / 1000);
      made.push({ id, created });
    }
    // Of the same second, the one that was made last comes first.
    const newestFirst = made
      .map((each, n) => ({ ...each, n }))
      .toSorted((one, other) => other.created - one.created || other.n - one.n)
      .map(({ id }) => id);
    const walked: string[] = [];
    for await (const { id } of local.stripe.paymentIntents.list({ limit: 3 })) walked.push(id);
    expect(walked).toEqual(newestFirst);
    const within = { gte: START_MS / 1000, lte: START_MS / 1000 + DAY_MS / 1000 };
    const some = await local.stripe.paymentIntents.list({ created: within });
    expect(some.data.map(({ id }) => id)).toEqual(
      newestFirst.filter((id) => {
        const created = made.find((each) => each.id === id)?.created ?? 0;
        return created >= within.gte && created <= within.lte;
      }),
    );
  });

  test('leaves an idempotency key forgotten that a day has taken', async () => {
    await using local = await startLocal({ now: () => START_MS });
    const create = (idempotencyKey: string) =>
      local.stripe.paymentIntents.create(CARD, { idempotencyKey });
    const first = await create('a');
    local.sandbox.clock.advance(25 * HOUR_MS);
    local.sandbox.clock.advance(-25 * HOUR_MS);
    const second = await create('a');
    expect(second.id).not.toBe(first.id);
  });

  test('forgets keys by their own age, whatever the order they came in', async () => {
    let now = START_MS;
    await using local = await startLocal({ now: () => now });
    const create = (idempotencyKey: string) =>
      local.stripe.paymentIntents.create(CARD, { idempotencyKey });
    const late = await create('late');
    local.sandbox.clock.advance(-10 * HOUR_MS);
    const early = await create('early');
    now += 24 * HOUR_MS;
    expect((await create('early')).id).not.toBe(early.id);
    expect((await create('late')).id).toBe(late.id);
  });

  test('leaves an event gone that 30 days have taken, and lists the newer ones', async () => {
    await using local = await startLocal({ now: () => START_MS });
    const old = await local.stripe.paymentIntents.create(CARD);
    local.sandbox.clock.advance(31 * DAY_MS);
    local.sandbox.clock.advance(-31 * DAY_MS);
    const young = await local.stripe.paymentIntents.create(CARD);
    local.sandbox.clock.advance(2000);
    const { data } = await local.stripe.events.list();
    expect(data.map(({ data: { object } }) => (object as { id: string }).id)).toEqual([young.id]);
    expect((await local.stripe.paymentIntents.retrieve(old.id)).id).toBe(old.id);
  });

  test('hides no event that had arrived, and nothing that the search had found', async () => {
    await using local = await startLocal({ now: () => START_MS, searchLagMs: 60_000 });
    const { id } = await createUnconfirmed(local.stripe, 'pm_card_visa', { metadata: { n: '1' } });
    local.sandbox.clock.advance(-365 * DAY_MS);
    expect((await local.stripe.events.list()).data).toHaveLength(1);
    const found = async () => {
      const { data } = await local.stripe.paymentIntents.search({ query: 'metadata["n"]:"1"' });
      return data.map(({ status }) => status);
    };
    expect(await found()).toEqual(['requires_confirmation']);
    await local.stripe.paymentIntents.confirm(id);
    expect((await local.stripe.events.list()).data).toHaveLength(1);
    local.sandbox.clock.advance(60_000);
    expect((await local.stripe.events.list()).data).toHaveLength(3);
    expect(await found()).toEqual(['succeeded']);
  });

  test('lets a bank debit be decided at the time that was set for it', async () => {
    await using local = await startLocal({ now: () => START_MS });
    const debit = {
      amount: 900,
      currency: 'usd',
      allowed_payment_method_types: ['us_bank_account' as const],
    };
    const { id } = await local.stripe.paymentIntents.create({
      ...debit,
      payment_method: 'pm_usBankAccount',
      confirm: true,
    });
    const statusNow = () => local.sandbox.books.paymentIntent(id)?.status;
    local.sandbox.clock.advance(-DAY_MS);
    local.sandbox.clock.advance(4 * DAY_MS);
    expect(statusNow()).toBe('processing');
    local.sandbox.clock.advance(DAY_MS);
    expect(statusNow()).toBe('succeeded');
    local.sandbox.clock.advance(-30 * DAY_MS);
    expect(statusNow()).toBe('succeeded');
  });

  test('does not bring back over a restart what was gone', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sandbox-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const options = { dataDir: folder, now: () => START_MS, eventLagMs: 0 };
    const first = await startLocal(options);
    const old = await first.stripe.paymentIntents.create(CARD, { idempotencyKey: 'a' });
    first.sandbox.clock.advance(31 * DAY_MS);
    first.sandbox.clock.advance(-31 * DAY_MS);
    const kept = await first.stripe.paymentIntents.create(CARD, { idempotencyKey: 'b' });
    await first.sandbox.close();
    await using second = await startLocal(options);
    expect((await second.stripe.paymentIntents.create(CARD, { idempotencyKey: 'b' })).id).toBe(
      kept.id,
    );
    expect((await second.stripe.paymentIntents.create(CARD, { idempotencyKey: 'a' })).id).not.toBe(
      old.id,
    );
    const events = (await second.stripe.events.list()).data;
    expect(events.map(({ data: { object } }) => (object as { id: string }).id)).not.toContain(
      old.id,
    );
  });
});
