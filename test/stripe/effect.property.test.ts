import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Answer } from '../../src/domain/answer.ts';
import { classify, type Question } from '../../src/stripe/classify.ts';
import { STRIPE_ERROR_TYPES, type Outcome, type WireFacts } from '../../src/stripe/http/result.ts';
import { intent, SECRET } from './samples.ts';

/* "Nothing happened" is the one claim that can lose a payment or charge twice when it is wrong. */

const STATUSES = [200, 201, 302, 400, 401, 402, 403, 404, 405, 409, 422, 429, 500, 502, 503];
const CODES = [
  null,
  'ECONNREFUSED',
  'ENOTFOUND',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ERR_TLS_CERT_ALTNAME_INVALID',
];

const direct: fc.Arbitrary<WireFacts> = fc.record({
  attempts: fc.integer({ min: 0, max: 3 }),
  status: fc.constantFrom(null, ...STATUSES),
  networkCode: fc.constantFrom(...CODES),
  headers: fc.record({
    'idempotent-replayed': fc.constantFrom('true', undefined),
    'stripe-rate-limited-reason': fc.constantFrom('global-rate', 'endpoint-rate', undefined),
    'stripe-should-retry': fc.constantFrom('true', 'false', undefined),
    'request-id': fc.constantFrom('req_1', undefined),
  }),
});

const wire = fc
  .tuple(direct, fc.constantFrom(null, 'the proxy p.example:1 answered 502'))
  .map(([facts, proxyFailure]) => (proxyFailure === null ? facts : { ...facts, proxyFailure }));

const fault = fc.record({
  status: fc.constantFrom(...STATUSES),
  type: fc.constantFrom(...STRIPE_ERROR_TYPES),
  code: fc.constantFrom(
    null,
    'rate_limit',
    'lock_timeout',
    'resource_missing',
    'card_declined',
    'payment_intent_unexpected_state',
    'idempotency_key_in_use',
  ),
  declineCode: fc.constantFrom(null, 'insufficient_funds'),
  message: fc.constantFrom('', 'words', 'nothing was charged', 'ECONNREFUSED'),
  param: fc.constantFrom(null, 'amount'),
  paymentIntent: fc.constantFrom(null, intent(), intent({ id: 'pi_2' }), {}, 'pi_1'),
});

const outcome: fc.Arbitrary<Outcome> = wire.chain((facts) =>
  fc.oneof(
    fc
      .constantFrom<unknown>(intent(), intent({ id: 'pi_2' }), {}, [])
      .map((value) => ({ kind: 'value' as const, value, wire: facts })),
    // An error object comes with the status of the answer it was in.
    fault.map((read) => ({
      kind: 'fault' as const,
      fault: read,
      wire: { ...facts, status: read.status },
    })),
    fc.constant({ kind: 'nothing' as const, wire: facts }),
    fc.constant({ kind: 'deadline' as const, deadlineMs: 20_000, wire: facts }),
    fc.constant({ kind: 'interrupted' as const, wire: facts }),
  ),
);

const question: fc.Arbitrary<Question> = fc.record({
  endpoint: fc.constantFrom(
    'create' as const,
    'confirm' as const,
    'cancel' as const,
    'retrieve' as const,
  ),
  paymentIntent: fc.constantFrom(null, 'pi_1'),
  secret: fc.constant(SECRET),
});

/** Written from the rule, not from the code. */
function isProven(seen: Outcome, { endpoint }: Question): boolean {
  const { attempts, status, networkCode, proxyFailure, headers } = seen.wire;
  if (attempts === 0) return true;
  if (attempts !== 1) return false;
  // A look-up has no idempotency key: nothing of it can be replayed.
  const replayed = endpoint !== 'retrieve' && headers['idempotent-replayed'] === 'true';
  if (seen.kind === 'fault') return [400, 401, 403, 429].includes(seen.fault.status) && !replayed;
  return (
    seen.kind === 'nothing' &&
    status === null &&
    (proxyFailure !== undefined || networkCode === 'ECONNREFUSED' || networkCode === 'ENOTFOUND')
  );
}

function effect(answer: Answer): string | null {
  return 'effect' in answer ? answer.effect : null;
}

const RUNS = { numRuns: 20_000 };

describe('no effect', () => {
  it('is claimed only in the proven cases, and in all of them', () => {
    fc.assert(
      fc.property(outcome, question, (seen, asked) => {
        const claimed = effect(classify(seen, asked));
        fc.pre(claimed !== null);
        expect(claimed).toBe(isProven(seen, asked) ? 'none' : 'unknown');
      }),
      RUNS,
    );
  });

  it('is never concluded from the words of a message', () => {
    fc.assert(
      fc.property(outcome, question, fc.string(), (seen, asked, words) => {
        fc.pre(seen.kind === 'fault');
        const other: Outcome = { ...seen, fault: { ...seen.fault, message: words } };
        const bare = (answer: Answer): unknown => {
          const {
            message: _message,
            failure: _failure,
            ...rest
          } = { message: null, failure: null, ...answer };
          return rest;
        };
        expect(bare(classify(other, asked))).toEqual(bare(classify(seen, asked)));
      }),
      RUNS,
    );
  });
});

describe('a verdict', () => {
  it('is only about the intent that was asked for', () => {
    fc.assert(
      fc.property(outcome, question, (seen, asked) => {
        const answer = classify(seen, asked);
        if (asked.paymentIntent !== null && 'intent' in answer && answer.intent !== null) {
          expect(answer.intent.id).toBe(asked.paymentIntent);
        }
        if (answer.kind === 'intent') expect([200, 201]).toContain(seen.wire.status);
        if (answer.kind === 'declined') {
          expect([seen.wire.status, seen.kind === 'fault' && seen.fault.type]).toEqual([
            402,
            'card_error',
          ]);
          expect(['declined', 'authentication']).toContain(answer.fault);
        }
        if (answer.kind === 'missing') expect(asked.endpoint).toBe('retrieve');
      }),
      RUNS,
    );
  });

  it('says that Stripe answered only when an error object of Stripe came', () => {
    fc.assert(
      fc.property(outcome, question, (seen, asked) => {
        const answer = classify(seen, asked);
        if (answer.kind === 'unknown' && answer.answered) {
          expect(seen.kind).toBe('fault');
          const passing =
            seen.kind === 'fault' &&
            ['rate_limit', 'lock_timeout', 'idempotency_key_in_use'].includes(
              seen.fault.code ?? '',
            );
          const byType = seen.kind === 'fault' && seen.fault.type === 'rate_limit_error';
          expect(
            passing ||
              byType ||
              seen.wire.status === 409 ||
              seen.wire.status === 429 ||
              seen.wire.status! >= 500,
          ).toBe(true);
        }
      }),
      RUNS,
    );
  });
});
