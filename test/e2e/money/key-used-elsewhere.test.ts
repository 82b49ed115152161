import { describe, expect, it } from 'vitest';
import { targets, type Target } from '../../storage/targets.ts';
import { refusalOf } from '../exit-codes/refusals.ts';
import { aFixture, HOUR_MS, type Fixture } from '../verdicts/fixture.ts';
import {
  A_DAY_LATER_MS,
  chargeOrder,
  expectPaidOnce,
  later,
  ORDER,
  passesFor,
  paymentCalls,
} from './shop.ts';

/*
 * Two ledgers on one account: the first has charged the order, and the second charges it under the same
 * key. Stripe says once that the key is used; a day later it has forgotten that, and the second ledger
 * must not.
 */

interface Two {
  readonly first: Fixture;
  readonly second: Fixture;
}

async function chargedByBoth(target: Target): Promise<Two> {
  const first = await aFixture(target);
  const second = await aFixture(target, { beside: first });
  expect((await chargeOrder(first)).exitCode).toBe(0);
  expect((await first.pass()).exitCode).toBe(0);
  first.sandbox.clock.advance(2 * HOUR_MS);
  const refused = await chargeOrder(second);
  expect(refused).toMatchObject({ exitCode: 5, stderr: '' });
  const [paid] = first.sandbox.books.paymentIntents;
  expect(refused.json()).toMatchObject({
    status: 'stuck',
    payment_intent: null,
    review: {
      reason: 'key_used_elsewhere',
      evidence: { other_intents: [{ id: paid?.id, status: 'succeeded' }] },
    },
  });
  return { first, second };
}

describe.each(targets)('a key that another ledger has used, on $name', (target) => {
  // Counted from the second ledger's own send its key is young in one case, and old in the other.
  it.each([{ ageMs: 22 * HOUR_MS }, { ageMs: A_DAY_LATER_MS }])(
    'is never sent again, and its reference is held ($ageMs ms later)',
    async ({ ageMs }) => {
      const { first, second } = await chargedByBoth(target);
      const sent = first.sandbox.books.summary().requests;
      await later([first, second], {
        atStripeMs: A_DAY_LATER_MS - 2 * HOUR_MS,
        here: { fixture: second, key: ORDER, ms: ageMs },
      });
      expect(await passesFor(second, ORDER)).toEqual([5, 5, 5]);
      expect((await chargeOrder(second)).exitCode).toBe(5);
      const other = refusalOf(await chargeOrder(second, 'order-77-new'));
      expect(other).toMatchObject({ exitCode: 4, code: 'reference_taken' });
      // Only looked: nothing was made, confirmed or canceled.
      expect(paymentCalls(second, sent)).toEqual([]);

      expectPaidOnce(first);
      const { row, mails } = await second.look(ORDER);
      expect(row).toMatchObject({
        status: 'stuck',
        attempt: 1,
        payment_intent: null,
        review: { reason: 'key_used_elsewhere' },
      });
      expect(mails).toEqual(['operator_stuck']);
      expect(first.mails().map(({ to }) => to)).toEqual([
        `${ORDER}@example.com`,
        'operator@example.com',
      ]);
      // The first ledger knows its payment.
      expect((await chargeOrder(first)).exitCode).toBe(0);
      expectPaidOnce(first);
    },
  );

  it.each(['retry', 'canceled', 'failed'])(
    'cannot be decided as %s: that would let it be charged again',
    async (as) => {
      const { first, second } = await chargedByBoth(target);
      await later([first, second], {
        atStripeMs: A_DAY_LATER_MS,
        here: { fixture: second, key: ORDER, ms: A_DAY_LATER_MS },
      });
      const sent = first.sandbox.books.summary().requests;
      const refused = refusalOf(
        await second.run([
          'stuck',
          'resolve',
          ORDER,
          '--as',
          as,
          '--reason',
          'try',
          '--yes',
          '--json',
        ]),
      );
      expect(refused).toMatchObject({
        exitCode: 4,
        code: 'illegal_resolution',
        transaction: { status: 'stuck', review: { reason: 'key_used_elsewhere' } },
      });
      // What is said names the payment that was made.
      const [paid] = first.sandbox.books.paymentIntents;
      expect(refused.message).toContain(paid?.id);
      expect(refused.message).toContain('What is possible now: succeeded.');
      expect((await chargeOrder(second)).exitCode).toBe(5);
      expect(paymentCalls(second, sent)).toEqual([]);
      expectPaidOnce(first);
    },
  );
});
