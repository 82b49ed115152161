import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { differingFields } from '../../../src/domain/request/charge-request.ts';
import { fingerprint } from '../../../src/domain/request/fingerprint.ts';
import type { ChargeRequest } from '../../../src/domain/transaction.ts';

const small: ChargeRequest = {
  key: 'order-7',
  reference: null,
  amount: 4999,
  currency: 'usd',
  customer: null,
  paymentMethod: 'pm_card_visa',
  methodTypes: ['card'],
  email: null,
  description: null,
  metadata: {},
  onSession: false,
};

const full: ChargeRequest = {
  key: 'order-8',
  reference: 'invoice 2024/7',
  amount: 1230,
  currency: 'kwd',
  customer: 'cus_NffrFeUfNV2Hib',
  paymentMethod: 'pm_1Nv0FGQ9RKHgCVdK',
  methodTypes: ['card', 'us_bank_account'],
  email: 'ada@example.com',
  description: 'Zwei Lampen — 20 W 💡',
  metadata: { '10': 'ten', '9': 'nine', Shop: 'north', basket: '17' },
  onSession: false,
};

const nullable = fc.option(fc.constantFrom('a', 'b', 'null', ''), { nil: null });
const requests: fc.Arbitrary<ChargeRequest> = fc.record({
  key: fc.constantFrom('k', 'l'),
  reference: nullable,
  amount: fc.integer({ min: 1, max: 3 }),
  currency: fc.constantFrom('usd', 'eur'),
  customer: nullable,
  paymentMethod: fc.constantFrom('pm_1', 'pm_2'),
  methodTypes: fc.uniqueArray(fc.constantFrom('card', 'link'), { minLength: 1 }),
  email: nullable,
  description: nullable,
  metadata: fc.dictionary(fc.constantFrom('a', 'b', '1'), fc.constantFrom('a', 'b', '1'), {
    noNullPrototype: true,
  }),
  onSession: fc.boolean(),
});

describe('fingerprint', () => {
  it('stays what it was in the first version, because it is stored', () => {
    expect(fingerprint(small)).toBe(
      '7a23483c9d653e0941129fa70afba1d05191fc6bbfafc9832644e4e18f2574d2',
    );
    expect(fingerprint(full)).toBe(
      'dfe8e21e76ecee08dff268b4e0c4613278ae77a17c099d447dc25ff530024b23',
    );
  });

  it('does not depend on the key, on order or on the case of the currency', () => {
    const shuffled = {
      ...full,
      key: 'another',
      currency: 'KWD',
      methodTypes: ['us_bank_account', 'card', 'card'],
      metadata: { basket: '17', Shop: 'north', '9': 'nine', '10': 'ten' },
    };
    expect(fingerprint(shuffled)).toBe(fingerprint(full));
  });

  it('is the same for any order of the metadata', () => {
    const entries = fc.uniqueArray(fc.tuple(fc.string({ minLength: 1 }), fc.string()), {
      selector: ([name]) => name,
      maxLength: 6,
    });
    fc.assert(
      fc.property(
        entries.chain((each) =>
          fc.tuple(fc.constant(each), fc.shuffledSubarray(each, { minLength: each.length })),
        ),
        ([one, other]) => {
          expect(fingerprint({ ...small, metadata: Object.fromEntries(other) })).toBe(
            fingerprint({ ...small, metadata: Object.fromEntries(one) }),
          );
        },
      ),
    );
  });

  it('is equal exactly when no field differs', () => {
    fc.assert(
      fc.property(requests, requests, (one, other) => {
        expect(fingerprint(one) === fingerprint(other)).toBe(
          differingFields(one, other).length === 0,
        );
      }),
      { numRuns: 3_000 },
    );
    fc.assert(
      fc.property(requests, (one) => {
        expect(fingerprint(structuredClone(one))).toBe(fingerprint(one));
        expect(fingerprint({ ...one, amount: one.amount + 1 })).not.toBe(fingerprint(one));
      }),
    );
  });
});
