import { describe, expect, it } from 'vitest';
import type { Answer, IntentSnapshot } from '../../src/domain/answer.ts';
import { describeAnswer, resolutionOptions } from '../../src/domain/resolutions.ts';
import type { Transaction } from '../../src/domain/transaction.ts';
import { aConfirmSent, anIntent, aTransaction, NOW } from '../support/transactions.ts';

const sawIntent = (changes: Partial<IntentSnapshot>): Answer => ({
  kind: 'intent',
  intent: anIntent(changes),
  requestId: 'req_1',
  replayed: false,
});
const missing: Answer = {
  kind: 'missing',
  requestId: 'req_1',
  message: "No such payment_intent: 'pi_1'",
};
const absent: Answer = {
  kind: 'absent',
  scannedFrom: NOW - 700_000,
  scannedTo: NOW,
  pages: 1,
  requestId: 'req_1',
};
const refused: Answer = {
  kind: 'refused',
  httpStatus: 400,
  code: 'parameter_unknown',
  message: 'No.',
  param: null,
  fault: 'request',
  intent: null,
  effect: 'none',
  requestId: null,
};

/** As `succeeded`, or `canceled at Stripe first`. */
function offered(transaction: Transaction, seen: Answer): readonly string[] {
  return resolutionOptions(transaction, seen).map(({ as, needsCancelAtStripe }) =>
    needsCancelAtStripe ? `${as}, canceled at Stripe first` : as,
  );
}

function meanings(transaction: Transaction, seen: Answer): string {
  return resolutionOptions(transaction, seen)
    .map(({ as, meaning }) => `${as}: ${meaning}`)
    .join('\n');
}

describe('what may be decided of a payment of our own', () => {
  const row = aConfirmSent({ status: 'stuck' });

  it.each<[string, Partial<IntentSnapshot>, readonly string[]]>([
    ['succeeded', { status: 'succeeded', amountReceived: 4999 }, ['succeeded']],
    ['canceled', { status: 'canceled' }, ['canceled']],
    [
      'requires_confirmation',
      { status: 'requires_confirmation' },
      ['retry', 'canceled, canceled at Stripe first', 'failed, canceled at Stripe first'],
    ],
    [
      'processing',
      { status: 'processing' },
      ['retry', 'canceled, canceled at Stripe first', 'failed, canceled at Stripe first'],
    ],
  ])('that Stripe shows as %s', (_status, intent, expected) => {
    expect(offered(row, sawIntent(intent))).toEqual(expected);
  });

  it('that was declined before it was canceled', () => {
    expect(
      offered({ ...row, failureCode: 'do_not_honor' }, sawIntent({ status: 'canceled' })),
    ).toEqual(['failed']);
  });

  it.each<[string, Partial<IntentSnapshot>, string]>([
    [
      'less was received',
      { amountReceived: 2400 },
      'succeeded: accept that $24.00 was received instead of $49.99',
    ],
    [
      'another currency was received',
      { currency: 'eur', amountReceived: 4999 },
      'succeeded: accept that €49.99 was received instead of $49.99',
    ],
    [
      'the amount is another one',
      { amount: 5000, amountReceived: 5000 },
      'succeeded: accept that $50.00 was received instead of $49.99',
    ],
    [
      'all is as asked',
      { amountReceived: 4999 },
      'succeeded: Stripe shows it succeeded: record that',
    ],
  ])('where %s', (_name, intent, meaning) => {
    expect(meanings(row, sawIntent({ status: 'succeeded', ...intent }))).toBe(meaning);
  });

  it('that has an id which this account does not know: never that nothing was charged', () => {
    expect(offered(row, missing)).toEqual(['retry', 'succeeded']);
    expect(meanings(row, missing)).toContain('another account or mode');
    expect(meanings(row, missing)).not.toMatch(/nothing was charged/);
  });

  it('that has no id and that one scan misses: one scan is no proof of absence', () => {
    const noId = aTransaction({ status: 'stuck', absentSince: NOW - 3_600_000 });
    expect(offered(noId, absent)).toEqual(['retry', 'succeeded']);
    expect(meanings(noId, absent)).toContain('two complete scans apart in time');
  });

  it('where Stripe refuses the question', () => {
    expect(offered(row, refused)).toEqual(['retry']);
  });
});

describe('what may be decided where the key was used elsewhere', () => {
  const row = aTransaction({ status: 'stuck', keyConflictAt: NOW - 60_000 });
  const others = (status: string, more: Partial<IntentSnapshot> = {}): Answer =>
    sawIntent({
      id: 'pi_other',
      status,
      metadata: { payrecon_transaction: 'txn_01KF9999999999999999999999' },
      ...more,
    });

  it.each<[string, Answer, readonly string[]]>([
    ['the other intent succeeded', others('succeeded', { amountReceived: 4999 }), ['succeeded']],
    ['the other intent was seen canceled', others('canceled'), ['canceled', 'failed']],
    ['the other intent is still open', others('processing'), []],
    [
      'the other intent waits for its confirm, and is not ours to cancel',
      others('requires_confirmation'),
      [],
    ],
    ['nothing was found', absent, ['succeeded']],
    ['the id is not known', missing, ['succeeded']],
    ['Stripe refuses the question', refused, ['succeeded']],
    [
      'an intent of our own was canceled, which says nothing of the other',
      sawIntent({ status: 'canceled' }),
      ['succeeded'],
    ],
    [
      'an intent of our own succeeded',
      sawIntent({ status: 'succeeded', amountReceived: 4999 }),
      ['succeeded'],
    ],
  ])('%s', (_name, seen, expected) => {
    expect(offered(row, seen)).toEqual(expected);
    expect(meanings(row, seen)).not.toMatch(
      /nothing was charged for this payment|ask Stripe again/,
    );
  });

  it('names the other intent and what it received', () => {
    expect(
      meanings(row, others('succeeded', { amount: 5500, amountReceived: 5500, currency: 'eur' })),
    ).toBe(
      'succeeded: pi_other, made under this key, succeeded with €55.00 instead of $49.99: record that the customer was charged',
    );
    expect(meanings(row, others('canceled'))).toContain(
      'pi_other, made under this key, was canceled',
    );
  });
});

describe('what Stripe says, in a sentence', () => {
  it.each<[Answer, string]>([
    [sawIntent({ status: 'succeeded', amountReceived: 4999 }), 'pi_1 is succeeded, $49.99'],
    [
      sawIntent({ status: 'succeeded', amountReceived: 2400 }),
      'pi_1 is succeeded, $24.00 received of $49.99',
    ],
    [sawIntent({ status: 'processing', amountReceived: 0 }), 'pi_1 is processing, $49.99'],
    [missing, "Stripe does not show this payment's intent (No such payment_intent: 'pi_1')"],
    [absent, "a complete scan of Stripe's list (1 page) shows no payment intent for it"],
  ])('%#', (answer, sentence) => {
    expect(describeAnswer(answer)).toBe(sentence);
  });
});
