import { describe, expect, it, test } from 'vitest';
import { explain } from '../../src/domain/explain.ts';
import type { JsonObject, Review, Transaction } from '../../src/domain/transaction.ts';
import { aConfirmSent, aTransaction, NOW } from '../support/transactions.ts';

test.each([
  [-1, 'The next reconciliation asks Stripe.'],
  [1, 'Stripe is asked again in 1s.'],
  [59_312, 'Stripe is asked again in 1m.'],
  [61_000, 'Stripe is asked again in 61s.'],
  [299_969, 'Stripe is asked again in 5m.'],
  [3_600_001, 'Stripe is asked again in 61m.'],
  [86_399_000, 'Stripe is asked again in 24h.'],
])('what is due in %d ms is said as people say it', (inMs, sentence) => {
  expect(explain(aConfirmSent({ nextAttemptAt: NOW + inMs }), NOW)).toContain(sentence);
});

const settled = (changes: Partial<Transaction>): Transaction =>
  aTransaction({
    step: 'settled',
    paymentIntent: 'pi_1',
    stripeStatus: 'canceled',
    nextAttemptAt: null,
    settledAt: NOW - 1_000,
    ...changes,
  });

const decision = (as: 'succeeded' | 'canceled', evidence: JsonObject = {}): Review => ({
  reason: 'resolved_by_hand',
  message: `resolved as ${as} by Jane Doe: ok`,
  at: NOW - 1_000,
  evidence,
  resolution: { as, reason: 'ok', operator: 'Jane Doe', at: NOW - 1_000 },
});

describe('a payment that succeeded', () => {
  const paid = settled({
    status: 'succeeded',
    stripeStatus: 'succeeded',
    amountReceived: 4999,
    currencyReceived: 'usd',
  });

  it('as it was asked for', () => {
    expect(explain(paid, NOW)).toBe(
      'Stripe shows pi_1 succeeded with this amount and currency: the customer was charged once.',
    );
  });

  it('with another amount, which a person accepted', () => {
    const sentence = explain({ ...paid, amountReceived: 2400, review: decision('succeeded') }, NOW);
    expect(sentence).toContain('Jane Doe decided that it is succeeded: ok.');
    expect(sentence).toContain('Stripe received $24.00; $49.99 was asked for.');
  });

  it('with another amount, as Stripe alone shows it', () => {
    expect(explain({ ...paid, amountReceived: 4999, currencyReceived: 'eur' }, NOW)).toBe(
      'Stripe shows pi_1 succeeded: it received €49.99; $49.99 was asked for.',
    );
  });

  it('by the word of a person alone', () => {
    const sentence = explain(
      { ...paid, amountReceived: null, currencyReceived: null, review: decision('succeeded') },
      NOW,
    );
    expect(sentence).toContain('What Stripe received is not known.');
  });
});

describe('a payment that failed', () => {
  const refused = settled({
    status: 'failed',
    paymentIntent: null,
    stripeStatus: null,
    failureKind: 'request',
    failureCode: 'resource_missing',
    failureMessage: 'No such PaymentMethod: pm_x',
  });

  it('because Stripe refused the request: no bank, and the key is free', () => {
    expect(explain(refused, NOW)).toBe(
      'Stripe refused the request: No such PaymentMethod: pm_x (resource_missing). No bank was asked, nothing was charged. Correct it and charge again with the same key.',
    );
  });

  it('because Stripe refused the request after an intent was made: the same parameters then', () => {
    const sentence = explain(
      { ...refused, paymentIntent: 'pi_1', stripeStatus: 'canceled', intents: 0 },
      NOW,
    );
    expect(sentence).toContain('No bank was asked, nothing was charged.');
    expect(sentence).toContain(
      'Mend the cause and charge again with the same key and parameters: that makes a new attempt.',
    );
  });

  it('because the bank wants the customer', () => {
    const sentence = explain(
      settled({
        status: 'failed',
        failureKind: 'authentication',
        failureCode: 'authentication_required',
        failureMessage: 'Your card was declined.',
      }),
      NOW,
    );
    expect(sentence).toContain(
      'The bank wants the customer to authenticate this payment: Your card was declined. (authentication_required).',
    );
    expect(sentence).toContain('Have them pay on-session (`--on-session`) under a new key');
    expect(sentence).not.toContain('The payment was declined');
  });

  it('because a bank declined', () => {
    expect(
      explain(
        settled({
          status: 'failed',
          failureKind: 'declined',
          failureCode: 'do_not_honor',
          failureMessage: 'Your card was declined.',
        }),
        NOW,
      ),
    ).toBe(
      'The payment was declined: Your card was declined. (do_not_honor). The payment intent was then canceled, so it can never succeed later.',
    );
  });

  it('for a reason that nobody knows: nobody is blamed', () => {
    const sentence = explain(
      settled({ status: 'failed', failureKind: null, failureCode: 'odd', failureMessage: 'Odd.' }),
      NOW,
    );
    expect(sentence).toContain('It did not go through: Odd. (odd).');
    expect(sentence).not.toContain('declined');
  });
});

