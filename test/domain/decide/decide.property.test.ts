import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Answer } from '../../../src/domain/answer.ts';
import type {
  Call,
  LastCall,
  Purpose,
  WantedResolution,
} from '../../../src/domain/decide/decision.ts';
import { firstCall, decide } from '../../../src/domain/decide/decide.ts';
import { furthestAttemptMs } from '../../../src/domain/decide/transitions.ts';
import { answerForPerson, resolutionOptions } from '../../../src/domain/resolutions.ts';
import { STATUSES, isFinal } from '../../../src/domain/statuses.ts';
import type { Step, Transaction } from '../../../src/domain/transaction.ts';
import { mayFollow, stepMayFollow, type Transition } from '../../../src/domain/transition.ts';
import { NOW, aContext, aTransaction, anIntent, sawUnknown } from '../../support/transactions.ts';

const DAY_MS = 86_400_000;
/** A stamp of the future was written while the clock was wrong. */
const instant = fc.oneof(
  { weight: 7, arbitrary: fc.integer({ min: NOW - 3 * DAY_MS, max: NOW }) },
  { weight: 1, arbitrary: fc.integer({ min: NOW, max: NOW + 2 * DAY_MS }) },
  { weight: 1, arbitrary: fc.integer({ min: NOW, max: NOW + 400 * DAY_MS }) },
);
const stripeStatus = fc.constantFrom(
  'requires_payment_method',
  'requires_confirmation',
  'requires_action',
  'processing',
  'requires_capture',
  'succeeded',
  'canceled',
  'a_status_of_the_future',
);
const failure = fc.record({
  code: fc.constantFrom('card_declined', null),
  declineCode: fc.constantFrom('insufficient_funds', null),
  message: fc.constant('Declined.'),
});
const intent = fc
  .record({
    status: stripeStatus,
    amount: fc.constantFrom(4999, 5000),
    currency: fc.constantFrom('usd', 'eur'),
    lastError: fc.option(failure),
  })
  .map((changes) => anIntent(changes));
const requestId = fc.constantFrom('req_1', null);
const effect = fc.constantFrom('none' as const, 'unknown' as const);

const answer: fc.Arbitrary<Answer> = fc.oneof(
  fc.record({ kind: fc.constant('intent' as const), intent, requestId, replayed: fc.boolean() }),
  fc.record({
    kind: fc.constant('declined' as const),
    fault: fc.constantFrom('declined' as const, 'authentication' as const),
    intent,
    failure,
    requestId,
    replayed: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('refused' as const),
    fault: fc.constantFrom('request' as const, 'unknown' as const),
    httpStatus: fc.constantFrom(400, 402, 404),
    code: fc.constantFrom(
      'idempotency_error',
      'payment_intent_unexpected_state',
      'resource_missing',
      null,
    ),
    message: fc.constant('no'),
    param: fc.constant(null),
    intent: fc.option(intent),
    effect,
    requestId,
  }),
  fc.record({
    kind: fc.constant('unauthorized' as const),
    httpStatus: fc.constantFrom(401, 403),
    message: fc.constant('no'),
    effect,
    requestId,
  }),
  fc.record({ kind: fc.constant('missing' as const), message: fc.constant('no'), requestId }),
  fc.record({
    kind: fc.constant('absent' as const),
    scannedFrom: fc.constant(1),
    scannedTo: fc.constant(2),
    pages: fc.constant(1),
    requestId,
  }),
  fc
    .record({
      reason: fc.constantFrom(
        'timeout' as const,
        'connection' as const,
        'rate_limited' as const,
        'conflict' as const,
        'server_error' as const,
        'malformed' as const,
        'interrupted' as const,
      ),
      effect,
    })
    .map((changes) => sawUnknown(changes)),
);

