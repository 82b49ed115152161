import { describe, expect, test } from 'vitest';
import { CARD, createUnconfirmed, errorOf, type Json, type Local, startLocal } from '../clients.ts';
import { containing, matching } from '../text-matchers.ts';

const IDEMPOTENT = { idempotencyKey: 'confirm-1' };

/** Without what every error of Stripe has. */
function shapeOf(error: Json | undefined): Record<string, unknown> {
  return { ...error, request_log_url: undefined, doc_url: undefined };
}

async function errorIn(local: Local, method: string, path: string, form?: string) {
  const answer = await local.send(method, path, form === undefined ? {} : { form });
  return { ...answer, error: shapeOf(answer.json['error']) };
}

describe('an error that was ordered', () => {
  test('is an object as Stripe sends it, for the request that was named and no other', async () => {
    await using local = await startLocal({
      faults:
        'payment_intents.create=error:400:invalid_request_error:resource_missing:param=customer:message=No%20such%20customer%3A%20%27cus_9%27',
    });
    const refused = await errorIn(local, 'POST', '/v1/payment_intents', 'amount=500&currency=usd');
    expect(refused.status).toBe(400);
    expect(refused.error).toEqual({
      type: 'invalid_request_error',
      code: 'resource_missing',
      param: 'customer',
      message: "No such customer: 'cus_9'",
    });
    expect(refused.json['error']).toMatchObject({
      doc_url: containing('resource-missing'),
      request_log_url: containing('req_'),
    });
    expect(local.sandbox.books.paymentIntents).toEqual([]);
    expect((await local.stripe.paymentIntents.create(CARD)).object).toBe('payment_intent');
    expect(
      local.sandbox.books.requests.map(({ executed, fault }) => ({ executed, fault })),
    ).toEqual([
      { executed: false, fault: containing('error:400:invalid_request_error:resource_missing') },
      { executed: true, fault: null },
    ]);
  });

  test.each([
    ['payment_intents.retrieve', 'GET', '/v1/payment_intents/pi_1'],
    ['payment_intents.list', 'GET', '/v1/payment_intents'],
    ['payment_intents.cancel', 'POST', '/v1/payment_intents/pi_1/cancel'],
    ['payment_intents.confirm', 'POST', '/v1/payment_intents/pi_1/confirm'],
    ['account', 'GET', '/v1/account'],
    ['events.list', 'GET', '/v1/events'],
  ])('to %s', async (endpoint, method, path) => {
    await using local = await startLocal({
      faults: `${endpoint}#1-2=error:403:invalid_request_error:testmode_charges_only`,
    });
    for (let times = 0; times < 2; times += 1) {
      const { status, error } = await errorIn(local, method, path);
      expect([status, error['code']]).toEqual([403, 'testmode_charges_only']);
    }
    expect((await errorIn(local, method, path)).error['code']).not.toBe('testmode_charges_only');
  });

  test('needs no code, and may be of a kind that nobody has seen', async () => {
    await using local = await startLocal({
      faults: 'seq:account=error:400:invalid_request_error,error:418:tea_error:teapot',
    });
    const plain = await errorIn(local, 'GET', '/v1/account');
    expect(plain.error).toEqual({ type: 'invalid_request_error', message: containing('sandbox') });
    const unseen = await errorIn(local, 'GET', '/v1/account');
    expect([unseen.status, unseen.error['type'], unseen.error['code']]).toEqual([
      418,
      'tea_error',
      'teapot',
    ]);
  });

  test('with 402 is a decline that was tried: the charge, the whole intent, and kept', async () => {
    await using local = await startLocal();
    const { id } = await createUnconfirmed(local.stripe);
    local.sandbox.setFaults(
      'payment_intents.confirm=error:402:card_error:card_declined:do_not_honor',
    );
    const error = await errorOf(local.stripe.paymentIntents.confirm(id, {}, IDEMPOTENT));
    expect(error).toMatchObject({
      statusCode: 402,
      type: 'StripeCardError',
      code: 'card_declined',
      decline_code: 'do_not_honor',
      charge: matching(/^ch_/),
      payment_intent: {
        id,
        status: 'requires_payment_method',
        latest_charge: error.charge,
        last_payment_error: {
          code: 'card_declined',
          decline_code: 'do_not_honor',
          charge: error.charge,
        },
      },
      payment_method: { object: 'payment_method', type: 'card' },
    });
    expect(local.sandbox.books.charges).toMatchObject([
      { status: 'failed', failure_code: 'card_declined' },
    ]);
    expect(local.sandbox.books.requests.at(-1)?.executed).toBe(true);
    const again = await errorOf(local.stripe.paymentIntents.confirm(id, {}, IDEMPOTENT));
    expect(again.headers).toMatchObject({
      'idempotent-replayed': 'true',
      'stripe-should-retry': 'false',
    });
    expect(again).toMatchObject({ statusCode: 402, decline_code: 'do_not_honor' });
    expect(local.sandbox.books.charges).toHaveLength(1);
  });

  test('with 402 on a create that confirms leaves the declined intent, on another create nothing', async () => {
    await using local = await startLocal({
      faults: 'payment_intents.create#1-2=error:402:card_error:test_mode_live_card:param=number',
    });
    const paying = { ...CARD, payment_method: 'pm_card_visa', confirm: true };
    const declined = await errorOf(local.stripe.paymentIntents.create(paying));
    expect(declined).toMatchObject({
      statusCode: 402,
      code: 'test_mode_live_card',
      param: 'number',
    });
    expect(declined.decline_code).toBe('');
    expect(declined.payment_intent).toMatchObject({ status: 'requires_payment_method' });
    expect(await errorOf(createUnconfirmed(local.stripe))).toMatchObject({ statusCode: 402 });
    expect(local.sandbox.books.paymentIntents).toHaveLength(1);
  });

  test('with 402 changes nothing where there is nothing to pay', async () => {
    await using local = await startLocal();
    const { id } = await createUnconfirmed(local.stripe);
    await local.stripe.paymentIntents.confirm(id);
    local.sandbox.setFaults('payment_intents.confirm=error:402:card_error:card_declined');
    expect(await errorOf(local.stripe.paymentIntents.confirm(id))).toMatchObject({
      statusCode: 400,
      code: 'payment_intent_unexpected_state',
    });
    expect(local.sandbox.books.paymentIntent(id)?.status).toBe('succeeded');
  });

  test('other than 402 is not kept, unless that is ordered', async () => {
    await using local = await startLocal();
    const { id } = await createUnconfirmed(local.stripe);
    const confirm = () => local.stripe.paymentIntents.confirm(id, {}, IDEMPOTENT);
    local.sandbox.setFaults(
      'payment_intents.confirm=error:400:invalid_request_error:account_invalid:kept=true',
    );
    const first = await errorOf(confirm());
    expect(first.headers).toMatchObject({ 'stripe-should-retry': 'false' });
    expect((await errorOf(confirm())).headers).toMatchObject({ 'idempotent-replayed': 'true' });
    expect(local.sandbox.books.paymentIntent(id)?.status).toBe('requires_confirmation');
    const other = await createUnconfirmed(local.stripe);
    local.sandbox.setFaults(
      'payment_intents.confirm=error:400:invalid_request_error:account_invalid',
    );
    const key = { idempotencyKey: 'confirm-2' };
    const refused = await errorOf(local.stripe.paymentIntents.confirm(other.id, {}, key));
    expect(refused.headers).not.toHaveProperty('stripe-should-retry');
    expect((await local.stripe.paymentIntents.confirm(other.id, {}, key)).status).toBe('succeeded');
  });

  test('of the intent itself carries the intent', async () => {
    await using local = await startLocal();
    const { id } = await createUnconfirmed(local.stripe);
    local.sandbox.setFaults(
      'payment_intents.confirm=error:400:invalid_request_error:payment_intent_mandate_invalid',
    );
    const error = await errorOf(local.stripe.paymentIntents.confirm(id));
    expect(error.payment_intent).toMatchObject({ id, status: 'requires_confirmation' });
  });

  test('is told to SendGrid as a status', async () => {
    await using local = await startLocal({ faults: 'mail.send=error:413:invalid_request_error' });
    expect((await local.send('POST', '/v3/mail/send', { form: '{}' })).status).toBe(413);
  });
});

