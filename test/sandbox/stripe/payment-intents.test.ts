import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CARD, createUnconfirmed, errorOf, type Local, startLocal } from '../clients.ts';
import { containing, matching } from '../text-matchers.ts';

let local: Local;
beforeAll(async () => (local = await startLocal()));
afterAll(() => local.sandbox.close());

describe('a payment intent', () => {
  test('is created unconfirmed, and moves no money', async () => {
    const charges = local.sandbox.books.charges.length;
    const intent = await createUnconfirmed(local.stripe, 'pm_card_visa', {
      metadata: { order: '7', amount: '12' },
      description: 'Two chairs',
    });
    expect(intent).toMatchObject({
      status: 'requires_confirmation',
      amount: 4999,
      amount_received: 0,
      latest_charge: null,
      metadata: { order: '7', amount: '12' },
      description: 'Two chairs',
      allowed_payment_method_types: ['card'],
      payment_method_types: ['card'],
      automatic_payment_methods: null,
    });
    expect(intent.payment_method).toMatch(/^pm_3/);
    expect(local.sandbox.books.charges).toHaveLength(charges);
  });

  test('without a payment method waits for one, and is confirmed with one', async () => {
    const intent = await local.stripe.paymentIntents.create(CARD);
    expect(intent.status).toBe('requires_payment_method');
    expect(await errorOf(local.stripe.paymentIntents.confirm(intent.id))).toMatchObject({
      statusCode: 400,
      code: 'payment_intent_unexpected_state',
    });
    const confirmed = await local.stripe.paymentIntents.confirm(intent.id, {
      payment_method: 'pm_card_mastercard',
    });
    expect(confirmed).toMatchObject({ status: 'succeeded', amount_received: 4999 });
  });

  test('succeeds once: a second confirm is refused, with the intent in the error', async () => {
    const { id } = await createUnconfirmed(local.stripe);
    const paid = await local.stripe.paymentIntents.confirm(id);
    expect(paid).toMatchObject({
      status: 'succeeded',
      amount_received: 4999,
      last_payment_error: null,
    });
    const error = await errorOf(local.stripe.paymentIntents.confirm(id));
    expect(error).toMatchObject({
      statusCode: 400,
      code: 'payment_intent_unexpected_state',
      type: 'StripeInvalidRequestError',
    });
    expect(error.payment_intent).toMatchObject({ id, status: 'succeeded' });
    expect(
      local.sandbox.books.charges.filter((charge) => charge.payment_intent === id),
    ).toHaveLength(1);
    expect(await errorOf(local.stripe.paymentIntents.cancel(id))).toMatchObject({
      code: 'payment_intent_unexpected_state',
    });
  });

  test('is declined with 402 and the whole intent, and can still succeed later', async () => {
    const { id } = await createUnconfirmed(
      local.stripe,
      'pm_card_visa_chargeDeclinedInsufficientFunds',
    );
    const error = await errorOf(local.stripe.paymentIntents.confirm(id));
    expect(error).toMatchObject({
      type: 'StripeCardError',
      statusCode: 402,
      code: 'card_declined',
      decline_code: 'insufficient_funds',
    });
    expect(error.charge).toMatch(/^ch_3/);
    expect(error.payment_method).toMatchObject({
      object: 'payment_method',
      type: 'card',
      card: { last4: '9995' },
    });
    expect((error.raw as { request_log_url?: string }).request_log_url).toBe(
      `https://dashboard.stripe.com/test/workbench/logs?object=${error.requestId ?? ''}`,
    );
    expect(error.payment_intent).toMatchObject({
      id,
      status: 'requires_payment_method',
      payment_method: null,
      latest_charge: error.charge,
      last_payment_error: {
        type: 'card_error',
        code: 'card_declined',
        decline_code: 'insufficient_funds',
        charge: error.charge,
        payment_method: { object: 'payment_method' },
      },
    });
    const charge = await local.stripe.charges.retrieve(error.charge ?? '');
    expect(charge).toMatchObject({
      status: 'failed',
      paid: false,
      failure_code: 'card_declined',
      outcome: { type: 'issuer_declined' },
    });
    expect(
      await local.stripe.paymentIntents.confirm(id, { payment_method: 'pm_card_visa' }),
    ).toMatchObject({ status: 'succeeded', last_payment_error: null });
  });

  test('forgets the decline with any update', async () => {
    const { id } = await createUnconfirmed(local.stripe, 'pm_card_chargeDeclined');
    await errorOf(local.stripe.paymentIntents.confirm(id));
    const updated = await local.stripe.paymentIntents.update(id, { metadata: { note: 'x' } });
    expect(updated.last_payment_error).toBeNull();
    expect(updated.status).toBe('requires_payment_method');
  });

  test('is canceled in every open state, with the reason, and cannot be confirmed then', async () => {
    const open = [
      await local.stripe.paymentIntents.create(CARD),
      await createUnconfirmed(local.stripe),
      await local.stripe.paymentIntents.confirm(
        (await createUnconfirmed(local.stripe, 'pm_card_authenticationRequired')).id,
      ),
      await local.stripe.paymentIntents.confirm(
        (await createUnconfirmed(local.stripe, 'pm_card_visa', { capture_method: 'manual' })).id,
      ),
    ];
    expect(open.map((intent) => intent.status)).toEqual([
      'requires_payment_method',
      'requires_confirmation',
      'requires_action',
      'requires_capture',
    ]);
    for (const { id } of open) {
      const canceled = await local.stripe.paymentIntents.cancel(id, {
        cancellation_reason: 'abandoned',
      });
      expect(canceled).toMatchObject({
        status: 'canceled',
        cancellation_reason: 'abandoned',
        next_action: null,
      });
      expect(canceled.canceled_at).toBeGreaterThan(0);
      expect(await errorOf(local.stripe.paymentIntents.confirm(id))).toMatchObject({
        statusCode: 400,
        code: 'payment_intent_unexpected_state',
      });
      expect(await errorOf(local.stripe.paymentIntents.cancel(id))).toMatchObject({
        code: 'payment_intent_unexpected_state',
      });
    }
  });

  test('with manual capture is authorized first', async () => {
    const { id } = await createUnconfirmed(local.stripe, 'pm_card_visa', {
      capture_method: 'manual',
    });
    expect(await local.stripe.paymentIntents.confirm(id)).toMatchObject({
      status: 'requires_capture',
      amount_capturable: 4999,
      amount_received: 0,
    });
    expect(
      await errorOf(local.stripe.paymentIntents.capture(id, { amount_to_capture: 5000 })),
    ).toMatchObject({ statusCode: 400 });
    expect(
      await local.stripe.paymentIntents.capture(id, { amount_to_capture: 4000 }),
    ).toMatchObject({ status: 'succeeded', amount_received: 4000 });
  });

  test('is updated: metadata merges, an empty value unsets, money only while it is open', async () => {
    const { id } = await createUnconfirmed(local.stripe, 'pm_card_visa', {
      metadata: { a: '1', b: '2' },
    });
    expect(
      (await local.stripe.paymentIntents.update(id, { metadata: { b: '', c: '3' } })).metadata,
    ).toEqual({ a: '1', c: '3' });
    expect((await local.stripe.paymentIntents.update(id, { metadata: '' })).metadata).toEqual({});
    expect(
      await local.stripe.paymentIntents.update(id, { amount: 600, currency: 'eur' }),
    ).toMatchObject({ amount: 600, currency: 'eur' });
    await local.stripe.paymentIntents.confirm(id);
    expect(await errorOf(local.stripe.paymentIntents.update(id, { amount: 700 }))).toMatchObject({
      code: 'payment_intent_unexpected_state',
    });
    expect(
      (await local.stripe.paymentIntents.update(id, { description: 'late' })).description,
    ).toBe('late');
  });

  test('with the Dashboard methods needs a return_url, unless redirects are ruled out', async () => {
    const { id } = await local.stripe.paymentIntents.create({
      amount: 500,
      currency: 'usd',
      payment_method: 'pm_card_visa',
    });
    expect(await errorOf(local.stripe.paymentIntents.confirm(id))).toMatchObject({
      statusCode: 400,
      message: containing('return_url'),
    });
    expect(
      (await local.stripe.paymentIntents.confirm(id, { return_url: 'https://example.com/back' }))
        .status,
    ).toBe('succeeded');
    const never = await local.stripe.paymentIntents.create({
      amount: 500,
      currency: 'usd',
      payment_method: 'pm_card_visa',
      confirm: true,
      automatic_payment_methods: { enabled: true, allow_redirects: 'never' },
    });
    expect(never.status).toBe('succeeded');
  });

  test('created with confirm leaves nothing behind when its parameters are refused, and the decline otherwise', async () => {
    const before = local.sandbox.books.paymentIntents.length;
    await errorOf(
      local.stripe.paymentIntents.create({
        amount: 500,
        currency: 'usd',
        payment_method: 'pm_card_visa',
        confirm: true,
      }),
    );
    expect(local.sandbox.books.paymentIntents).toHaveLength(before);
    const declined = await errorOf(
      local.stripe.paymentIntents.create({
        ...CARD,
        payment_method: 'pm_card_chargeDeclined',
        confirm: true,
        off_session: true,
      }),
    );
    expect(declined).toMatchObject({ statusCode: 402, code: 'card_declined' });
    expect(local.sandbox.books.paymentIntents).toHaveLength(before + 1);
  });

  test('that does not exist is a 404', async () => {
    expect(await errorOf(local.stripe.paymentIntents.retrieve('pi_nothing'))).toMatchObject({
      statusCode: 404,
      code: 'resource_missing',
      param: 'intent',
      message: "No such payment_intent: 'pi_nothing'",
    });
    expect(await errorOf(local.stripe.paymentIntents.confirm('pi_nothing'))).toMatchObject({
      statusCode: 404,
    });
  });
});