/** Any row that the recorded steps allow: an id from `created` on, a settled instant on final rows only. */
const transaction: fc.Arbitrary<Transaction> = fc
  .record({
    status: fc.constantFrom(...STATUSES),
    step: fc.constantFrom<Step>(
      'recorded',
      'create_sent',
      'created',
      'confirm_sent',
      'cancel_sent',
      'settled',
    ),
    hasIntent: fc.boolean(),
    created: instant,
    sent: instant,
    absentSince: fc.option(instant),
    attempts: fc.integer({ min: 0, max: 5 }),
    failureCode: fc.constantFrom('card_declined', null),
  })
  .map(({ status, step, hasIntent, created, sent, ...rest }) => {
    const open = status === 'pending' && step === 'settled' ? 'confirm_sent' : step;
    const known =
      open === 'created' ||
      open === 'confirm_sent' ||
      open === 'cancel_sent' ||
      (open === 'settled' && hasIntent);
    return aTransaction({
      ...rest,
      status,
      step: open,
      paymentIntent: known ? 'pi_1' : null,
      createdAt: created,
      createSentAt: open === 'recorded' ? null : created,
      confirmSentAt:
        open === 'confirm_sent' || open === 'cancel_sent' ? Math.max(created, sent) : null,
      settledAt: isFinal(status) ? NOW : null,
    });
  });

const purpose = fc.constantFrom<Purpose>('charge', 'reconcile', 'resolve');

/** Applies a recorded transition, checking it against the rules of the ledger on the way. */
function applied(row: Transaction, record: Transition): Transaction {
  const { status = row.status, step = row.step } = record.changes;
  expect(mayFollow(row.status, status), `${row.status} -> ${status}`).toBe(true);
  expect(stepMayFollow(row.step, step), `${row.step} -> ${step}`).toBe(true);
  const { settledAt, nextAttempt } = record.stamps;
  // A pass takes what lies further ahead as due now: it would take this row again and again.
  if (typeof nextAttempt === 'object')
    expect(nextAttempt.inMs).toBeLessThanOrEqual(furthestAttemptMs(aContext().limits));
  const kept = settledAt === 'clear' ? null : row.settledAt;
  const next = { ...row, ...record.changes, settledAt: settledAt === 'now' ? NOW : kept };
  expect(isFinal(next.status)).toBe(next.settledAt !== null);
  return next;
}

function expectProof(was: Transaction, row: Transaction, lastCall: LastCall | null): void {
  if (row.status === was.status || !isFinal(row.status)) return;
  // Succeeded is never recorded but for a succeeded intent with our amount and currency.
  if (row.status === 'succeeded') {
    expect(lastCall?.answer).toMatchObject({
      kind: 'intent',
      intent: { status: 'succeeded', amount: row.amount, currency: row.currency },
    });
  } else if (row.paymentIntent !== null) {
    // A row with an intent is never failed or canceled before Stripe shows the cancel.
    expect(lastCall?.answer).toMatchObject({ kind: 'intent', intent: { status: 'canceled' } });
  }
}

function expectFence(row: Transaction, call: Call, why: Purpose, lastCall: LastCall | null): void {
  // Only the caller confirms, and only with the id stored.
  if (call === 'confirm') {
    expect(why).toBe('charge');
    expect(row).toMatchObject({ paymentIntent: 'pi_1', step: 'confirm_sent', status: 'pending' });
  }
  if (call === 'cancel' || call === 'retrieve')
    expect(row.paymentIntent ?? (lastCall?.answer.kind === 'intent' ? 'pi_1' : null)).toBe('pi_1');
}

const resolution: fc.Arbitrary<WantedResolution> = fc.record({
  as: fc.constantFrom('succeeded', 'failed', 'canceled', 'retry'),
  reason: fc.constant('seen at the bank'),
  operator: fc.constant('ada'),
  cancelAtStripe: fc.boolean(),
});

function expectResolved(row: Transaction, record: Transition, { as }: WantedResolution): void {
  expect(row.status).toBe(as === 'retry' ? 'pending' : as);
  expect(record).toMatchObject({ action: 'resolved', release: true });
  expect(row.review?.resolution).toMatchObject({ as, operator: 'ada', reason: 'seen at the bank' });
}

