// Charges one after the other in one process, each beside the two calls alone with the stripe package, in alternating order.
// Arguments: the database, the address of Stripe, how many pairs, and what no key has begun with yet. Prints the milliseconds of each as JSON.
import Stripe from 'stripe';
import type { openPayrecon as Open } from '../src/library.ts';
import { inPairs } from './suite/figures.ts';

const WARM_UP = 20;
const SECRET_KEY = 'sk_test_local0123456789abcdef';

const [database = '', stripeUrl = '', pairs = '', prefix = ''] = process.argv.slice(2);
// The real thing, as it is installed.
const { openPayrecon } = (await import(new URL('../dist/library.js', import.meta.url).href)) as {
  readonly openPayrecon: typeof Open;
};
const payrecon = await openPayrecon({
  environment: {
    ...process.env,
    DATABASE_URL: database,
    STRIPE_API_BASE: stripeUrl,
    STRIPE_SECRET_KEY: SECRET_KEY,
    PAYRECON_STRIPE_RPS: '10000',
    PAYRECON_STRIPE_ENDPOINT_RPS: '10000',
  },
});
const { hostname, port } = new URL(stripeUrl);
const stripe = new Stripe(SECRET_KEY, { host: hostname, port, protocol: 'http', telemetry: false });

async function inMs(work: () => Promise<string>): Promise<number> {
  const startedMs = performance.now();
  const status = await work();
  const tookMs = performance.now() - startedMs;
  if (status !== 'succeeded') throw new Error(`the payment is ${status}`);
  return tookMs;
}

let count = 0;

async function charge(): Promise<number> {
  count += 1;
  const key = `${prefix}-${String(count)}`;
  return await inMs(async () => {
    const charged = await payrecon.charge(
      {
        key,
        amount: '49.99',
        currency: 'usd',
        paymentMethod: 'pm_card_visa',
        email: `${key}@example.com`,
      },
      { allowDuplicate: true },
    );
    if (!charged.ok) return charged.error.message;
    return charged.value.repeated ? 'known already' : charged.value.transaction.status;
  });
}

async function twoCalls(): Promise<number> {
  count += 1;
  const key = `${prefix}-alone-${String(count)}`;
  return await inMs(async () => {
    const { id } = await stripe.paymentIntents.create(
      {
        amount: 4999,
        currency: 'usd',
        payment_method: 'pm_card_visa',
        allowed_payment_method_types: ['card'],
      },
      { idempotencyKey: `${key}-create` },
    );
    return (await stripe.paymentIntents.confirm(id, {}, { idempotencyKey: `${key}-confirm` }))
      .status;
  });
}

await inPairs(WARM_UP, charge, twoCalls);
console.log(JSON.stringify(await inPairs(Number(pairs), charge, twoCalls)));
await payrecon.close();
