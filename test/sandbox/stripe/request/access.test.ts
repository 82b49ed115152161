import { describe, expect, test } from 'vitest';
import { CARD, errorOf, SECRET_KEY, startLocal, stripeAt } from '../../clients.ts';
import { containing } from '../../text-matchers.ts';

describe('access', () => {
  test.each([
    ['no key', null, 'You did not provide an API key'],
    [
      'a live key',
      SECRET_KEY.replace('test', 'live'),
      'Invalid API Key provided: sk_live_********************p7dc',
    ],
    ['a key that was cut off', 'sk_test_4eC', 'Invalid API Key provided: sk_test_'],
    ['a publishable key', 'pk_test_4eC39HqLyjWDarjtT1zdp7dc', 'Invalid API Key provided: pk_test_'],
    ['something else', 'hello', 'Invalid API Key provided: *ello'],
  ])('%s is a 401', async (_name, key, message) => {
    await using local = await startLocal();
    const answer = await local.send('POST', '/v1/payment_intents', {
      form: 'amount=500&currency=usd',
      key,
    });
    expect(answer.status).toBe(401);
    expect(answer.json['error']).toMatchObject({
      type: 'invalid_request_error',
      message: containing(message),
    });
    expect(local.sandbox.books.paymentIntents).toHaveLength(0);
  });

  test('restricted keys, and the key as a user name, are accepted', async () => {
    await using local = await startLocal();
    expect(
      (await local.send('GET', '/v1/account', { key: 'rk_test_4eC39HqLyjWDarjt' })).status,
    ).toBe(200);
    const basic = Buffer.from(`${SECRET_KEY}:`).toString('base64');
    expect(
      (
        await local.send('GET', '/v1/account', {
          key: null,
          headers: { authorization: `Basic ${basic}` },
        })
      ).status,
    ).toBe(200);
  });

  test('only the given keys are accepted, if keys are given', async () => {
    await using local = await startLocal({ secretKeys: ['sk_test_theOnlyOne'] });
    expect(await errorOf(local.stripe.balance.retrieve())).toMatchObject({
      statusCode: 401,
      type: 'StripeAuthenticationError',
    });
    const known = stripeAt(local.sandbox.port, { key: 'sk_test_theOnlyOne' });
    expect((await known.balance.retrieve()).object).toBe('balance');
  });

  test('a path that Stripe does not have is its 404', async () => {
    await using local = await startLocal();
    expect(await errorOf(local.stripe.products.list())).toMatchObject({
      statusCode: 404,
      message: containing('Unrecognized request URL (GET: /v1/products)'),
    });
    expect((await local.send('DELETE', '/v1/customers/cus_1')).status).toBe(404);
    expect(
      local.sandbox.books.requests.map(({ endpoint, method }) => `${method} ${endpoint}`),
    ).toEqual(['GET unknown', 'DELETE unknown']);
  });

  test('it listens on the loopback interface only', async () => {
    await using local = await startLocal();
    expect(local.sandbox.url).toBe(`http://127.0.0.1:${String(local.sandbox.port)}`);
    await expect(startLocal({ port: local.sandbox.port })).rejects.toMatchObject({
      code: 'EADDRINUSE',
      address: '127.0.0.1',
    });
  });
});

describe('rate limits', () => {
  test('are off unless asked for', async () => {
    await using local = await startLocal();
    const answers = await Promise.all(
      Array.from({ length: 60 }, () => local.send('GET', '/v1/account')),
    );
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
  });

  test('of a sandbox account are 25 a second in all', async () => {
    await using local = await startLocal({ rateLimits: true });
    const startedMs = performance.now();
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => local.send('GET', '/v1/account')),
    );
    const allowedLater = Math.ceil(((performance.now() - startedMs) / 1_000) * 25);
    const limited = answers.filter(({ status }) => status === 429);
    // However long a busy machine takes: 25 at once, and 25 more with each second.
    expect(limited.length).toBeGreaterThanOrEqual(200 - 25 - allowedLater);
    expect(limited.length).toBeLessThanOrEqual(175);
    expect(limited[0]?.headers['stripe-rate-limited-reason']).toBe('global-rate');
    expect(limited[0]?.json['error']).toMatchObject({ code: 'rate_limit' });
    expect(limited[0]?.headers).not.toHaveProperty('retry-after');
  });

  test('of an endpoint count all objects together, and leave the others alone', async () => {
    await using local = await startLocal({ rateLimits: { perSecond: 1000, perEndpoint: 3 } });
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, n) => local.send('GET', `/v1/payment_intents/pi_${String(n)}`)),
    );
    const limited = answers.filter(({ status }) => status === 429);
    expect(limited.length).toBeGreaterThanOrEqual(4);
    expect(
      limited.every(({ headers }) => headers['stripe-rate-limited-reason'] === 'endpoint-rate'),
    ).toBe(true);
    expect((await local.stripe.paymentIntents.create(CARD)).status).toBe('requires_payment_method');
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect((await local.send('GET', '/v1/payment_intents/pi_x')).status).toBe(404);
  });

  test('allow a thousand updates of one intent in an hour', async () => {
    await using local = await startLocal({
      rateLimits: { perSecond: 100_000, perEndpoint: 100_000 },
    });
    const { id } = await local.stripe.paymentIntents.create(CARD);
    const update = () => local.send('POST', `/v1/payment_intents/${id}`, { form: 'metadata[a]=b' });
    for (let sent = 0; sent < 1000; sent += 100)
      await Promise.all(Array.from({ length: 100 }, update));
    expect(await update()).toMatchObject({
      status: 429,
      headers: { 'stripe-rate-limited-reason': 'resource-specific' },
    });
  });
});
