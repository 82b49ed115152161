import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Answer } from '../../src/domain/answer.ts';
import type { openGateway } from '../../src/stripe/gateway.ts';
import { json, startRawServer, type Handler, type RawServer } from './raw-server.ts';
import { collect, gatewayAt, intent, query, SECRET, transaction } from './samples.ts';

/* Every class of answer, each through the stripe package and a real connection. */

let server: RawServer;
let gateway: ReturnType<typeof openGateway>;
let handler: Handler;

beforeAll(async () => {
  server = await startRawServer((seen, response, n) => handler(seen, response, n));
  gateway = gatewayAt(server.base);
});

afterAll(async () => {
  gateway.close();
  await server[Symbol.asyncDispose]();
});

type Call = 'create' | 'confirm' | 'cancel' | 'retrieve';

async function answerTo(call: Call): Promise<Answer> {
  if (call !== 'retrieve') return gateway[call](transaction());
  const [looked] = await collect(gateway.lookUp([query()]));
  return looked!.answer;
}

interface Case {
  readonly on: Call;
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Record<string, string>;
  readonly answer: Record<string, unknown>;
}

function fault(fields: Record<string, unknown>): Record<string, unknown> {
  return { error: { type: 'invalid_request_error', message: 'words', ...fields } };
}

const DECLINE = fault({
  type: 'card_error',
  code: 'card_declined',
  decline_code: 'insufficient_funds',
  message: 'Your card has insufficient funds.',
  payment_intent: intent({ status: 'requires_payment_method' }),
});

/** A 402 with the intent that was asked for. */
function refusedPayment(fields: Record<string, unknown>): Record<string, unknown> {
  return fault({
    type: 'card_error',
    payment_intent: intent({ status: 'requires_payment_method' }),
    ...fields,
  });
}

const REPLAYED = { 'Idempotent-Replayed': 'true' };

