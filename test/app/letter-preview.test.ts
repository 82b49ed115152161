import { expect, test } from 'vitest';
import type { Payrecon } from '../../src/app/service.ts';
import { sqlite, targets } from '../storage/targets.ts';
import { aPaymentWorld, type PaymentWorld } from '../support/payment-world.ts';
import { aCard, AT_ONCE, EVERYTHING_DUE } from './payments-left.ts';

/* What a person is shown before a decision is what the customer is sent after it, or nothing is sent. */

const WHY = { reason: 'agreed by telephone', cancelAtStripe: false };

/** Stripe took a cent less than was asked for, so a person has to decide. */
async function aMismatch(world: PaymentWorld): Promise<Payrecon> {
  const payrecon = await world.open('resolve');
  const debit = {
    ...aCard('order-1'),
    paymentMethod: 'pm_usBankAccount',
    methodTypes: ['us_bank_account'],
  };
  const { transaction } = await payrecon.charge(debit, AT_ONCE);
  const settled = await fetch(
    `${world.sandbox.url}/_sandbox/payment_intents/${transaction.paymentIntent ?? ''}/settle`,
    {
      method: 'POST',
      body: JSON.stringify({ outcome: 'succeeded', amount_received: transaction.amount - 1 }),
    },
  );
  expect(settled.ok).toBe(true);
  await payrecon.reconcile(EVERYTHING_DUE);
  return payrecon;
}

function sentToCustomer(world: PaymentWorld): readonly { subject: string; text: string }[] {
  return world.sandbox.books.mails
    .filter(({ to }) => to.includes('order-1@example.com'))
    .map(({ subject, body }) => {
      const { content } = body as { content: readonly { type: string; value: string }[] };
      return { subject, text: content.find(({ type }) => type === 'text/plain')?.value ?? '' };
    });
}

test.each(targets)('the letter that is shown is the one that is sent ($name)', async (target) => {
  const world = await aPaymentWorld(target);
  const payrecon = await aMismatch(world);
  const preview = await payrecon.preview(await payrecon.inspect('order-1'), 'succeeded', 'r');
  expect(preview?.to).toBe('order-1@example.com');
  expect(preview?.text).toContain('$49.98');
  expect(sentToCustomer(world)).toEqual([]);
  await payrecon.resolve('order-1', { as: 'succeeded', ...WHY });
  await payrecon.sendNotifications(null);
  expect(sentToCustomer(world)).toEqual([{ subject: preview?.subject, text: preview?.text }]);
});

test('nothing is shown of a decision that tells the customer nothing', async () => {
  const world = await aPaymentWorld(sqlite);
  const payrecon = await aMismatch(world);
  const stuck = await payrecon.inspect('order-1');
  expect(await payrecon.preview(stuck, 'retry', 'r')).toBeNull();
  const unaddressed = { ...stuck, transaction: { ...stuck.transaction, email: null } };
  expect(await payrecon.preview(unaddressed, 'succeeded', 'r')).toBeNull();
});

test('without an e-mail the decision is recorded, and that the customer was not written to', async () => {
  const world = await aPaymentWorld(sqlite);
  const payrecon = await aMismatch(world);
  const { status } = await payrecon.resolve('order-1', { as: 'succeeded', ...WHY, noEmail: true });
  expect(status).toBe('succeeded');
  await payrecon.sendNotifications(null);
  expect(sentToCustomer(world)).toEqual([]);
  const { audit, notifications } = await payrecon.show('order-1');
  expect(audit.at(-1)).toMatchObject({
    action: 'resolved',
    detail: { reason: WHY.reason, customer: 'not written to' },
  });
  expect(notifications.filter(({ kind }) => kind.startsWith('customer'))).toEqual([]);
});