describe('whatever is recorded and whatever is answered', () => {
  it('the decision keeps to the rules of the ledger, in every run to its end', () => {
    fc.assert(
      fc.property(
        transaction,
        fc.constantFrom<Purpose>('charge', 'reconcile', 'cancel'),
        fc.array(fc.tuple(answer, fc.boolean()), { minLength: 12, maxLength: 12 }),
        (start, why, answers) => {
          let row = start;
          let lastCall: LastCall | null = null;
          const made: Call[] = [];
          for (const [next, firstSend] of answers) {
            const decision = decide(row, lastCall, aContext({ purpose: why, made: [...made] }));
            if (decision.record !== null) {
              const was = row;
              row = applied(was, decision.record);
              expectProof(was, row, lastCall);
            }
            if (decision.kind === 'stop') return;
            expectFence(row, decision.call, why, lastCall);
            made.push(decision.call);
            lastCall = {
              call: decision.call,
              firstSend: firstSend && decision.firstSend,
              answer: next,
            };
          }
          expect.fail(`no end after ${made.join(', ')}`);
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it('a person records only what Stripe allows, and no outcome that it could still overturn', () => {
    fc.assert(
      fc.property(
        fc.tuple(transaction, fc.option(instant)),
        resolution,
        fc.tuple(answer, answer),
        ([row, keyConflictAt], wanted, answers) => {
          const start = { ...row, keyConflictAt };
          const context = aContext({ purpose: 'resolve', resolution: wanted });
          const first = decide(start, null, context);
          if (first.kind === 'stop') {
            expect(first).toMatchObject({ record: null, reason: 'not_stuck' });
            expect(start.status).not.toBe('stuck');
            return;
          }
          expect(first.record).toBeNull();
          expect(['retrieve', 'scan', 'scan_elsewhere']).toContain(first.call);
          const shown = answerForPerson(start, answers[0], context.ledger);
          const option = resolutionOptions(start, shown).find(({ as }) => as === wanted.as);
          const looked = { call: first.call, firstSend: false, answer: answers[0] };
          const second = decide(start, looked, context);
          if (second.kind === 'stop') {
            if (second.record === null) {
              expect(option === undefined || option.needsCancelAtStripe).toBe(true);
              return;
            }
            expect(option).toMatchObject({ as: wanted.as, needsCancelAtStripe: false });
            expectResolved(applied(start, second.record), second.record, wanted);
            return;
          }
          // The only call that changes anything at Stripe: agreed to, needed, and committed before it is sent.
          expect([second.call, wanted.cancelAtStripe]).toEqual(['cancel', true]);
          expect(option).toMatchObject({ as: wanted.as, needsCancelAtStripe: true });
          expect(second.record).toMatchObject({ action: 'cancel_sent', release: false });
          if (second.record === null) return;
          const sent = applied(start, second.record);
          expect(sent).toMatchObject({ paymentIntent: 'pi_1', status: start.status });
          const canceled = { call: second.call, firstSend: true, answer: answers[1] };
          const third = decide(sent, canceled, context);
          const isCanceled =
            answers[1].kind === 'intent' && answers[1].intent.status === 'canceled';
          expect(third).toMatchObject({
            kind: 'stop',
            reason: isCanceled ? 'resolved' : 'cancel_failed',
          });
          expect(third.record !== null).toBe(isCanceled);
          if (third.record !== null)
            expectResolved(applied(sent, third.record), third.record, wanted);
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it('an old create is never sent again', () => {
    fc.assert(
      fc.property(transaction, purpose, (row, why) => {
        fc.pre(row.createSentAt !== null && NOW - row.createSentAt >= 23 * 3_600_000);
        expect(firstCall(row, aContext({ purpose: why }))).not.toBe('create');
      }),
    );
  });
});
