import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CARD, createUnconfirmed, errorOf, type Local, startLocal } from '../clients.ts';
import { containing, matching } from '../text-matchers.ts';

const DAY_MS = 86_400_000;

let local: Local;
beforeAll(async () => (local = await startLocal()));
afterAll(() => local.sandbox.close());

const DECLINES: readonly (readonly [string, string, string])[] = [
  ['pm_card_chargeDeclined', 'card_declined', 'generic_decline'],
  ['pm_card_visa_chargeDeclined', 'card_declined', 'generic_decline'],
  ['pm_card_chargeDeclinedInsufficientFunds', 'card_declined', 'insufficient_funds'],
  ['pm_card_visa_chargeDeclinedInsufficientFunds', 'card_declined', 'insufficient_funds'],
  ['pm_card_visa_chargeDeclinedLostCard', 'card_declined', 'lost_card'],
  ['pm_card_visa_chargeDeclinedStolenCard', 'card_declined', 'stolen_card'],
  ['pm_card_visa_chargeDeclinedVelocityLimitExceeded', 'card_declined', 'card_velocity_exceeded'],
  ['pm_card_chargeDeclinedFraudulent', 'card_declined', 'fraudulent'],
  ['pm_card_chargeDeclinedExpiredCard', 'expired_card', ''],
  ['pm_card_chargeDeclinedIncorrectCvc', 'incorrect_cvc', ''],
  ['pm_card_chargeDeclinedProcessingError', 'processing_error', ''],
  ['pm_card_chargeCustomerFail', 'card_declined', 'generic_decline'],
];

