import { afterEach, describe, expect, it } from 'vitest';
import type { Gateway } from '../../src/app/ports.ts';
import { BugError } from '../../src/domain/errors.ts';
import {
  cancelIdempotencyKey,
  confirmIdempotencyKey,
  createIdempotencyKey,
} from '../../src/stripe/idempotency.ts';
import { json, startRawServer, stripeError, type Handler, type RawServer } from './raw-server.ts';
import { collect, gatewayAt, intent, query, SECRET, transaction } from './samples.ts';

const open: { gateway: { close(): void }; server: RawServer }[] = [];

async function talk(handler: Handler): Promise<{ gateway: Gateway; server: RawServer }> {
  const server = await startRawServer(handler);
  const gateway = gatewayAt(`${server.base}/`);
  open.push({ gateway, server });
  return { gateway, server };
}

afterEach(async () => {
  for (const { gateway, server } of open.splice(0)) {
    gateway.close();
    await server[Symbol.asyncDispose]();
  }
});

const ok: Handler = (_seen, response) => json(response, 200, intent());

describe('what is sent', () => {
  it('creates unconfirmed, with exactly the fixed parameters', async () => {
    const { gateway, server } = await talk(ok);
    await gateway.create(transaction());
    const [request] = server.seen;
    expect([request?.method, request?.path]).toEqual(['POST', '/v1/payment_intents']);
    expect(Object.fromEntries(request!.form)).toEqual({
      amount: '4999',
      currency: 'usd',
      payment_method: 'pm_card_visa',
      'allowed_payment_method_types[0]': 'card',
      customer: 'cus_1',
      description: 'Two chairs',
      'metadata[shop]': 'north',
      'metadata[payrecon_transaction]': 'txn_01HZX5J4E9K4M2N8P0Q6R7S8T9',
    });
    expect(request?.headers).toMatchObject({
      authorization: `Bearer ${SECRET}`,
      'idempotency-key': createIdempotencyKey({ key: 'order-1', attempt: 1 }),
      'stripe-version': '2026-10-28.endive',
    });
    expect(request?.headers).not.toHaveProperty('x-stripe-client-telemetry');
    expect(request?.headers['user-agent']).toContain('payrecon');
  });

  it('leaves out a customer and a description that are not known', async () => {
    const { gateway, server } = await talk(ok);
    await gateway.create(transaction({ customer: null, description: null, metadata: {} }));
    expect([...server.seen[0]!.form.keys()].sort()).toEqual([
      'allowed_payment_method_types[0]',
      'amount',
      'currency',
      'metadata[payrecon_transaction]',
      'payment_method',
    ]);
  });

  it('confirms by id, without any parameter, under a key of its own', async () => {
    const { gateway, server } = await talk(ok);
    await gateway.confirm(transaction());
    const [request] = server.seen;
    expect([request?.method, request?.path, request?.body]).toEqual([
      'POST',
      '/v1/payment_intents/pi_1/confirm',
      '',
    ]);
    expect(request?.headers['idempotency-key']).toBe(
      confirmIdempotencyKey({ key: 'order-1', attempt: 1 }),
    );
  });

  it('cancels by id under a key that changes with the version of the row', async () => {
    const { gateway, server } = await talk((_seen, response) =>
      json(response, 200, intent({ status: 'canceled' })),
    );
    await gateway.cancel(transaction({ version: 3 }));
    await gateway.cancel(transaction({ version: 4 }));
    expect(server.seen.map(({ path }) => path)).toEqual(
      Array(2).fill('/v1/payment_intents/pi_1/cancel'),
    );
    expect(server.seen.map(({ headers }) => headers['idempotency-key'])).toEqual([
      cancelIdempotencyKey({ key: 'order-1', attempt: 1, version: 3, paymentIntent: 'pi_1' }),
      cancelIdempotencyKey({ key: 'order-1', attempt: 1, version: 4, paymentIntent: 'pi_1' }),
    ]);
  });

  it('never confirms or cancels what has no id', async () => {
    const { gateway, server } = await talk(ok);
    await expect(gateway.confirm(transaction({ paymentIntent: null }))).rejects.toBeInstanceOf(
      BugError,
    );
    await expect(gateway.cancel(transaction({ paymentIntent: null }))).rejects.toBeInstanceOf(
      BugError,
    );
    expect(server.seen).toEqual([]);
  });

  it('counts wire attempts by kind', async () => {
    const { gateway } = await talk((seen, response) => {
      if (seen.path === '/v1/payment_intents' && seen.method === 'GET')
        json(response, 200, { object: 'list', data: [], has_more: false });
      else json(response, 200, intent());
    });
    await gateway.create(transaction());
    await gateway.confirm(transaction());
    await collect(gateway.lookUp([query(), query(), query({ paymentIntent: null })]));
    expect(gateway.calls()).toEqual({ list: 1, retrieve: 2, other: 2 });
  });
});

