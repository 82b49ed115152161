import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer } from '../../src/domain/answer.ts';
import { type openGateway } from '../../src/stripe/gateway.ts';
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

const REPLAYED = { 'Idempotent-Replayed': 'true' };

const CASES: readonly Case[] = [
  // Proof.
  { on: 'confirm', status: 200, body: intent(), answer: { kind: 'intent', replayed: false } },
  { on: 'confirm', status: 200, body: intent(), headers: REPLAYED, answer: { kind: 'intent', replayed: true } },
  { on: 'retrieve', status: 200, body: intent(), answer: { kind: 'intent' } },
  {
    on: 'confirm',
    status: 402,
    body: DECLINE,
    answer: {
      kind: 'declined',
      replayed: false,
      intent: expect.objectContaining({ id: 'pi_1', status: 'requires_payment_method' }) as unknown,
      failure: { code: 'card_declined', declineCode: 'insufficient_funds', message: 'Your card has insufficient funds.' },
    },
  },
  { on: 'confirm', status: 402, body: DECLINE, headers: REPLAYED, answer: { kind: 'declined', replayed: true } },
  // Refusals.
  { on: 'confirm', status: 402, body: fault({ code: 'card_declined' }), answer: { kind: 'refused', httpStatus: 402, code: 'card_declined', effect: 'unknown' } },
  {
    on: 'create',
    status: 400,
    body: fault({ code: 'parameter_missing', param: 'amount' }),
    answer: { kind: 'refused', httpStatus: 400, code: 'parameter_missing', param: 'amount', effect: 'none', intent: null, message: 'words' },
  },
  { on: 'create', status: 400, body: fault({ code: 'x' }), headers: REPLAYED, answer: { kind: 'refused', effect: 'unknown' } },
  {
    on: 'create',
    status: 400,
    body: fault({ type: 'idempotency_error' }),
    answer: { kind: 'refused', httpStatus: 400, code: 'idempotency_error', effect: 'none' },
  },
  {
    on: 'confirm',
    status: 400,
    body: fault({ code: 'payment_intent_unexpected_state', payment_intent: intent() }),
    answer: { kind: 'refused', code: 'payment_intent_unexpected_state', intent: expect.objectContaining({ status: 'succeeded' }) as unknown },
  },
  {
    on: 'confirm',
    status: 400,
    body: fault({ code: 'payment_intent_unexpected_state', payment_intent: intent({ id: 'pi_other' }) }),
    answer: { kind: 'refused', intent: null },
  },
  { on: 'confirm', status: 404, body: fault({ code: 'resource_missing' }), answer: { kind: 'refused', httpStatus: 404, effect: 'unknown' } },
  { on: 'cancel', status: 404, body: fault({ code: 'resource_missing' }), answer: { kind: 'refused', httpStatus: 404, effect: 'unknown' } },
  { on: 'retrieve', status: 404, body: fault({ code: 'resource_missing' }), answer: { kind: 'missing', message: 'words', requestId: 'req_test' } },
  // A wrong address, not a missing intent.
  { on: 'retrieve', status: 404, body: fault({}), answer: { kind: 'refused', httpStatus: 404 } },
  { on: 'create', status: 401, body: fault({}), answer: { kind: 'unauthorized', httpStatus: 401, effect: 'none' } },
  { on: 'confirm', status: 403, body: fault({}), answer: { kind: 'unauthorized', httpStatus: 403, effect: 'none' } },
  { on: 'create', status: 401, body: fault({}), headers: REPLAYED, answer: { kind: 'unauthorized', effect: 'unknown' } },
  // Stripe answered, and nothing is decided.
  {
    on: 'create',
    status: 429,
    body: fault({ code: 'rate_limit' }),
    headers: { 'Stripe-Rate-Limited-Reason': 'endpoint-rate' },
    answer: { kind: 'unknown', reason: 'rate_limited', answered: true, effect: 'none', rateLimitedReason: 'endpoint-rate', httpStatus: 429 },
  },
  { on: 'create', status: 429, body: fault({ code: 'lock_timeout' }), answer: { kind: 'unknown', reason: 'lock_timeout', answered: true, effect: 'none' } },
  {
    on: 'create',
    status: 429,
    body: fault({ code: 'lock_timeout' }),
    headers: { 'Stripe-Rate-Limited-Reason': 'global-rate' },
    answer: { kind: 'unknown', reason: 'rate_limited' },
  },
  { on: 'create', status: 400, body: fault({ code: 'rate_limit' }), answer: { kind: 'unknown', reason: 'rate_limited', answered: true, effect: 'none' } },
  { on: 'create', status: 409, body: fault({ code: 'idempotency_key_in_use' }), answer: { kind: 'unknown', reason: 'conflict', answered: true, effect: 'unknown' } },
  { on: 'create', status: 409, body: fault({ type: 'idempotency_error' }), answer: { kind: 'unknown', reason: 'conflict' } },
  { on: 'confirm', status: 500, body: fault({ type: 'api_error' }), answer: { kind: 'unknown', reason: 'server_error', answered: true, effect: 'unknown', httpStatus: 500 } },
  { on: 'confirm', status: 503, body: fault({ type: 'api_error', payment_intent: intent() }), answer: { kind: 'unknown', reason: 'server_error' } },
  { on: 'retrieve', status: 500, body: fault({ type: 'api_error' }), answer: { kind: 'unknown', reason: 'server_error' } },
  // Readable, but not what was asked for.
  { on: 'confirm', status: 200, body: intent({ id: 'pi_other' }), answer: { kind: 'unknown', reason: 'malformed', answered: false, effect: 'unknown' } },
  { on: 'retrieve', status: 200, body: intent({ id: 'pi_other' }), answer: { kind: 'unknown', reason: 'malformed' } },
  { on: 'confirm', status: 402, body: fault({ payment_intent: intent({ id: 'pi_other' }) }), answer: { kind: 'unknown', reason: 'malformed' } },
  { on: 'confirm', status: 402, body: fault({ payment_intent: { id: 'pi_1' } }), answer: { kind: 'unknown', reason: 'malformed' } },
  { on: 'retrieve', status: 402, body: DECLINE, answer: { kind: 'unknown', reason: 'malformed' } },
  { on: 'create', status: 200, body: {}, answer: { kind: 'unknown', reason: 'malformed' } },
  { on: 'create', status: 200, body: [], answer: { kind: 'unknown', reason: 'malformed' } },
  { on: 'create', status: 200, body: null, answer: { kind: 'unknown', reason: 'malformed' } },
  { on: 'create', status: 200, body: 'ok', answer: { kind: 'unknown', reason: 'malformed' } },
  { on: 'create', status: 200, body: 5, answer: { kind: 'unknown', reason: 'malformed' } },
  { on: 'create', status: 200, body: { error: 5 }, answer: { kind: 'unknown', reason: 'malformed' } },
  { on: 'create', status: 200, body: { error: {} }, answer: { kind: 'unknown', reason: 'malformed' } },
  { on: 'create', status: 200, body: intent({ object: 'charge' }), answer: { kind: 'unknown', reason: 'malformed' } },
  { on: 'create', status: 200, body: intent({ id: '' }), answer: { kind: 'unknown', reason: 'malformed' } },
  { on: 'create', status: 200, body: intent({ status: null }), answer: { kind: 'unknown', reason: 'malformed' } },
  { on: 'create', status: 200, body: intent({ amount: '4999' }), answer: { kind: 'unknown', reason: 'malformed' } },
  { on: 'create', status: 200, body: intent({ amount: 49.99 }), answer: { kind: 'unknown', reason: 'malformed' } },
  { on: 'create', status: 200, body: intent({ currency: undefined }), answer: { kind: 'unknown', reason: 'malformed' } },
  { on: 'create', status: 200, body: intent({ created: undefined }), answer: { kind: 'unknown', reason: 'malformed' } },
  // JSON of a gateway in between: the package takes it for a success.
  { on: 'create', status: 502, body: { message: 'bad gateway' }, answer: { kind: 'unknown', reason: 'malformed', httpStatus: 502, answered: false } },
  { on: 'create', status: 403, body: { message: 'blocked' }, answer: { kind: 'unknown', reason: 'malformed', effect: 'unknown' } },
  { on: 'create', status: 502, body: intent(), answer: { kind: 'unknown', reason: 'malformed' } },
  { on: 'create', status: 302, body: intent(), answer: { kind: 'unknown', reason: 'malformed' } },
];

describe('answers', () => {
  it.each(CASES)('$on, $status, $body.error -> $answer.kind $answer.reason', async ({ on, status, body, headers, answer }) => {
    handler = (_seen, response) => json(response, status, body, headers);
    expect(await answerTo(on)).toMatchObject(answer);
  });

  it('passes no key on, whole or masked, in any text', async () => {
    const message = `No such key ${SECRET}, rk_live_abc123 or sk_test_****cdef; pi_1_secret_xyz`;
    for (const status of [400, 401, 402, 403, 404, 409, 429, 500]) {
      handler = (_seen, response) =>
        json(response, status, fault({ message, payment_intent: status === 402 ? intent({ last_payment_error: { message } }) : undefined }));
      for (const call of ['create', 'confirm', 'cancel', 'retrieve'] as const) {
        expect(JSON.stringify(await answerTo(call))).not.toMatch(/Secret0123|abc123|\*cdef|secret_xyz/);
      }
    }
  });

  it('cuts a message that is endless', async () => {
    handler = (_seen, response) => json(response, 400, fault({ message: 'long '.repeat(10_000) }));
    const answer = await answerTo('create');
    expect(answer.kind === 'refused' && answer.message.length).toBe(500);
  });
});