describe('test payment methods', () => {
  test.each([
    'pm_card_visa',
    'pm_card_mastercard',
    'pm_card_amex',
    'pm_card_discover',
    'pm_card_jcb',
    'pm_card_visa_debit',
  ])('%s pays', async (name) => {
    const { id } = await createUnconfirmed(local.stripe, name);
    expect((await local.stripe.paymentIntents.confirm(id)).status).toBe('succeeded');
  });

  test.each(DECLINES)('%s is declined: %s, %s', async (name, code, declineCode) => {
    const { id } = await createUnconfirmed(local.stripe, name);
    const error = await errorOf(local.stripe.paymentIntents.confirm(id));
    expect(error).toMatchObject({ statusCode: 402, code });
    expect(error.decline_code).toBe(declineCode);
    expect((await local.stripe.paymentIntents.retrieve(id)).last_payment_error).toMatchObject({
      code,
      type: 'card_error',
    });
  });

  test('pm_card_chargeCustomerFail is attached, and then fails', async () => {
    const customer = await local.stripe.customers.create({});
    const method = await local.stripe.paymentMethods.attach('pm_card_chargeCustomerFail', {
      customer: customer.id,
    });
    const { id } = await createUnconfirmed(local.stripe, method.id, { customer: customer.id });
    expect(
      await errorOf(local.stripe.paymentIntents.confirm(id, { off_session: true })),
    ).toMatchObject({ statusCode: 402 });
  });

  test('an unknown name is a missing resource', async () => {
    expect(await errorOf(createUnconfirmed(local.stripe, 'pm_card_nothing'))).toMatchObject({
      statusCode: 400,
      code: 'resource_missing',
      param: 'payment_method',
      message: "No such PaymentMethod: 'pm_card_nothing'",
    });
    expect(await errorOf(createUnconfirmed(local.stripe, 'constructor'))).toMatchObject({
      code: 'resource_missing',
    });
  });

  test('3-D Secure is an action for a customer who is there, and a decline for one who is not', async () => {
    const here = await createUnconfirmed(local.stripe, 'pm_card_authenticationRequired');
    const waiting = await local.stripe.paymentIntents.confirm(here.id, {
      return_url: 'https://example.com/back',
    });
    expect(waiting).toMatchObject({
      status: 'requires_action',
      latest_charge: null,
      next_action: {
        type: 'redirect_to_url',
        redirect_to_url: { return_url: 'https://example.com/back' },
      },
    });
    const away = await createUnconfirmed(local.stripe, 'pm_card_authenticationRequired');
    const error = await errorOf(
      local.stripe.paymentIntents.confirm(away.id, { off_session: true }),
    );
    expect(error).toMatchObject({
      statusCode: 402,
      code: 'authentication_required',
      decline_code: 'authentication_required',
    });
    expect(error.payment_intent).toMatchObject({ status: 'requires_payment_method' });
    const strict = await createUnconfirmed(local.stripe, 'pm_card_authenticationRequired');
    expect(
      await errorOf(
        local.stripe.paymentIntents.confirm(strict.id, { error_on_requires_action: true }),
      ),
    ).toMatchObject({ statusCode: 402 });
  });

  test('off_session belongs to the idempotency key: a confirm that is repeated without it is another request', async () => {
    const { id, client_secret: secret } = await createUnconfirmed(
      local.stripe,
      'pm_card_authenticationRequired',
    );
    const key = { idempotencyKey: `off-${id}` };
    const away = await errorOf(local.stripe.paymentIntents.confirm(id, { off_session: true }, key));
    expect(away).toMatchObject({ code: 'authentication_required', charge: matching(/^ch_/) });
    expect(away.payment_intent).toMatchObject({
      status: 'requires_payment_method',
      client_secret: secret,
      next_action: null,
      last_payment_error: {
        code: 'authentication_required',
        decline_code: 'authentication_required',
      },
    });
    for (const other of [{}, { off_session: false }]) {
      expect(await errorOf(local.stripe.paymentIntents.confirm(id, other, key))).toMatchObject({
        statusCode: 400,
        rawType: 'idempotency_error',
      });
    }
    expect(
      (await errorOf(local.stripe.paymentIntents.confirm(id, { off_session: true }, key))).headers,
    ).toMatchObject({ 'idempotent-replayed': 'true' });
  });

  test('the customer is there without off_session, and the answer has what the page needs', async () => {
    for (const params of [{}, { off_session: false }] as const) {
      const { id } = await createUnconfirmed(local.stripe, 'pm_card_threeDSecure2Required');
      const waiting = await local.stripe.paymentIntents.confirm(id, params);
      expect(waiting).toMatchObject({
        status: 'requires_action',
        client_secret: matching(new RegExp(`^${id}_secret_`)),
        next_action: { type: 'use_stripe_sdk' },
      });
      await local.control('POST', `payment_intents/${id}/settle`, { outcome: 'succeeded' });
      expect(await local.stripe.paymentIntents.retrieve(id)).toMatchObject({
        status: 'succeeded',
        next_action: null,
      });
    }
  });

  test('a create that confirms off session is declined the same way', async () => {
    const paying = { ...CARD, payment_method: 'pm_card_authenticationRequired', confirm: true };
    expect(
      await errorOf(local.stripe.paymentIntents.create({ ...paying, off_session: 'recurring' })),
    ).toMatchObject({ statusCode: 402, decline_code: 'authentication_required' });
    expect((await local.stripe.paymentIntents.create(paying)).status).toBe('requires_action');
  });

  test('3-D Secure that was done once is not asked again', async () => {
    const customer = await local.stripe.customers.create({});
    const saved = await local.stripe.paymentMethods.attach(
      'pm_card_authenticationRequiredOnSetup',
      { customer: customer.id },
    );
    const { id } = await createUnconfirmed(local.stripe, saved.id, { customer: customer.id });
    expect((await local.stripe.paymentIntents.confirm(id, { off_session: true })).status).toBe(
      'succeeded',
    );
    const setUp = await createUnconfirmed(
      local.stripe,
      'pm_card_authenticationRequiredSetupForOffSession',
    );
    expect((await local.stripe.paymentIntents.confirm(setUp.id)).status).toBe('requires_action');
  });

  test('a method of a type that is not allowed is refused', async () => {
    const { id } = await local.stripe.paymentIntents.create({
      ...CARD,
      payment_method: 'pm_usBankAccount',
    });
    expect(await errorOf(local.stripe.paymentIntents.confirm(id))).toMatchObject({
      statusCode: 400,
      code: 'payment_intent_incompatible_payment_method',
    });
    const inEuro = {
      amount: 500,
      currency: 'eur',
      allowed_payment_method_types: ['us_bank_account' as const],
    };
    expect(await errorOf(local.stripe.paymentIntents.create(inEuro))).toMatchObject({
      statusCode: 400,
      param: 'allowed_payment_method_types',
    });
  });
});