const CASES: readonly Case[] = [
  // Proof.
  { on: 'confirm', status: 200, body: intent(), answer: { kind: 'intent', replayed: false } },
  {
    on: 'confirm',
    status: 200,
    body: intent(),
    headers: REPLAYED,
    answer: { kind: 'intent', replayed: true },
  },
  { on: 'retrieve', status: 200, body: intent(), answer: { kind: 'intent' } },
  {
    on: 'confirm',
    status: 402,
    body: DECLINE,
    answer: {
      kind: 'declined',
      replayed: false,
      intent: expect.objectContaining({ id: 'pi_1', status: 'requires_payment_method' }) as unknown,
      failure: {
        code: 'card_declined',
        declineCode: 'insufficient_funds',
        message: 'Your card has insufficient funds.',
      },
      fault: 'declined',
    },
  },
  {
    on: 'confirm',
    status: 402,
    body: refusedPayment({
      code: 'authentication_required',
      decline_code: 'authentication_required',
    }),
    answer: { kind: 'declined', fault: 'authentication' },
  },
  {
    on: 'confirm',
    status: 402,
    body: DECLINE,
    headers: REPLAYED,
    answer: { kind: 'declined', replayed: true },
  },
  // A look-up has no idempotency key: nothing of it can be replayed.
  {
    on: 'retrieve',
    status: 200,
    body: intent(),
    headers: REPLAYED,
    answer: { kind: 'intent', replayed: false },
  },
  {
    on: 'retrieve',
    status: 403,
    body: fault({}),
    headers: REPLAYED,
    answer: { kind: 'unauthorized', effect: 'none' },
  },
  // Refusals of a payment that are no bank's.
  {
    on: 'confirm',
    status: 402,
    body: refusedPayment({ code: 'card_declined', decline_code: 'test_mode_live_card' }),
    answer: {
      kind: 'refused',
      httpStatus: 402,
      fault: 'request',
      effect: 'unknown',
      intent: expect.objectContaining({ id: 'pi_1' }) as unknown,
    },
  },
  {
    on: 'confirm',
    status: 402,
    body: refusedPayment({ code: 'of_next_year' }),
    answer: { kind: 'refused', fault: 'unknown' },
  },
  {
    on: 'confirm',
    status: 402,
    body: refusedPayment({ code: 'of_next_year', decline_code: 'do_not_honor' }),
    answer: { kind: 'refused', fault: 'unknown' },
  },
  {
    on: 'confirm',
    status: 402,
    body: refusedPayment({
      type: 'invalid_request_error',
      code: 'card_declined',
      decline_code: 'do_not_honor',
    }),
    answer: { kind: 'refused', fault: 'unknown' },
  },
  // Refusals.
  {
    on: 'confirm',
    status: 402,
    body: fault({ code: 'card_declined' }),
    answer: {
      kind: 'refused',
      httpStatus: 402,
      code: 'card_declined',
      fault: 'unknown',
      effect: 'unknown',
    },
  },
  {
    on: 'create',
    status: 400,
    body: fault({ code: 'parameter_missing', param: 'amount' }),
    answer: {
      kind: 'refused',
      httpStatus: 400,
      code: 'parameter_missing',
      param: 'amount',
      fault: 'request',
      effect: 'none',
      intent: null,
      message: 'words',
    },
  },
  {
    on: 'create',
    status: 400,
    body: fault({ code: 'x' }),
    headers: REPLAYED,
    answer: { kind: 'refused', effect: 'unknown' },
  },
  {
    on: 'create',
    status: 400,
    body: fault({ type: 'idempotency_error' }),
    answer: {
      kind: 'refused',
      httpStatus: 400,
      code: 'idempotency_error',
      fault: 'unknown',
      effect: 'none',
    },
  },
  {
    on: 'confirm',
    status: 400,
    body: fault({ code: 'payment_intent_unexpected_state', payment_intent: intent() }),
    answer: {
      kind: 'refused',
      code: 'payment_intent_unexpected_state',
      fault: 'unknown',
      intent: expect.objectContaining({ status: 'succeeded' }) as unknown,
    },
  },
  {
    on: 'confirm',
    status: 400,
    body: fault({
      code: 'payment_intent_unexpected_state',
      payment_intent: intent({ id: 'pi_other' }),
    }),
    answer: { kind: 'refused', intent: null },
  },
  {
    on: 'confirm',
    status: 404,
    body: fault({ code: 'resource_missing' }),
    answer: { kind: 'refused', httpStatus: 404, effect: 'unknown' },
  },
  {
    on: 'cancel',
    status: 404,
    body: fault({ code: 'resource_missing' }),
    answer: { kind: 'refused', httpStatus: 404, effect: 'unknown' },
  },
  {
    on: 'retrieve',
    status: 404,
    body: fault({ code: 'resource_missing' }),
    answer: { kind: 'missing', message: 'words', requestId: 'req_test' },
  },
  // A wrong address, not a missing intent.
  { on: 'retrieve', status: 404, body: fault({}), answer: { kind: 'refused', httpStatus: 404 } },
  {
    on: 'create',
    status: 401,
    body: fault({}),
    answer: { kind: 'unauthorized', httpStatus: 401, effect: 'none' },
  },
  {
    on: 'confirm',
    status: 403,
    body: fault({}),
    answer: { kind: 'unauthorized', httpStatus: 403, effect: 'none' },
  },
  {
    on: 'create',
    status: 401,
    body: fault({}),
    headers: REPLAYED,
    answer: { kind: 'unauthorized', effect: 'unknown' },
  },
  // Stripe answered, and nothing is decided.
  {
    on: 'create',
    status: 429,
    body: fault({ code: 'rate_limit' }),
    headers: { 'Stripe-Rate-Limited-Reason': 'endpoint-rate' },
    answer: {
      kind: 'unknown',
      reason: 'rate_limited',
      answered: true,
      effect: 'none',
      rateLimitedReason: 'endpoint-rate',
      httpStatus: 429,
    },
  },
  {
    on: 'create',
    status: 429,
    body: fault({ code: 'lock_timeout' }),
    answer: {
      kind: 'unknown',
      reason: 'lock_timeout',
      answered: true,
      effect: 'none',
      shouldRetry: null,
    },
  },
  {
    on: 'create',
    status: 429,
    body: fault({ code: 'lock_timeout' }),
    headers: { 'Stripe-Should-Retry': 'true' },
    answer: { kind: 'unknown', reason: 'lock_timeout', shouldRetry: true },
  },
  {
    on: 'retrieve',
    status: 429,
    body: fault({}),
    headers: { 'Stripe-Should-Retry': 'false' },
    answer: { kind: 'unknown', shouldRetry: false },
  },
  {
    on: 'retrieve',
    status: 429,
    body: fault({}),
    headers: { 'Stripe-Should-Retry': 'maybe' },
    answer: { kind: 'unknown', shouldRetry: null },
  },
  {
    on: 'create',
    status: 429,
    body: fault({ code: 'lock_timeout' }),
    headers: { 'Stripe-Rate-Limited-Reason': 'global-rate' },
    answer: { kind: 'unknown', reason: 'rate_limited' },
  },
  {
    on: 'create',
    status: 400,
    body: fault({ code: 'rate_limit' }),
    answer: { kind: 'unknown', reason: 'rate_limited', answered: true, effect: 'none' },
  },
  {
    on: 'create',
    status: 409,
    body: fault({ code: 'idempotency_key_in_use' }),
    answer: { kind: 'unknown', reason: 'conflict', answered: true, effect: 'unknown' },
  },
  {
    on: 'create',
    status: 409,
    body: fault({ type: 'idempotency_error' }),
    answer: { kind: 'unknown', reason: 'conflict' },
  },
  {
    on: 'confirm',
    status: 500,
    body: fault({ type: 'api_error' }),
    answer: {
      kind: 'unknown',
      reason: 'server_error',
      answered: true,
      effect: 'unknown',
      httpStatus: 500,
    },
  },
  {
    on: 'confirm',
    status: 503,
    body: fault({ type: 'api_error', payment_intent: intent() }),
    answer: { kind: 'unknown', reason: 'server_error' },
  },
  {
    on: 'retrieve',
    status: 500,
    body: fault({ type: 'api_error' }),
    answer: { kind: 'unknown', reason: 'server_error' },
  },
  // Readable, but not what was asked for.
  {
    on: 'confirm',
    status: 200,
    body: intent({ id: 'pi_other' }),
    answer: { kind: 'unknown', reason: 'malformed', answered: false, effect: 'unknown' },
  },
  {
    on: 'retrieve',
    status: 200,
    body: intent({ id: 'pi_other' }),
    answer: { kind: 'unknown', reason: 'malformed' },
  },
  {
    on: 'confirm',
    status: 402,
    body: fault({ payment_intent: intent({ id: 'pi_other' }) }),
    answer: { kind: 'unknown', reason: 'malformed' },
  },
  {
    on: 'confirm',
    status: 402,
    body: fault({ payment_intent: { id: 'pi_1' } }),
    answer: { kind: 'unknown', reason: 'malformed' },
  },
  { on: 'retrieve', status: 402, body: DECLINE, answer: { kind: 'unknown', reason: 'malformed' } },
  { on: 'create', status: 200, body: {}, answer: { kind: 'unknown', reason: 'malformed' } },
  { on: 'create', status: 200, body: [], answer: { kind: 'unknown', reason: 'malformed' } },
  { on: 'create', status: 200, body: null, answer: { kind: 'unknown', reason: 'malformed' } },
  { on: 'create', status: 200, body: 'ok', answer: { kind: 'unknown', reason: 'malformed' } },
  { on: 'create', status: 200, body: 5, answer: { kind: 'unknown', reason: 'malformed' } },
  {
    on: 'create',
    status: 200,
    body: { error: 5 },
    answer: { kind: 'unknown', reason: 'malformed' },
  },
  {
    on: 'create',
    status: 200,
    body: { error: {} },
    answer: { kind: 'unknown', reason: 'malformed' },
  },
  {
    on: 'create',
    status: 200,
    body: intent({ object: 'charge' }),
    answer: { kind: 'unknown', reason: 'malformed' },
  },
  {
    on: 'create',
    status: 200,
    body: intent({ id: '' }),
    answer: { kind: 'unknown', reason: 'malformed' },
  },
  {
    on: 'create',
    status: 200,
    body: intent({ status: null }),
    answer: { kind: 'unknown', reason: 'malformed' },
  },
  {
    on: 'create',
    status: 200,
    body: intent({ amount: '4999' }),
    answer: { kind: 'unknown', reason: 'malformed' },
  },
  {
    on: 'create',
    status: 200,
    body: intent({ amount: 49.99 }),
    answer: { kind: 'unknown', reason: 'malformed' },
  },
  {
    on: 'create',
    status: 200,
    body: intent({ currency: undefined }),
    answer: { kind: 'unknown', reason: 'malformed' },
  },
  {
    on: 'create',
    status: 200,
    body: intent({ created: undefined }),
    answer: { kind: 'unknown', reason: 'malformed' },
  },
  {
    on: 'create',
    status: 200,
    body: intent({ amount: -1 }),
    answer: { kind: 'unknown', reason: 'malformed' },
  },
  {
    on: 'create',
    status: 200,
    body: intent({ amount_received: undefined }),
    answer: { kind: 'unknown', reason: 'malformed' },
  },
  {
    on: 'create',
    status: 200,
    body: intent({ amount_received: '4999' }),
    answer: { kind: 'unknown', reason: 'malformed' },
  },
  {
    on: 'create',
    status: 200,
    body: intent({ livemode: undefined }),
    answer: { kind: 'unknown', reason: 'malformed' },
  },
  {
    on: 'create',
    status: 200,
    body: intent({ livemode: 'false' }),
    answer: { kind: 'unknown', reason: 'malformed' },
  },
  {
    on: 'create',
    status: 200,
    body: intent({ currency: 'dollars' }),
    answer: { kind: 'unknown', reason: 'malformed' },
  },
  {
    on: 'create',
    status: 200,
    body: intent({ id: 'ch_1' }),
    answer: { kind: 'unknown', reason: 'malformed' },
  },
  {
    on: 'create',
    status: 200,
    body: intent({ id: 'pi_1/../x' }),
    answer: { kind: 'unknown', reason: 'malformed' },
  },
  {
    on: 'create',
    status: 200,
    body: intent({ id: `pi_${'x'.repeat(1_000)}` }),
    answer: { kind: 'unknown', reason: 'malformed' },
  },
  {
    on: 'create',
    status: 200,
    body: intent({ status: 'x'.repeat(1_000) }),
    answer: { kind: 'unknown', reason: 'malformed' },
  },
  // JSON of a gateway in between: the package takes it for a success.
  {
    on: 'create',
    status: 502,
    body: { message: 'bad gateway' },
    answer: { kind: 'unknown', reason: 'malformed', httpStatus: 502, answered: false },
  },
  {
    on: 'create',
    status: 403,
    body: { message: 'blocked' },
    answer: { kind: 'unknown', reason: 'malformed', effect: 'unknown' },
  },
  { on: 'create', status: 502, body: intent(), answer: { kind: 'unknown', reason: 'malformed' } },
  { on: 'create', status: 302, body: intent(), answer: { kind: 'unknown', reason: 'malformed' } },
];

