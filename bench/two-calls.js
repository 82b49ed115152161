// One payment with the stripe package alone, and nothing else: what a charge cannot be cheaper than. Plain JavaScript, so
// that Node starts it as it is. Arguments: the address of Stripe, and a key.
import Stripe from 'stripe';

const [url = '', key = ''] = process.argv.slice(2);
const { hostname, port } = new URL(url);
const stripe = new Stripe('sk_test_local0123456789abcdef', {
  host: hostname,
  port,
  protocol: 'http',
  telemetry: false,
});
const { id } = await stripe.paymentIntents.create(
  {
    amount: 4999,
    currency: 'usd',
    payment_method: 'pm_card_visa',
    allowed_payment_method_types: ['card'],
  },
  { idempotencyKey: `${key}-create` },
);
const { status } = await stripe.paymentIntents.confirm(
  id,
  {},
  { idempotencyKey: `${key}-confirm` },
);
if (status !== 'succeeded') throw new Error(`the payment is ${status}`);