describe('a payment that was canceled', () => {
  it('by the fence, with an intent', () => {
    expect(explain(settled({ status: 'canceled', canceledBy: 'fence' }), NOW)).toBe(
      'pi_1 was not confirmed, and was canceled at Stripe: nothing was charged, and by it nothing can be. Charging again with the same key makes a new attempt.',
    );
  });

  it('by the fence, without one', () => {
    const sentence = explain(
      settled({ status: 'canceled', canceledBy: 'fence', paymentIntent: null, stripeStatus: null }),
      NOW,
    );
    expect(sentence).toBe(
      'No payment intent exists at Stripe for it, so nothing was or can be charged. Charging again with the same key makes a new attempt.',
    );
  });

  it.each([
    [
      'person',
      'Somebody canceled pi_1 at Stripe before it could succeed: nothing was charged, and nothing can be.',
    ],
    [
      'stripe',
      'Stripe canceled pi_1 before it could succeed: nothing was charged, and nothing can be.',
    ],
    [
      null,
      'pi_1 was canceled at Stripe before it could succeed: nothing was charged, and nothing can be.',
    ],
  ] as const)('by %s', (canceledBy, sentence) => {
    expect(explain(settled({ status: 'canceled', canceledBy }), NOW)).toBe(sentence);
  });
});

describe('a payment that was never sent', () => {
  const unsent = aTransaction({ step: 'recorded', createSentAt: null, nextAttemptAt: NOW - 1 });

  it('goes on, and is left alone', () => {
    expect(explain(unsent, NOW)).toBe(
      'It is recorded, and nothing was sent to Stripe: nothing was charged. Charging again with the same key goes on; the reconciler leaves it alone, and cancels it only past the age ceiling (PAYRECON_STUCK_AFTER).',
    );
  });

  it('says until when, once a pass has met it', () => {
    expect(explain({ ...unsent, nextAttemptAt: NOW + 80_000_000 }, NOW)).toContain(
      'the reconciler leaves it alone for another 23h, then cancels it.',
    );
  });

  it('is not believed for ever: a restored backup says the same', () => {
    const old = explain({ ...unsent, createdAt: NOW - 7_200_000 }, NOW);
    expect(old).toContain(
      'The ledger says that nothing was sent to Stripe. Charging again with the same key looks there first, and goes on;',
    );
    expect(old).not.toContain('nothing was charged');
    expect(explain({ ...unsent, createdAt: NOW + 60_000 }, NOW)).not.toContain(
      'nothing was charged',
    );
  });
});

describe('a key that was used elsewhere', () => {
  const evidence = {
    other_intents: [
      {
        id: 'pi_other',
        status: 'succeeded',
        amount: 5500,
        amount_received: 5500,
        currency: 'eur',
        matched_by: 'idempotency_key',
      },
      {
        id: 'pi_alike',
        status: 'canceled',
        amount: 4999,
        currency: 'usd',
        matched_by: 'looks_alike',
      },
    ],
  };
  const conflict = aTransaction({
    status: 'stuck',
    keyConflictAt: NOW - 60_000,
    review: {
      reason: 'key_used_elsewhere',
      message: 'Stripe knows this key with other parameters',
      at: NOW - 60_000,
      evidence,
      resolution: null,
    },
  });

  it('names the other intent, and never says that nothing was charged', () => {
    const sentence = explain(conflict, NOW);
    expect(sentence).toBe(
      'It waits for a person: Stripe knows this key with other parameters. Under this key Stripe shows: pi_other is succeeded, €55.00. ' +
        `It looks like: pi_alike is canceled, $49.99. It is never sent again. Run \`payrecon stuck resolve ${conflict.id}\`.`,
    );
  });

  it('names three of those that only look like it, and how many more there are', () => {
    const other_intents = [1, 2, 3, 4, 5].map((each) => ({
      id: `pi_${String(each)}`,
      status: 'canceled',
      amount: 4999,
      currency: 'usd',
      matched_by: 'looks_alike',
    }));
    const sentence = explain(
      { ...conflict, review: { ...conflict.review!, evidence: { other_intents } } },
      NOW,
    );
    expect(sentence).toContain(
      'The payment intent that was made under this key was not found. It looks like: pi_1 is canceled, $49.99; pi_2 is canceled, $49.99; pi_3 is canceled, $49.99; and 2 more.',
    );
  });

  it.each<[string, Partial<Transaction>]>([
    ['stuck', {}],
    ['stuck, with nothing found', { review: { ...conflict.review!, evidence: {} } }],
    [
      'pending, as an older version left it',
      { status: 'pending', step: 'create_sent', review: null },
    ],
    [
      'canceled by hand',
      {
        status: 'canceled',
        step: 'settled',
        canceledBy: 'person',
        review: decision('canceled', evidence),
      },
    ],
    [
      'canceled by the fence, as an older version recorded it',
      { status: 'canceled', step: 'settled', canceledBy: 'fence', review: null },
    ],
    [
      'failed',
      {
        status: 'failed',
        step: 'settled',
        failureKind: 'request',
        failureCode: 'x',
        failureMessage: 'X.',
        review: null,
      },
    ],
  ])('%s: nothing is said about what was not seen', (_name, changes) => {
    const sentence = explain({ ...conflict, ...changes }, NOW);
    expect(sentence).not.toMatch(/nothing (?:was|can have been|was or can be) charged|same key/i);
  });
});
