import { describe, expect, test } from 'vitest';
import { CARD, createUnconfirmed, errorOf, startLocal } from '../clients.ts';
import { containing } from '../text-matchers.ts';

const HOUR_MS = 3_600_000;

describe('an idempotency key', () => {
  test('replays the first answer, and executes nothing', async () => {
    await using local = await startLocal();
    const first = await createUnconfirmed(local.stripe, 'pm_card_visa');
    const confirm = () =>
      local.stripe.paymentIntents.confirm(first.id, {}, { idempotencyKey: 'confirm-1' });
    const paid = await confirm();
    const again = await confirm();
    expect(again).toEqual(paid);
    expect(again.lastResponse.headers).toMatchObject({
      'idempotent-replayed': 'true',
      'original-request': paid.lastResponse.requestId,
    });
    expect(again.lastResponse.requestId).not.toBe(paid.lastResponse.requestId);
    expect(local.sandbox.books.charges).toHaveLength(1);
    expect(
      local.sandbox.books.requests.map(({ executed, replayed }) => ({ executed, replayed })),
    ).toEqual([
      { executed: true, replayed: false },
      { executed: true, replayed: false },
      { executed: false, replayed: true },
    ]);
  });

  test('replays what was, not what is', async () => {
    await using local = await startLocal();
    const create = () => createUnconfirmedWithKey(local.stripe);
    const first = await create();
    await local.stripe.paymentIntents.confirm(first.id);
    expect((await create()).status).toBe('requires_confirmation');
    expect((await local.stripe.paymentIntents.retrieve(first.id)).status).toBe('succeeded');
  });

  test('keeps declines', async () => {
    await using local = await startLocal();
    const { id } = await createUnconfirmed(local.stripe, 'pm_card_chargeDeclined');
    const confirm = () =>
      errorOf(local.stripe.paymentIntents.confirm(id, {}, { idempotencyKey: 'declined' }));
    const first = await confirm();
    const again = await confirm();
    expect(again).toMatchObject({ statusCode: 402, charge: first.charge });
    expect(again.headers?.['idempotent-replayed']).toBe('true');
    expect(local.sandbox.books.charges).toHaveLength(1);
  });

  test('keeps a 500, for which the client is told not to retry', async () => {
    await using local = await startLocal({ faults: 'payment_intents.create=500_after' });
    const first = await errorOf(createUnconfirmedWithKey(local.stripe));
    const again = await errorOf(createUnconfirmedWithKey(local.stripe));
    expect([first.statusCode, again.statusCode]).toEqual([500, 500]);
    expect(again.headers).toMatchObject({
      'idempotent-replayed': 'true',
      'stripe-should-retry': 'false',
    });
    expect(local.sandbox.books.paymentIntents).toHaveLength(1);
  });

  test('does not keep what was refused before it was executed', async () => {
    await using local = await startLocal();
    const send = (form: string, key?: string) =>
      local.send('POST', '/v1/payment_intents', {
        form,
        headers: { 'idempotency-key': 'k' },
        ...(key === undefined ? {} : { key }),
      });
    expect((await send('amount=500&currency=usd&colour=red')).status).toBe(400);
    expect((await send('amount=500&currency=usd', 'sk_test_short')).status).toBe(401);
    local.sandbox.setFaults('payment_intents.create=429');
    expect((await send('amount=500&currency=usd')).status).toBe(429);
    const answer = await send('amount=500&currency=usd');
    expect(answer.status).toBe(200);
    expect(answer.headers).not.toHaveProperty('idempotent-replayed');
    expect((await send('currency=usd&amount=500')).headers['idempotent-replayed']).toBe('true');
  });

  test('keeps the refusal of a state, which is an outcome', async () => {
    await using local = await startLocal();
    const { id } = await createUnconfirmed(local.stripe);
    await local.stripe.paymentIntents.confirm(id);
    const confirm = () =>
      errorOf(local.stripe.paymentIntents.confirm(id, {}, { idempotencyKey: 'again' }));
    expect((await confirm()).headers).not.toHaveProperty('idempotent-replayed');
    expect((await confirm()).headers?.['idempotent-replayed']).toBe('true');
  });

  test('is bound to the parameters and to the endpoint', async () => {
    await using local = await startLocal();
    const { id } = await createUnconfirmedWithKey(local.stripe);
    const other = await errorOf(
      local.stripe.paymentIntents.create({ ...CARD, amount: 5000 }, { idempotencyKey: 'create-1' }),
    );
    expect(other).toMatchObject({
      type: 'StripeIdempotencyError',
      statusCode: 400,
      rawType: 'idempotency_error',
      message: containing('same parameters'),
    });
    const elsewhere = await errorOf(
      local.stripe.paymentIntents.confirm(id, {}, { idempotencyKey: 'create-1' }),
    );
    expect(elsewhere).toMatchObject({
      statusCode: 400,
      rawType: 'idempotency_error',
      message: containing('same endpoint'),
    });
    expect(local.sandbox.books.paymentIntents).toHaveLength(1);
  });

  test('is forgotten after 24 hours: the same request pays again', async () => {
    await using local = await startLocal();
    const pay = () =>
      local.stripe.paymentIntents.create(
        { ...CARD, payment_method: 'pm_card_visa', confirm: true },
        { idempotencyKey: 'day' },
      );
    const first = await pay();
    local.sandbox.clock.advance(24 * HOUR_MS - 10_000);
    expect((await pay()).id).toBe(first.id);
    local.sandbox.clock.advance(10_000);
    expect((await pay()).id).not.toBe(first.id);
    expect(local.sandbox.books.succeededCount()).toBe(2);
  });

  test('that is in use at this moment is a 409', async () => {
    await using local = await startLocal({ faults: 'payment_intents.create=slow:400' });
    const first = createUnconfirmedWithKey(local.stripe);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const twin = await errorOf(createUnconfirmedWithKey(local.stripe));
    expect(twin).toMatchObject({
      statusCode: 409,
      code: 'idempotency_key_in_use',
      type: 'StripeAPIError',
    });
    const { id } = await first;
    expect((await createUnconfirmedWithKey(local.stripe)).id).toBe(id);
  });

  test('is at most 255 characters', async () => {
    await using local = await startLocal();
    const create = (length: number) =>
      local.stripe.paymentIntents.create(CARD, { idempotencyKey: 'k'.repeat(length) });
    expect((await create(255)).status).toBe('requires_payment_method');
    expect(await errorOf(create(256))).toMatchObject({ statusCode: 400 });
  });

  test('on a GET means nothing', async () => {
    await using local = await startLocal();
    const { id } = await createUnconfirmed(local.stripe);
    const read = () =>
      local.send('GET', `/v1/payment_intents/${id}`, { headers: { 'idempotency-key': 'get' } });
    await read();
    await local.stripe.paymentIntents.confirm(id);
    expect((await read()).json['status']).toBe('succeeded');
  });
});

function createUnconfirmedWithKey(stripe: Parameters<typeof createUnconfirmed>[0]) {
  return stripe.paymentIntents.create(
    { ...CARD, payment_method: 'pm_card_visa' },
    { idempotencyKey: 'create-1' },
  );
}
