import { mkdtemp, rm, appendFile, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CARD, createUnconfirmed, errorOf, startLocal } from './clients.ts';
import { containing, matching } from './text-matchers.ts';

describe('the control paths', () => {
  test('show the books to other processes', async () => {
    await using local = await startLocal();
    const { id } = await createUnconfirmed(local.stripe);
    await local.stripe.paymentIntents.confirm(id);
    const summary = await local.control('GET', 'books?summary=1');
    expect(summary.json).toEqual({
      payment_intents: { succeeded: 1 },
      charges: { succeeded: 1 },
      refunds: 0,
      mails: 0,
      requests: 2,
      requests_by_endpoint: { 'payment_intents.create': 1, 'payment_intents.confirm': 1 },
    });
    const whole = await local.control('GET', 'books');
    expect(whole.json).toMatchObject({
      payment_intents: [{ id, status: 'succeeded' }],
      charges: [{ payment_intent: id }],
      mails: [],
      summary: summary.json,
    });
    const requests = await local.control('GET', 'requests?since=1');
    expect(requests.json).toMatchObject({
      total: 2,
      requests: [
        {
          n: 2,
          endpoint: 'payment_intents.confirm',
          method: 'POST',
          path: `/v1/payment_intents/${id}/confirm`,
          status: 200,
          executed: true,
          replayed: false,
          fault: null,
        },
      ],
    });
    expect((await local.control('GET', 'mails')).json).toEqual({ mails: [] });
    expect(local.sandbox.books.requests[0]?.duration_ms).toBeGreaterThan(0);
  });

  test('set and clear faults', async () => {
    await using local = await startLocal();
    expect((await local.control('POST', 'faults', { spec: 'balance#*=500_before' })).status).toBe(
      200,
    );
    expect(await errorOf(local.stripe.balance.retrieve())).toMatchObject({ statusCode: 500 });
    expect((await local.control('DELETE', 'faults')).status).toBe(200);
    expect((await local.stripe.balance.retrieve()).object).toBe('balance');
    const wrong = await local.control('POST', 'faults', { spec: 'balance=boom' });
    expect(wrong).toMatchObject({
      status: 400,
      json: { error: { message: containing('there is no fault "boom"') } },
    });
  });

  test('move the clock', async () => {
    await using local = await startLocal();
    await local.control('POST', 'clock', { set_ms: 1_800_000_000_000 });
    await local.control('POST', 'clock', { advance_ms: 5000 });
    expect((await local.stripe.paymentIntents.create(CARD)).created).toBe(1_800_000_005);
    expect((await local.control('POST', 'clock', { tomorrow: 1 })).status).toBe(400);
  });

  test('finish what waits for a bank or a customer', async () => {
    await using local = await startLocal();
    const debit = await local.stripe.paymentIntents.create({
      ...CARD,
      allowed_payment_method_types: ['us_bank_account'],
      payment_method: 'pm_usBankAccount',
      confirm: true,
    });
    const secure = await local.stripe.paymentIntents.create({
      ...CARD,
      payment_method: 'pm_card_authenticationRequired',
      confirm: true,
    });
    const settle = (id: string, body: object) =>
      local.control('POST', `payment_intents/${id}/settle`, body);
    expect((await settle(debit.id, { outcome: 'succeeded' })).json).toMatchObject({
      status: 'succeeded',
      amount_received: 4999,
    });
    expect(
      (
        await settle(secure.id, {
          outcome: 'failed',
          code: 'card_declined',
          decline_code: 'lost_card',
        })
      ).json,
    ).toMatchObject({
      status: 'requires_payment_method',
      last_payment_error: { decline_code: 'lost_card' },
    });
    const other = await local.stripe.paymentIntents.create({
      ...CARD,
      payment_method: 'pm_card_authenticationRequired',
      confirm: true,
    });
    expect((await settle(other.id, { outcome: 'succeeded' })).json).toMatchObject({
      status: 'succeeded',
      latest_charge: matching(/^ch_/),
    });
    expect((await settle(other.id, { outcome: 'canceled' })).status).toBe(400);
    expect((await settle('pi_nothing', { outcome: 'canceled' })).status).toBe(404);
    expect(local.sandbox.books.charges.map(({ status }) => status)).toEqual([
      'succeeded',
      'succeeded',
    ]);
  });

  test('let a truth come late, and differ from what was asked', async () => {
    await using local = await startLocal();
    const { id } = await createUnconfirmed(local.stripe);
    await local.stripe.paymentIntents.cancel(id);
    const settle = (body: object) => local.control('POST', `payment_intents/${id}/settle`, body);
    expect((await settle({ outcome: 'succeeded' })).status).toBe(400);
    expect((await settle({ outcome: 'succeeded', late: true })).json).toMatchObject({
      status: 'succeeded',
      canceled_at: null,
      amount_received: 4999,
    });
    expect(
      (await settle({ outcome: 'succeeded', late: true, amount: 4998, currency: 'eur' })).json,
    ).toMatchObject({ amount: 4998, amount_received: 4998, currency: 'eur' });
    expect((await local.stripe.paymentIntents.retrieve(id)).currency).toBe('eur');
    expect(
      (await settle({ outcome: 'canceled', late: true, cancellation_reason: 'automatic' })).json,
    ).toMatchObject({ status: 'canceled', cancellation_reason: 'automatic' });
  });

  test('make many intents, the same for the same seed', async () => {
    await using local = await startLocal();
    const request = {
      count: 1000,
      seed: 5,
      created_from: 1_700_000_000,
      created_to: 1_700_000_999,
      statuses: { succeeded: 0.5, processing: 0.2, canceled: 0.3 },
      customer: 'cus_seeded',
      ids: true,
    };
    const made = await local.control('POST', 'seed', request);
    const ids = made.json['ids'] as unknown as string[];
    expect(ids).toHaveLength(1000);
    const { payment_intents: statuses } = local.sandbox.books.summary();
    await local.control('POST', 'reset');
    await local.control('POST', 'seed', request);
    expect(local.sandbox.books.summary().payment_intents).toEqual(statuses);
    const page = await local.stripe.paymentIntents.list({
      customer: 'cus_seeded',
      limit: 100,
      created: { lte: 1_700_000_499 },
    });
    expect(page.data[0]?.created).toBe(1_700_000_499);
    expect((await local.control('POST', 'seed', { count: 0 })).status).toBe(400);
  });

  test('make a customer of a given id', async () => {
    await using local = await startLocal();
    await local.control('POST', 'customers', { id: 'cus_ada', email: 'ada@example.com' });
    expect(
      (await createUnconfirmed(local.stripe, 'pm_card_visa', { customer: 'cus_ada' })).customer,
    ).toBe('cus_ada');
  });

  test('reset everything', async () => {
    await using local = await startLocal({ faults: 'balance#*=500_before' });
    await createUnconfirmed(local.stripe, 'pm_card_visa');
    local.sandbox.clock.advance(5000);
    await local.control('POST', 'reset');
    expect(local.sandbox.books.summary()).toEqual({
      payment_intents: {},
      charges: {},
      refunds: 0,
      mails: 0,
      requests: 0,
      requests_by_endpoint: {},
    });
    expect(Math.abs(local.sandbox.clock.now() - Date.now())).toBeLessThan(2000);
    expect((await local.stripe.paymentIntents.list()).data).toEqual([]);
    expect((await local.stripe.balance.retrieve()).object).toBe('balance');
  });
});

