import type Stripe from 'stripe';
import { describe, expect, test } from 'vitest';
import { renderAccount } from '../../../../src/sandbox/stripe/endpoints/account.ts';
import type { ChargeView, RefundView } from '../../../../src/sandbox/stripe/render/charge.ts';
import type {
  PaymentIntentView,
  renderCustomer,
  renderPaymentMethod,
} from '../../../../src/sandbox/stripe/render/objects.ts';
import { createUnconfirmed, startLocal } from '../../clients.ts';
import { matching } from '../../text-matchers.ts';

/** Compiles only where every value of `Shown` is also a value of `Declared`. */
type Fits<Shown extends Declared, Declared> = [Shown, Declared] extends [never, never]
  ? never
  : true;

describe('what the sandbox shows', () => {
  test('has the shape that the stripe package declares, also on the wire', async () => {
    // Checked by the compiler: a field that is missing or of another type does not compile.
    const fits: [
      Fits<PaymentIntentView, Stripe.PaymentIntent>,
      Fits<ChargeView, Stripe.Charge>,
      Fits<RefundView, Stripe.Refund>,
      Fits<ReturnType<typeof renderCustomer>, Stripe.Customer>,
      Fits<ReturnType<typeof renderPaymentMethod>, Stripe.PaymentMethod>,
      Fits<ReturnType<typeof renderAccount>, Stripe.Account>,
    ] = [true, true, true, true, true, true];
    await using local = await startLocal();
    const { id } = await createUnconfirmed(local.stripe);
    const intent = await local.stripe.paymentIntents.confirm(id);
    const charge = await local.stripe.charges.retrieve(intent.latest_charge as string);
    const refund = await local.stripe.refunds.create({ payment_intent: id });
    expect(fits).toHaveLength(6);
    expect({ ...(await local.stripe.accounts.retrieveCurrent()) }).toEqual(
      renderAccount('acct_1SandboxLkdIwHu7'),
    );
    expect({ ...intent }).toEqual(local.sandbox.books.paymentIntents[0]);
    expect({ ...charge, amount_refunded: 4999, refunded: true }).toEqual(
      local.sandbox.books.charges[0],
    );
    expect({ ...refund }).toEqual(local.sandbox.books.refunds[0]);
    expect(intent).toMatchObject({
      livemode: false,
      client_secret: matching(new RegExp(`^${id}_secret_\\w+$`)),
    });
    expect(id).toMatch(/^pi_[0-9A-Za-z]{24}$/);
  });

  test('expands what is asked for', async () => {
    await using local = await startLocal();
    const customer = await local.stripe.customers.create({ email: 'ada@example.com' });
    const { id } = await createUnconfirmed(local.stripe, 'pm_card_visa', { customer: customer.id });
    const intent = await local.stripe.paymentIntents.confirm(id, {
      expand: ['latest_charge', 'payment_method', 'customer'],
    });
    expect(intent.latest_charge).toMatchObject({
      object: 'charge',
      payment_intent: id,
      payment_method_details: { card: { last4: '4242' } },
    });
    expect(intent.payment_method).toMatchObject({
      object: 'payment_method',
      card: { brand: 'visa' },
    });
    expect(intent.customer).toMatchObject({ email: 'ada@example.com' });
    const page = await local.stripe.paymentIntents.list({
      expand: ['data.latest_charge.customer'],
    });
    expect(page.data[0]?.latest_charge).toMatchObject({ customer: { email: 'ada@example.com' } });
    await expect(
      local.stripe.paymentIntents.retrieve(id, { expand: ['nothing'] }),
    ).rejects.toMatchObject({ statusCode: 400, param: 'expand' });
  });

  test('sends the headers of Stripe', async () => {
    await using local = await startLocal();
    const { lastResponse } = await local.stripe.paymentIntents.create(
      { amount: 500, currency: 'usd' },
      { idempotencyKey: 'headers' },
    );
    expect(lastResponse.headers).toMatchObject({
      'stripe-version': '2026-10-28.endive',
      'idempotency-key': 'headers',
      'request-id': matching(/^req_\w{14}$/),
      'content-type': 'application/json',
    });
    expect(lastResponse.headers).not.toHaveProperty('idempotent-replayed');
  });
});