/** JSON with an error in it that is not Stripe's own, as proxies, firewalls and gateways write it. */
const NOT_STRIPES: readonly unknown[] = [
  { error: { message: 'forbidden' } },
  { error: 'forbidden' },
  { error: 'invalid_request_error', error_description: 'no' },
  { error: { code: 'resource_missing', message: 'no' } },
  { error: { type: 'forbidden', code: 'resource_missing', message: 'no' } },
  { error: { type: 'StripeCardError', code: 'card_declined', message: 'no' } },
  { error: { type: ['card_error'], code: 'card_declined', message: 'no' } },
  { error: { type: 'invalid_request_error' } },
  { error: { type: 'invalid_request_error', code: '', message: '' } },
  { error: { type: 'card_error', code: 402, message: { text: 'no' }, payment_intent: intent() } },
  { error: [{ type: 'invalid_request_error', code: 'resource_missing', message: 'no' }] },
  { error: true },
  { type: 'invalid_request_error', code: 'resource_missing', message: 'no' },
];

describe("an error that is not Stripe's complete error object", () => {
  it.each(NOT_STRIPES.map((body) => [JSON.stringify(body), body]))(
    '%s proves nothing, with any status',
    async (_words, body) => {
      for (const status of [400, 401, 402, 403, 404, 409, 410, 422, 429, 500, 503]) {
        handler = (_seen, response) => json(response, status, body);
        for (const call of ['create', 'confirm', 'cancel', 'retrieve'] as const) {
          const answer = await answerTo(call);
          expect([status, call, answer]).toMatchObject([
            status,
            call,
            { kind: 'unknown', reason: 'malformed', effect: 'unknown', answered: false },
          ]);
        }
      }
    },
  );
});

