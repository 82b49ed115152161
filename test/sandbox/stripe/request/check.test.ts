import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CARD, createUnconfirmed, errorOf, type Local, startLocal } from '../../clients.ts';
import { containing } from '../../text-matchers.ts';

let local: Local;
beforeAll(async () => (local = await startLocal()));
afterAll(() => local.sandbox.close());

const create = (form: string) => local.send('POST', '/v1/payment_intents', { form });
const MONEY = 'amount=4999&currency=usd';
const LONG = 60;

/** The form is the name of its case, where it is short enough to be read. */
const named = <T extends readonly [string, ...unknown[]]>(cases: readonly T[]) =>
  cases.map((each) => ({
    title: each[0].length > LONG ? `${each[0].slice(0, LONG)}..` : each[0],
    each,
  }));

describe('a create is refused, as Stripe does', () => {
  test.each(
    named([
      ['currency=usd', 'parameter_missing', 'amount', 'Missing required param: amount.'],
      ['amount=500', 'parameter_missing', 'currency', 'Missing required param: currency.'],
      [
        'amount=49.99&currency=usd',
        'parameter_invalid_integer',
        'amount',
        'Invalid integer: 49.99',
      ],
      ['amount=4e3&currency=usd', 'parameter_invalid_integer', 'amount', 'Invalid integer: 4e3'],
      [
        'amount=%200500&currency=usd',
        'parameter_invalid_integer',
        'amount',
        'Invalid integer:  0500',
      ],
      [
        'amount=&currency=usd',
        'parameter_invalid_empty',
        'amount',
        "You passed an empty string for 'amount'.",
      ],
      [
        'amount=0&currency=usd',
        'parameter_invalid_integer',
        'amount',
        'greater than or equal to 1',
      ],
      [
        'amount=-5&currency=usd',
        'parameter_invalid_integer',
        'amount',
        'greater than or equal to 1',
      ],
      ['amount=49&currency=usd', 'amount_too_small', 'amount', 'at least $0.50 usd'],
      ['amount=29&currency=gbp', 'amount_too_small', 'amount', 'at least £0.30 gbp'],
      ['amount=49&currency=jpy', 'amount_too_small', 'amount', 'at least ¥50 jpy'],
      [
        'amount=100000000&currency=usd',
        'amount_too_large',
        'amount',
        'no more than $999,999.99 usd',
      ],
      ['amount=1234&currency=kwd', 'parameter_invalid_integer', 'amount', 'divisible by 10'],
      ['amount=550&currency=isk', 'parameter_invalid_integer', 'amount', 'divisible by 100'],
      ['amount=550&currency=ugx', 'parameter_invalid_integer', 'amount', 'divisible by 100'],
      [
        'amount=500&currency=zzz',
        undefined,
        'currency',
        'Invalid currency: zzz. Stripe currently supports these currencies: usd, aed',
      ],
      [
        `${MONEY}&payment_method_types[]=card`,
        'payment_method_types_no_longer_supported',
        'payment_method_types',
        'allowed_payment_method_types',
      ],
      [`${MONEY}&off_session=true`, undefined, 'off_session', 'unless `confirm` is set to true'],
      [
        `${MONEY}&return_url=https://example.com`,
        undefined,
        'return_url',
        'unless `confirm` is set to true',
      ],
      [`${MONEY}&colour=red`, 'parameter_unknown', 'colour', 'Received unknown parameter: colour'],
      [
        `${MONEY}&colour=red&size=4`,
        'parameter_unknown',
        'colour',
        'Received unknown parameters: colour, size',
      ],
      [
        `${MONEY}&__proto__[x]=1&constructor=2`,
        'parameter_unknown',
        undefined,
        'Received unknown parameter',
      ],
      [
        `${MONEY}&shipping[name]=x&shipping[colour]=red`,
        'parameter_unknown',
        'shipping[colour]',
        'Received unknown parameter: shipping[colour]',
      ],
      [
        `${MONEY}&payment_method_options[card][colour]=red`,
        'parameter_unknown',
        'payment_method_options[card][colour]',
        'unknown parameter',
      ],
      [`${MONEY}&confirm=yes`, undefined, 'confirm', 'Invalid boolean: yes'],
      [`${MONEY}&confirm=TRUE`, undefined, 'confirm', 'Invalid boolean: TRUE'],
      [`${MONEY}&confirm=1`, undefined, 'confirm', 'Invalid boolean: 1'],
      [
        `${MONEY}&capture_method=later`,
        undefined,
        'capture_method',
        'must be one of automatic, automatic_async, or manual',
      ],
      [
        `${MONEY}&allowed_payment_method_types[]=cash`,
        undefined,
        'allowed_payment_method_types[0]',
        'must be one of',
      ],
      [
        `${MONEY}&allowed_payment_method_types=card`,
        undefined,
        'allowed_payment_method_types',
        'Invalid array: card',
      ],
      [`${MONEY}&metadata=5`, undefined, 'metadata', 'Invalid hash: 5'],
      [`${MONEY}&description=`, 'parameter_invalid_empty', 'description', 'cannot be unset'],
      [`${MONEY}&description=${'x'.repeat(1001)}`, undefined, 'description', '1000'],
      [`${MONEY}&metadata[${'k'.repeat(41)}]=v`, undefined, undefined, 'at most 40 characters'],
      [`${MONEY}&metadata[k]=${'v'.repeat(501)}`, undefined, 'metadata[k]', 'up to 500 characters'],
      [
        `${MONEY}&${Array.from({ length: 51 }, (_, n) => `metadata[k${String(n)}]=v`).join('&')}`,
        undefined,
        'metadata',
        'at most 50 keys',
      ],
      [`${MONEY}&metadata[a%5Bb%5D]=v`, undefined, undefined, 'square brackets'],
      [`${MONEY}&transfer_data[destination]=acct_1`, undefined, undefined, 'no connected accounts'],
      ...[
        'automatic_payment_methods[enabled]=true',
        'excluded_payment_method_types[]=card',
        'payment_method_configuration=pmc_1',
      ].map(
        (other) =>
          [
            `${MONEY}&allowed_payment_method_types[]=card&${other}`,
            undefined,
            other.replace(/[[=].*/, ''),
            'You may only specify one',
          ] as const,
      ),
    ] as const),
  )('$title', async ({ each: [form, code, param, message] }) => {
    const before = local.sandbox.books.paymentIntents.length;
    const answer = await create(form);
    expect(answer.status).toBe(400);
    expect(answer.json['error']).toMatchObject({
      type: 'invalid_request_error',
      message: containing(message),
      ...(code === undefined ? {} : { code }),
    });
    if (code === undefined) expect(answer.json['error']).not.toHaveProperty('code');
    if (param !== undefined) expect(answer.json['error']).toMatchObject({ param });
    expect(local.sandbox.books.paymentIntents).toHaveLength(before);
  });

  test('a body that is not a form', async () => {
    const answer = await local.send('POST', '/v1/payment_intents', {
      form: '{"amount":500}',
      headers: { 'content-type': 'application/json' },
    });
    expect(answer).toMatchObject({
      status: 400,
      json: { error: { message: containing('application/x-www-form-urlencoded') } },
    });
  });

  test('a version other than the one that the sandbox has', async () => {
    const answer = await local.send('GET', '/v1/account', {
      headers: { 'stripe-version': '2020-08-27' },
    });
    expect(answer).toMatchObject({
      status: 400,
      json: { error: { message: containing('2020-08-27') } },
    });
  });
});

describe('what is just allowed is accepted', () => {
  test.each(
    named<readonly [string, object]>([
      ['amount=50&currency=usd', { amount: 50 }],
      ['amount=99999999&currency=usd', { amount: 99_999_999 }],
      ['amount=500&currency=USD', { currency: 'usd' }],
      ['amount=1230&currency=kwd', { amount: 1230 }],
      ['amount=500&currency=isk', { amount: 500 }],
      ['amount=17501&currency=huf', { amount: 17_501 }],
      ['amount=101&currency=twd', { amount: 101 }],
      [`${MONEY}&description=${'x'.repeat(1000)}`, { description: 'x'.repeat(1000) }],
      [`${MONEY}&description=%F0%9F%92%B6%20%26%20%2B`, { description: '💶 & +' }],
      [
        `${MONEY}&metadata[${'k'.repeat(40)}]=${'v'.repeat(500)}`,
        { metadata: { ['k'.repeat(40)]: 'v'.repeat(500) } },
      ],
      [`${MONEY}&metadata[n]=007&metadata[t]=true`, { metadata: { n: '007', t: 'true' } }],
      [
        `${MONEY}&${Array.from({ length: 50 }, (_, n) => `metadata[k${String(n)}]=v`).join('&')}`,
        {},
      ],
      [
        `${MONEY}&shipping[name]=Ada&shipping[address][line1]=1%20Road`,
        { shipping: { name: 'Ada', address: { line1: '1 Road', city: null } } },
      ],
      [
        `${MONEY}&confirm=True&payment_method=pm_card_visa&allowed_payment_method_types[]=card`,
        { status: 'succeeded' },
      ],
      [
        `${MONEY}&confirm=False&payment_method=pm_card_visa&use_stripe_sdk=True`,
        { status: 'requires_confirmation' },
      ],
      [`${MONEY}&expand[]=customer&expand[]=latest_charge`, {}],
    ]),
  )('$title', async ({ each: [form, shown] }) => {
    const answer = await create(form);
    expect(answer.body).toContain('"object": "payment_intent"');
    expect(answer).toMatchObject({ status: 200, json: shown });
  });
});

describe('other requests', () => {
  test('confirm, cancel and retrieve know only their own parameters', async () => {
    const { id } = await createUnconfirmed(local.stripe);
    for (const action of ['confirm', 'cancel']) {
      const answer = await local.send('POST', `/v1/payment_intents/${id}/${action}`, {
        form: 'amount=5',
      });
      expect(answer).toMatchObject({
        status: 400,
        json: { error: { code: 'parameter_unknown', param: 'amount' } },
      });
    }
    expect(
      await local.send('POST', `/v1/payment_intents/${id}/confirm`, {
        form: 'payment_method_types[]=card',
      }),
    ).toMatchObject({
      status: 400,
      json: { error: { code: 'payment_method_types_no_longer_supported' } },
    });
    expect(await local.send('GET', `/v1/payment_intents/${id}?colour=red`)).toMatchObject({
      status: 400,
      json: { error: { code: 'parameter_unknown' } },
    });
    expect(
      await local.send('POST', `/v1/payment_intents/${id}/cancel`, {
        form: 'cancellation_reason=boredom',
      }),
    ).toMatchObject({
      status: 400,
      json: { error: { param: 'cancellation_reason', message: containing('must be one of') } },
    });
    expect((await local.stripe.paymentIntents.retrieve(id)).status).toBe('requires_confirmation');
  });

  test.each([
    ['limit=0'],
    ['limit=101'],
    ['limit=ten'],
    ['created=soon'],
    ['created[around]=5'],
    ['starting_after=pi_nothing'],
    ['status=succeeded'],
  ])('a list with %s is refused', async (query) => {
    expect((await local.send('GET', `/v1/payment_intents?${query}`)).status).toBe(400);
  });

  test.each([['payment_intents'], ['charges'], ['refunds'], ['events']])(
    'a list of %s pages one way at a time',
    async (list) => {
      const paid = await local.stripe.paymentIntents.confirm(
        (await createUnconfirmed(local.stripe)).id,
      );
      const refund = await local.stripe.refunds.create({ payment_intent: paid.id, amount: 5 });
      local.sandbox.clock.advance(5000);
      const [event] = (await local.stripe.events.list()).data;
      const cursor =
        {
          payment_intents: paid.id,
          charges: refund.charge as string,
          refunds: refund.id,
          events: event?.id,
        }[list] ?? '';
      const both = await local.send(
        'GET',
        `/v1/${list}?starting_after=${cursor}&ending_before=${cursor}`,
      );
      expect(both.status).toBe(400);
      expect(both.json['error']).toMatchObject({
        type: 'invalid_request_error',
        message:
          'Received both starting_after and ending_before parameters. Please pass in only one.',
      });
      expect(both.json['error']).not.toHaveProperty('code');
      const bogus = await local.send(
        'GET',
        `/v1/${list}?starting_after=no_such&ending_before=${cursor}`,
      );
      expect(bogus.json['error']).toMatchObject({
        code: 'resource_missing',
        param: 'starting_after',
      });
      expect((await local.send('GET', `/v1/${list}?starting_after=${cursor}`)).status).toBe(200);
    },
  );

  test('amount_to_confirm must be the amount', async () => {
    const { id } = await local.stripe.paymentIntents.create({
      ...CARD,
      payment_method: 'pm_card_visa',
    });
    expect(
      await errorOf(local.stripe.paymentIntents.confirm(id, { amount_to_confirm: 5000 })),
    ).toMatchObject({ statusCode: 400, param: 'amount_to_confirm' });
    expect(
      (await local.stripe.paymentIntents.confirm(id, { amount_to_confirm: 4999 })).status,
    ).toBe('succeeded');
  });
});