describe('a data folder', () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'sandbox-'))));
  afterEach(() => rm(folder, { recursive: true }));

  test('keeps the state over a restart', async () => {
    const first = await startLocal({ dataDir: folder, bankDebitMs: 60_000 });
    const customer = await first.stripe.customers.create({ email: 'ada@example.com' });
    const paid = await first.stripe.paymentIntents.create(
      { ...CARD, customer: customer.id, payment_method: 'pm_card_visa', confirm: true },
      { idempotencyKey: 'once' },
    );
    const debit = await first.stripe.paymentIntents.create({
      ...CARD,
      allowed_payment_method_types: ['us_bank_account'],
      payment_method: 'pm_usBankAccount',
      confirm: true,
    });
    await first.stripe.refunds.create({ payment_intent: paid.id, amount: 10 });
    first.sandbox.clock.advance(50_000);
    const { paymentIntents, charges, refunds } = first.sandbox.books;
    await first.sandbox.close();
    // The process may be stopped in the middle of a line.
    await appendFile(join(folder, 'sandbox.jsonl'), '{"kept":"intent","rec');

    const second = await startLocal({ dataDir: folder, bankDebitMs: 60_000, eventLagMs: 0 });
    expect(second.sandbox.books).toMatchObject({ paymentIntents, charges, refunds });
    const replayed = await second.stripe.paymentIntents.create(
      { ...CARD, customer: customer.id, payment_method: 'pm_card_visa', confirm: true },
      { idempotencyKey: 'once' },
    );
    expect(replayed.id).toBe(paid.id);
    expect(replayed.lastResponse.headers['idempotent-replayed']).toBe('true');
    second.sandbox.clock.advance(10_001);
    expect(second.sandbox.books.paymentIntent(debit.id)?.status).toBe('succeeded');
    expect(
      (await second.stripe.paymentIntents.list({ customer: customer.id })).data.map(({ id }) => id),
    ).toEqual([paid.id]);
    const fresh = await second.stripe.paymentIntents.create(CARD);
    expect(new Set([fresh.id, ...paymentIntents.map(({ id }) => id)]).size).toBe(3);
    expect((await second.stripe.paymentIntents.list()).data[0]?.id).toBe(fresh.id);
    expect((await second.stripe.events.list({ type: 'refund.created' })).data).toHaveLength(1);
    await second.sandbox.close();

    const third = await startLocal({ dataDir: folder });
    await third.control('POST', 'reset');
    await third.sandbox.close();
    expect(await readFile(join(folder, 'sandbox.jsonl'), 'utf8')).toBe('');
  });

  test('that holds something else is refused, by name', async () => {
    await appendFile(join(folder, 'sandbox.jsonl'), 'hello\nworld\n');
    await expect(startLocal({ dataDir: folder })).rejects.toThrow(
      /sandbox\.jsonl:1 is not a line of a sandbox's journal/,
    );
  });
});