describe("what only the customer's page needs", () => {
  const wanted = intent({
    status: 'requires_action',
    next_action: { type: 'use_stripe_sdk', use_stripe_sdk: {} },
  });

  it('is there where an intent was asked for, and nowhere else', async () => {
    handler = (_seen, response) => json(response, 200, wanted);
    for (const call of ['create', 'confirm', 'retrieve'] as const) {
      expect(await answerTo(call)).toMatchObject({
        intent: { clientSecret: 'pi_1_secret_x', nextAction: { type: 'use_stripe_sdk' } },
      });
    }
    handler = (_seen, response) =>
      json(response, 402, refusedPayment({ code: 'card_declined', payment_intent: wanted }));
    expect(await answerTo('confirm')).toMatchObject({
      kind: 'declined',
      intent: { clientSecret: null, nextAction: null },
    });
    handler = (_seen, response) =>
      json(response, 200, { object: 'list', data: [wanted], has_more: false });
    const [looked] = await collect(gateway.lookUp([query({ paymentIntent: null })]));
    expect(looked!.answer).toMatchObject({
      kind: 'intent',
      intent: { clientSecret: null, nextAction: null },
    });
  });

  it.each([
    ['too deep', JSON.parse(`${'{"a":'.repeat(50)}1${'}'.repeat(50)}`) as unknown],
    ['too wide', Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [`n${n}`, n]))],
    ['too long', { type: 'x'.repeat(20_000) }],
    ['a list', [1]],
    ['a text', 'redirect'],
  ])('is left out when it is %s', async (_words, nextAction) => {
    handler = (_seen, response) =>
      json(response, 200, intent({ next_action: nextAction, client_secret: 'x'.repeat(5_000) }));
    expect(await answerTo('confirm')).toMatchObject({
      kind: 'intent',
      intent: { clientSecret: null, nextAction: null },
    });
  });
});