describe('what an intent is read as', () => {
  it('takes what a verdict needs, expanded or not', async () => {
    const { gateway } = await talk((_seen, response) =>
      json(
        response,
        200,
        intent({
          customer: { id: 'cus_9', object: 'customer' },
          payment_method: { id: 'pm_9', object: 'payment_method' },
          latest_charge: { id: 'ch_9', object: 'charge' },
          status: 'a_status_of_next_year',
          cancellation_reason: 'abandoned',
          last_payment_error: {
            code: 'card_declined',
            decline_code: 'lost_card',
            message: 'declined',
          },
          amount_received: 4000,
          livemode: true,
          next_action: {
            type: 'redirect_to_url',
            redirect_to_url: { url: 'https://bank.example' },
          },
        }),
        { 'Idempotent-Replayed': 'true' },
      ),
    );
    expect(await gateway.confirm(transaction())).toEqual({
      kind: 'intent',
      replayed: true,
      requestId: 'req_test',
      intent: {
        id: 'pi_1',
        status: 'a_status_of_next_year',
        amount: 4999,
        amountReceived: 4000,
        currency: 'usd',
        livemode: true,
        created: 1_700_000_000,
        customer: 'cus_9',
        paymentMethod: 'pm_9',
        paymentMethodTypes: ['card'],
        metadata: { shop: 'north', payrecon_transaction: 'txn_01HZX5J4E9K4M2N8P0Q6R7S8T9' },
        lastError: { code: 'card_declined', declineCode: 'lost_card', message: 'declined' },
        cancellationReason: 'abandoned',
        latestCharge: 'ch_9',
        clientSecret: 'pi_1_secret_x',
        nextAction: { type: 'redirect_to_url', redirect_to_url: { url: 'https://bank.example' } },
      },
    });
  });
});

describe('the account', () => {
  it('tells whose key it is, and the time at Stripe', async () => {
    const { gateway, server } = await talk((_seen, response) =>
      json(
        response,
        200,
        {
          id: 'acct_1',
          object: 'account',
          country: 'DE',
          business_profile: { name: null },
          settings: { dashboard: { display_name: 'Shop' } },
        },
        { date: 'Sun, 22 Nov 2026 12:00:00 GMT' },
      ),
    );
    expect(await gateway.account()).toEqual({
      kind: 'account',
      id: 'acct_1',
      name: 'Shop',
      country: 'DE',
      dateHeader: Date.UTC(2026, 10, 22, 12),
    });
    expect(server.seen[0]?.path).toBe('/v1/account');
  });

  it('tells a key that is refused from an address that does not answer', async () => {
    const { gateway } = await talk((_seen, response, n) => {
      if (n === 0)
        stripeError(response, 401, { message: `Invalid API Key provided: sk_test_****cdef` });
      else if (n === 1) json(response, 200, { hello: 'world' });
      else if (n === 2) stripeError(response, 503, { type: 'api_error', message: 'down' });
      else if (n === 3)
        stripeError(response, 403, {
          message: 'The key rk_test_****cdef may not read the account',
        });
      else if (n === 4) json(response, 403, { error: { message: 'blocked by the firewall' } });
      else json(response, 200, { object: 'account', id: 'acct_1/../x' });
    });
    expect(await gateway.account()).toEqual({
      kind: 'unauthorized',
      httpStatus: 401,
      message: 'Invalid API Key provided: [key]',
    });
    expect(await gateway.account()).toMatchObject({ kind: 'unreachable' });
    expect(await gateway.account()).toEqual({ kind: 'unreachable', message: 'down' });
    expect(await gateway.account()).toEqual({
      kind: 'forbidden',
      message: 'The key [key] may not read the account',
    });
    expect(await gateway.account()).toMatchObject({ kind: 'unreachable' });
    expect(await gateway.account()).toMatchObject({ kind: 'unreachable' });
  });
});
