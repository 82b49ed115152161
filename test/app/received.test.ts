import { expect, test } from 'vitest';
import { targets } from '../storage/targets.ts';
import { aPaymentWorld } from '../support/payment-world.ts';
import { aCard, AT_ONCE, EVERYTHING_DUE } from './payments-left.ts';

/* Stripe took less than was asked for: a question to a person, and never a success. */

test.each(targets)(
  'an intent that succeeded with less than was asked for is not settled as paid ($name)',
  async (target) => {
    const world = await aPaymentWorld(target);
    const payrecon = await world.open('charge');
    const debit = {
      ...aCard('order-1'),
      paymentMethod: 'pm_usBankAccount',
      methodTypes: ['us_bank_account'],
    };
    const { transaction } = await payrecon.charge(debit, AT_ONCE);
    expect(transaction).toMatchObject({ status: 'pending', stripeStatus: 'processing' });
    const body = JSON.stringify({ outcome: 'succeeded', amount_received: transaction.amount - 1 });
    const settled = await fetch(
      `${world.sandbox.url}/_sandbox/payment_intents/${transaction.paymentIntent ?? ''}/settle`,
      { method: 'POST', body },
    );
    expect(settled.ok).toBe(true);

    await (await world.open('reconcile')).reconcile(EVERYTHING_DUE);
    const { transaction: now } = await payrecon.inspect('order-1');
    expect(now).toMatchObject({
      status: 'stuck',
      amountReceived: transaction.amount - 1,
      review: { reason: 'amount_mismatch' },
    });
  },
);