describe('what comes from outside', () => {
  it('is read only as long as Stripe makes it', async () => {
    const long = 'x'.repeat(100_000);
    const metadata = Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`name${n}`, 'v']));
    handler = (_seen, response) =>
      json(
        response,
        200,
        intent({
          customer: `cus_${long}`,
          payment_method: 'pm_1/../x',
          latest_charge: { id: 5 },
          payment_method_types: [...Array<string>(1_000).fill('card'), long],
          metadata: { [long]: 'x', long, number: 5, payrecon_transaction: 'txn_1', ...metadata },
          last_payment_error: { code: long, decline_code: long, message: long },
          cancellation_reason: long,
        }),
        { 'Request-Id': 'r'.repeat(5_000) },
      );
    const answer = await answerTo('retrieve');
    expect(answer).toMatchObject({
      kind: 'intent',
      intent: {
        customer: null,
        paymentMethod: null,
        latestCharge: null,
        metadata: { payrecon_transaction: 'txn_1' },
      },
    });
    expect(JSON.stringify(answer).length).toBeLessThan(6_000);
  });
});

describe('answers', () => {
  it.each(CASES)(
    '$on, $status, $body.error -> $answer.kind $answer.reason',
    async ({ on, status, body, headers, answer }) => {
      handler = (_seen, response) => json(response, status, body, headers);
      expect(await answerTo(on)).toMatchObject(answer);
    },
  );

  it('passes no key on, whole or masked, in any text', async () => {
    const message = `No such key ${SECRET}, rk_live_abc123 or sk_test_****cdef; pi_1_secret_xyz`;
    for (const status of [400, 401, 402, 403, 404, 409, 429, 500]) {
      handler = (_seen, response) =>
        json(
          response,
          status,
          fault({
            message,
            payment_intent:
              status === 402 ? intent({ last_payment_error: { message } }) : undefined,
          }),
        );
      for (const call of ['create', 'confirm', 'cancel', 'retrieve'] as const) {
        expect(JSON.stringify(await answerTo(call))).not.toMatch(
          /Secret0123|abc123|\*cdef|secret_xyz/,
        );
      }
    }
  });

  it('cuts a message that is endless', async () => {
    handler = (_seen, response) => json(response, 400, fault({ message: 'long '.repeat(10_000) }));
    const answer = await answerTo('create');
    expect(answer.kind === 'refused' && answer.message.length).toBe(500);
  });
});