describe('headers that say whether to try again', () => {
  const headersFor = async (fault: string) => {
    await using local = await startLocal({ faults: `account=${fault}` });
    const { headers } = await local.send('GET', '/v1/account');
    return [headers['stripe-rate-limited-reason'], headers['stripe-should-retry']];
  };

  test.each([
    ['429', 'endpoint-rate', undefined],
    ['429_lock', undefined, 'true'],
    ['409', undefined, undefined],
    ['error:429:invalid_request_error:rate_limit', 'endpoint-rate', undefined],
    [
      'error:429:invalid_request_error:rate_limit:limited=global-concurrency',
      'global-concurrency',
      undefined,
    ],
    ['error:429:invalid_request_error:rate_limit:limited=', undefined, undefined],
    ['error:429:invalid_request_error:rate_limit:should_retry=false', 'endpoint-rate', 'false'],
    ['error:429:invalid_request_error:lock_timeout', undefined, 'true'],
    ['error:409:invalid_request_error:idempotency_key_in_use:should_retry=true', undefined, 'true'],
    ['error:503:api_error', undefined, 'false'],
    ['error:503:api_error:should_retry=true', undefined, 'true'],
    ['error:503:api_error:kept=false', undefined, undefined],
    ['error:400:invalid_request_error:parameter_missing', undefined, undefined],
  ])('%s: %s, %s', async (fault, reason, retry) => {
    expect(await headersFor(fault)).toEqual([reason, retry]);
  });

  test('a 409 of a twin is an invalid request with a code', async () => {
    await using local = await startLocal({ faults: 'account=409' });
    const { error } = await errorIn(local, 'GET', '/v1/account');
    expect([error['type'], error['code']]).toEqual([
      'invalid_request_error',
      'idempotency_key_in_use',
    ]);
  });
});