describe('bank debits', () => {
  async function debit(
    bank: Local,
    name: string,
    currency = 'usd',
    type: 'us_bank_account' | 'sepa_debit' = 'us_bank_account',
  ) {
    const { id } = await bank.stripe.paymentIntents.create({
      amount: 900,
      currency,
      payment_method: name,
      allowed_payment_method_types: [type],
    });
    return bank.stripe.paymentIntents.confirm(id);
  }

  test('are processing for days, and then go through', async () => {
    await using bank = await startLocal();
    const started = await debit(bank, 'pm_usBankAccount');
    expect(started).toMatchObject({
      status: 'processing',
      amount_received: 0,
      latest_charge: matching(/^py_/),
    });
    expect(await errorOf(bank.stripe.paymentIntents.confirm(started.id))).toMatchObject({
      code: 'payment_intent_unexpected_state',
    });
    expect(await errorOf(bank.stripe.paymentIntents.cancel(started.id))).toMatchObject({
      code: 'payment_intent_unexpected_state',
    });
    bank.sandbox.clock.advance(4 * DAY_MS - 10_000);
    expect((await bank.stripe.paymentIntents.retrieve(started.id)).status).toBe('processing');
    bank.sandbox.clock.advance(10_000);
    expect(bank.sandbox.books.paymentIntent(started.id)).toMatchObject({
      status: 'succeeded',
      amount_received: 900,
    });
  });

  test.each([
    ['pm_usBankAccount_accountClosed', 'account_closed'],
    ['pm_usBankAccount_noAccount', 'no_account'],
    ['pm_usBankAccount_insufficientFunds', 'insufficient_funds'],
    ['pm_usBankAccount_debitNotAuthorized', 'debit_not_authorized'],
  ])('%s fails later with %s', async (name, code) => {
    await using bank = await startLocal({ bankDebitMs: 1000 });
    const { id } = await debit(bank, name);
    bank.sandbox.clock.advance(1000);
    expect(bank.sandbox.books.paymentIntent(id)).toMatchObject({
      status: 'requires_payment_method',
      payment_method: null,
      last_payment_error: { code },
    });
    expect(bank.sandbox.books.charges[0]).toMatchObject({ status: 'failed', failure_code: code });
  });

  test('SEPA accounts have names by country, and pay in euro', async () => {
    await using bank = await startLocal({ bankDebitMs: 1000 });
    const paid = await debit(bank, 'pm_success_de', 'eur', 'sepa_debit');
    const plain = await debit(bank, 'pm_sepaDebit', 'eur', 'sepa_debit');
    const failed = await debit(bank, 'pm_failed_at', 'eur', 'sepa_debit');
    const slow = await debit(bank, 'pm_successDelayed_fr', 'eur', 'sepa_debit');
    bank.sandbox.clock.advance(1000);
    const statusOf = (id: string) => bank.sandbox.books.paymentIntent(id)?.status;
    expect([paid, plain, failed, slow].map(({ id }) => statusOf(id))).toEqual([
      'succeeded',
      'succeeded',
      'requires_payment_method',
      'processing',
    ]);
    expect(await errorOf(debit(bank, 'pm_success_xx', 'eur', 'sepa_debit'))).toMatchObject({
      code: 'resource_missing',
    });
  });

  test('one never decides, and that one can be canceled', async () => {
    await using bank = await startLocal();
    const { id } = await debit(bank, 'pm_usBankAccount_processing');
    bank.sandbox.clock.advance(90 * DAY_MS);
    expect((await bank.stripe.paymentIntents.retrieve(id)).status).toBe('processing');
    expect((await bank.stripe.paymentIntents.cancel(id)).status).toBe('canceled');
  });

  test('need a mandate', async () => {
    await using bank = await startLocal();
    const { id } = await bank.stripe.paymentIntents.create({
      amount: 900,
      currency: 'usd',
      payment_method: 'pm_usBankAccount_noMandate',
      allowed_payment_method_types: ['us_bank_account'],
    });
    expect(await errorOf(bank.stripe.paymentIntents.confirm(id))).toMatchObject({
      statusCode: 400,
      message: containing('mandate'),
    });
    const acceptance = {
      customer_acceptance: {
        type: 'online' as const,
        online: { ip_address: '192.0.2.1', user_agent: 'test' },
      },
    };
    expect(
      (await bank.stripe.paymentIntents.confirm(id, { mandate_data: acceptance })).status,
    ).toBe('processing');
  });
});
