import { describe, expect, it } from 'vitest';
import { customerMail } from '../../src/domain/letters.ts';
import type { Transaction } from '../../src/domain/transaction.ts';
import { messageFor } from '../../src/email/messages.ts';
import { notificationsFor } from '../../src/storage/ledger/notification-insert.ts';
import { aConfirmSent, aTransaction, NOW } from '../support/transactions.ts';
import { notification } from './samples.ts';

/* From the row as it is recorded to the letter as it is read: what the customer is told of each end, and of nothing else. */

function lettersOf(row: Transaction, corrected = false): readonly string[] {
  return notificationsFor(row, customerMail(row, corrected)).map(({ kind, data }) => {
    const { subject, text } = messageFor(
      notification(kind, { data: JSON.parse(data) as Record<string, string> }),
      { shop: null, takesAnswers: false },
    );
    return `${subject}\n${text}`;
  });
}

const paid = aConfirmSent({
  status: 'succeeded',
  step: 'settled',
  stripeStatus: 'succeeded',
  amountReceived: 4999,
  currencyReceived: 'usd',
  settledAt: NOW,
});
const failed = (changes: Partial<Transaction>): Transaction =>
  aConfirmSent({
    status: 'failed',
    step: 'settled',
    stripeStatus: 'canceled',
    settledAt: NOW,
    ...changes,
  });
const canceled = (changes: Partial<Transaction>): Transaction =>
  aConfirmSent({
    status: 'canceled',
    step: 'settled',
    stripeStatus: 'canceled',
    settledAt: NOW,
    ...changes,
  });
const BANK = /your bank or card company|your bank (?!shows|removes)/i;

describe('the customer is told', () => {
  it.each<[string, Transaction, string]>([
    ['that it succeeded', paid, 'Your payment of $49.99 went through; you were charged once.'],
    [
      'that less was received',
      { ...paid, amountReceived: 2400 },
      '$49.99 was asked for, and $24.00 was charged.',
    ],
    [
      'that a bank declined',
      failed({ failureKind: 'declined', failureCode: 'do_not_honor' }),
      'Your bank or card company did not approve it.',
    ],
    [
      'that it was declined, by whom is not known',
      failed({ failureKind: 'declined', failureCode: 'fraudulent' }),
      'It was declined.',
    ],
    [
      'that the bank wants them',
      failed({ failureKind: 'authentication', failureCode: 'authentication_required' }),
      'needs your confirmation',
    ],
    [
      'that it ended after a confirm may have been sent',
      canceled({ canceledBy: 'fence' }),
      'It was not completed and has been canceled.',
    ],
    [
      'that it failed for a reason that nobody knows',
      failed({ failureKind: null, failureCode: 'odd' }),
      'It was not completed and has been canceled.',
    ],
  ])('%s', (_name, row, words) => {
    const letters = lettersOf(row);
    expect(letters).toHaveLength(1);
    expect(letters[0]).toContain(words);
    if (row.status === 'succeeded') expect(letters[0]).not.toContain('not been charged');
    else expect(letters[0]).toContain('You have not been charged.');
    const isBanks = row.failureKind === 'authentication' || row.failureCode === 'do_not_honor';
    if (!isBanks) expect(letters[0]).not.toMatch(BANK);
  });

  it.each<[string, Transaction]>([
    [
      'a request that Stripe refused',
      aTransaction({
        status: 'failed',
        step: 'settled',
        failureKind: 'request',
        failureCode: 'resource_missing',
        settledAt: NOW,
      }),
    ],
    [
      'a request that was refused at the confirm',
      failed({ failureKind: 'request', failureCode: 'payment_intent_incompatible_payment_method' }),
    ],
    ['a payment that was never confirmed', canceled({ canceledBy: 'fence', confirmSentAt: null })],
    [
      'a payment that was never sent',
      aTransaction({
        status: 'canceled',
        step: 'settled',
        canceledBy: 'fence',
        createSentAt: null,
        settledAt: NOW,
      }),
    ],
    ['a question to a person', aConfirmSent({ status: 'stuck' })],
    ['a payment without an address', { ...paid, email: null }],
  ])('nothing about %s', (_name, row) => {
    expect(lettersOf(row)).toEqual([]);
  });

  it('the truth when an outcome that was recorded has to be corrected, whatever was told', () => {
    const review = {
      reason: 'truth_changed' as const,
      message: 'was failed, but Stripe shows succeeded',
      at: NOW,
      evidence: {},
      resolution: null,
    };
    expect(lettersOf({ ...paid, review }, true)[0]).toContain(
      'If we told you something else about this payment earlier',
    );
  });
});
