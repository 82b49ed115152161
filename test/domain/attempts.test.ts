import { describe, expect, it } from 'vitest';
import { mayBeginAttempt, mayCorrect } from '../../src/domain/attempts.ts';
import { customerMail } from '../../src/domain/letters.ts';
import { aTransaction, NOW } from '../support/transactions.ts';

const settled = { step: 'settled', settledAt: NOW } as const;
const refused = {
  ...settled,
  status: 'failed',
  failureKind: 'request',
  failureCode: 'resource_missing',
} as const;
const fenced = {
  ...settled,
  status: 'canceled',
  canceledBy: 'fence',
  paymentIntent: 'pi_1',
  stripeStatus: 'canceled',
} as const;
const review = { message: '', at: NOW, evidence: {}, resolution: null };

describe('a new attempt', () => {
  it.each([
    ['a refused request of which no intent existed', refused, true, true],
    [
      '.. not in the first attempt, when an earlier one had an intent',
      { ...refused, attempt: 2, intents: 1 },
      true,
      false,
    ],
    [
      'a refused confirm, whose intent was canceled',
      { ...refused, paymentIntent: 'pi_1', stripeStatus: 'canceled' },
      true,
      false,
    ],
    [
      '.. not while its intent could still succeed',
      { ...refused, paymentIntent: 'pi_1', stripeStatus: 'requires_confirmation' },
      false,
      false,
    ],
    ['nobody confirmed it, and it was fenced off', fenced, true, false],
    ['it was proved absent', { ...fenced, paymentIntent: null, stripeStatus: null }, true, false],
    [
      '.. not before Stripe showed the fence',
      { ...fenced, stripeStatus: 'requires_confirmation' },
      false,
      false,
    ],
    ['a person canceled it', { ...fenced, canceledBy: 'person' }, false, false],
    ['Stripe canceled it', { ...fenced, canceledBy: 'stripe' }, false, false],
    ['the bank declined it', { ...refused, failureKind: 'declined' }, false, false],
    ['the bank wants the customer', { ...refused, failureKind: 'authentication' }, false, false],
    ['nobody knows who refused it', { ...refused, failureKind: null }, false, false],
    ['it succeeded', { ...settled, status: 'succeeded' }, false, false],
    ['it is pending', { status: 'pending' }, false, false],
    ['it is a question to a person', { status: 'stuck' }, false, false],
    [
      'Stripe called its key used with other parameters',
      { ...fenced, keyConflictAt: NOW },
      false,
      false,
    ],
    ['.. after a refused request too', { ...refused, keyConflictAt: NOW }, false, false],
    [
      'its truth changed',
      { ...fenced, review: { ...review, reason: 'truth_changed' } },
      false,
      false,
    ],
    [
      'a person decided',
      { ...fenced, review: { ...review, reason: 'resolved_by_hand' } },
      false,
      false,
    ],
  ] as const)('%s', (_, changes, begins, corrects) => {
    const transaction = aTransaction(changes);
    expect({ begins: mayBeginAttempt(transaction), corrects: mayCorrect(transaction) }).toEqual({
      begins,
      corrects,
    });
  });
});

describe('the closed table of what a customer is told', () => {
  const sent = NOW;
  it.each([
    ['succeeded', null, null, ['customer_succeeded']],
    ['succeeded', null, sent, ['customer_succeeded']],
    ['failed', 'declined', sent, ['customer_failed']],
    ['failed', 'authentication', sent, ['customer_authentication']],
    ['failed', 'request', null, []],
    ['failed', 'request', sent, []],
    ['failed', null, null, []],
    ['failed', null, sent, ['customer_canceled']],
    ['canceled', null, null, []],
    ['canceled', null, sent, ['customer_canceled']],
    ['pending', null, sent, []],
    ['stuck', null, sent, []],
  ] as const)('%s, %s, confirm sent at %s', (status, failureKind, confirmSentAt, mails) => {
    expect(customerMail({ status, failureKind, confirmSentAt }, false)).toEqual(mails);
  });

  it('takes back what was told before, whoever was at fault', () => {
    for (const failureKind of ['request', null] as const) {
      expect(customerMail({ status: 'failed', failureKind, confirmSentAt: null }, true)).toEqual([
        'customer_canceled',
      ]);
    }
    expect(
      customerMail({ status: 'canceled', failureKind: null, confirmSentAt: null }, true),
    ).toEqual(['customer_canceled']);
  });
});