describe('around a payment intent', () => {
  test('customers own their payment methods', async () => {
    const customer = await local.stripe.customers.create({
      email: 'ada@example.com',
      name: 'Ada',
      metadata: { a: 'b' },
    });
    expect(await local.stripe.customers.retrieve(customer.id)).toMatchObject({
      email: 'ada@example.com',
      name: 'Ada',
    });
    const method = await local.stripe.paymentMethods.attach('pm_card_visa', {
      customer: customer.id,
    });
    expect(await local.stripe.paymentMethods.retrieve(method.id)).toMatchObject({
      customer: customer.id,
      type: 'card',
    });
    expect(
      await errorOf(createUnconfirmed(local.stripe, 'pm_card_visa', { customer: 'cus_nobody' })),
    ).toMatchObject({ statusCode: 400, code: 'resource_missing', param: 'customer' });
    const without = await createUnconfirmed(local.stripe, method.id);
    expect(await errorOf(local.stripe.paymentIntents.confirm(without.id))).toMatchObject({
      statusCode: 400,
      param: 'payment_method',
    });
    for (let times = 0; times < 2; times += 1) {
      const { id } = await createUnconfirmed(local.stripe, method.id, { customer: customer.id });
      expect((await local.stripe.paymentIntents.confirm(id)).status).toBe('succeeded');
    }
    expect(
      await errorOf(
        local.stripe.paymentMethods.attach('pm_card_chargeDeclined', { customer: customer.id }),
      ),
    ).toMatchObject({ statusCode: 402 });
  });

  test('a payment method without a customer is used once', async () => {
    const first = await createUnconfirmed(local.stripe);
    await local.stripe.paymentIntents.confirm(first.id);
    const second = await createUnconfirmed(local.stripe, first.payment_method as string);
    expect(await errorOf(local.stripe.paymentIntents.confirm(second.id))).toMatchObject({
      statusCode: 400,
      message: containing('It may not be used again'),
    });
  });

  test('refunds never give back more than was paid', async () => {
    const { id } = await createUnconfirmed(local.stripe);
    expect(await errorOf(local.stripe.refunds.create({ payment_intent: id }))).toMatchObject({
      statusCode: 400,
    });
    await local.stripe.paymentIntents.confirm(id);
    const refund = await local.stripe.refunds.create({
      payment_intent: id,
      amount: 1000,
      reason: 'duplicate',
    });
    expect(refund).toMatchObject({
      amount: 1000,
      status: 'succeeded',
      reason: 'duplicate',
      payment_intent: id,
    });
    expect(
      await errorOf(local.stripe.refunds.create({ payment_intent: id, amount: 4000 })),
    ).toMatchObject({ statusCode: 400, param: 'amount' });
    await local.stripe.refunds.create({ charge: refund.charge as string });
    expect(await errorOf(local.stripe.refunds.create({ payment_intent: id }))).toMatchObject({
      code: 'charge_already_refunded',
    });
    expect(await local.stripe.refunds.retrieve(refund.id)).toMatchObject({ id: refund.id });
    expect(
      (await local.stripe.refunds.list({ payment_intent: id })).data.map((each) => each.amount),
    ).toEqual([3999, 1000]);
    expect(await local.stripe.charges.retrieve(refund.charge as string)).toMatchObject({
      refunded: true,
      amount_refunded: 4999,
    });
  });

  test('the account and its balance are shown', async () => {
    expect(await local.stripe.accounts.retrieveCurrent()).toMatchObject({
      object: 'account',
      charges_enabled: true,
      id: matching(/^acct_/),
    });
    const before =
      (await local.stripe.balance.retrieve()).pending.find((each) => each.currency === 'gbp')
        ?.amount ?? 0;
    await local.stripe.paymentIntents.confirm(
      (await createUnconfirmed(local.stripe, 'pm_card_visa', { currency: 'gbp', amount: 777 })).id,
    );
    const after = (await local.stripe.balance.retrieve()).pending.find(
      (each) => each.currency === 'gbp',
    )?.amount;
    expect(after).toBe(before + 777);
  });
});
