import { describe, expect, test } from 'vitest';
import { createUnconfirmed, errorOf, type Local, startLocal } from './clients.ts';

const chargeOf = async (local: Local, intent: string) =>
  (await local.stripe.charges.list({ payment_intent: intent })).data[0];

const pendingUsd = async (local: Local) => {
  const { pending } = await local.stripe.balance.retrieve();
  return pending.find(({ currency }) => currency === 'usd')?.amount;
};

describe('what is received', () => {
  test('is less than the amount after a partial capture; the charge shows both, and gives the rest back', async () => {
    await using local = await startLocal({ eventLagMs: 0 });
    const { id } = await createUnconfirmed(local.stripe, 'pm_card_visa', {
      amount: 1500,
      capture_method: 'manual',
    });
    await local.stripe.paymentIntents.confirm(id);
    expect(await chargeOf(local, id)).toMatchObject({
      amount: 1500,
      amount_captured: 0,
      amount_refunded: 0,
      captured: false,
    });
    const paid = await local.stripe.paymentIntents.capture(id, { amount_to_capture: 1000 });
    expect(paid).toMatchObject({
      status: 'succeeded',
      amount: 1500,
      amount_received: 1000,
      amount_capturable: 0,
    });
    const captured = {
      amount: 1500,
      amount_captured: 1000,
      amount_refunded: 500,
      captured: true,
      refunded: false,
    };
    expect(await chargeOf(local, id)).toMatchObject(captured);
    expect(await pendingUsd(local)).toBe(1000);
    const tooMuch = await errorOf(
      local.stripe.refunds.create({ payment_intent: id, amount: 1001 }),
    );
    expect(tooMuch).toMatchObject({ statusCode: 400, param: 'amount' });
    expect((await local.stripe.refunds.create({ payment_intent: id })).amount).toBe(1000);
    expect(await chargeOf(local, id)).toMatchObject({
      amount_captured: 1000,
      amount_refunded: 1500,
      refunded: true,
    });
    expect(await pendingUsd(local)).toBe(0);
  });

  test('is nothing after the cancel of an authorization, which is given back', async () => {
    await using local = await startLocal({ eventLagMs: 0 });
    const { id } = await createUnconfirmed(local.stripe, 'pm_card_visa', {
      capture_method: 'manual',
    });
    await local.stripe.paymentIntents.confirm(id);
    await local.stripe.paymentIntents.cancel(id);
    const released = {
      amount: 4999,
      amount_captured: 0,
      amount_refunded: 4999,
      captured: false,
      refunded: true,
      status: 'succeeded',
    };
    expect(await chargeOf(local, id)).toMatchObject(released);
    const types = (await local.stripe.events.list({ limit: 2 })).data.map(({ type }) => type);
    expect(types).toEqual(['payment_intent.canceled', 'charge.refunded']);
    expect(await pendingUsd(local)).toBe(0);
  });

  test.each([
    ['an unconfirmed one', 'pm_card_visa', { late: true }],
    ['one that waits for the customer', 'pm_card_authenticationRequired', {}],
  ])('is what the control says, for %s', async (_name, method, more) => {
    await using local = await startLocal();
    const { id } = await createUnconfirmed(local.stripe, method, {
      amount: 42_000,
      capture_method: 'manual',
    });
    if (method !== 'pm_card_visa') await local.stripe.paymentIntents.confirm(id);
    const asked = { outcome: 'succeeded', amount_received: 24_000, ...more };
    await local.control('POST', `payment_intents/${id}/settle`, asked);
    const intent = await local.stripe.paymentIntents.retrieve(id, { expand: ['latest_charge'] });
    expect(intent).toMatchObject({
      status: 'succeeded',
      amount: 42_000,
      amount_received: 24_000,
      last_payment_error: null,
    });
    expect(intent.latest_charge).toMatchObject({
      amount: 42_000,
      amount_captured: 24_000,
      amount_refunded: 18_000,
      status: 'succeeded',
    });
  });

  test('may be corrected after it succeeded, and may be more than the amount', async () => {
    await using local = await startLocal();
    const { id } = await createUnconfirmed(local.stripe);
    await local.stripe.paymentIntents.confirm(id);
    const settle = (more: object) =>
      local.control('POST', `payment_intents/${id}/settle`, {
        outcome: 'succeeded',
        late: true,
        ...more,
      });
    expect((await settle({ amount_received: 5100 })).json).toMatchObject({
      amount: 4999,
      amount_received: 5100,
    });
    expect(await chargeOf(local, id)).toMatchObject({
      amount_captured: 5100,
      amount_refunded: 0,
      refunded: false,
    });
    expect((await settle({ amount_received: 1, currency: 'eur' })).json).toMatchObject({
      amount: 4999,
      amount_received: 1,
      currency: 'eur',
    });
    expect((await settle({ amount: 700 })).json).toMatchObject({
      amount: 700,
      amount_received: 700,
    });
    for (const amount of [-1, 1.5, '5'])
      expect((await settle({ amount_received: amount })).status).toBe(400);
    expect(local.sandbox.books.charges).toHaveLength(1);
  });

  test('is said by the control only of what succeeded', async () => {
    await using local = await startLocal();
    const { id } = await createUnconfirmed(local.stripe);
    const answer = await local.control('POST', `payment_intents/${id}/settle`, {
      outcome: 'canceled',
      late: true,
      amount_received: 5,
    });
    expect(answer.status).toBe(400);
  });
});
