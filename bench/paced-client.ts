// A plain client for comparison: create and confirm with the stripe package, 64 at a time, begun at the pace of Stripe's
// limit, and nothing recorded. Arguments: the address of Stripe, how many payments, and how many a second.
import { setTimeout as sleep } from 'node:timers/promises';
import Stripe from 'stripe';

const AT_A_TIME = 64;

const [url = '', payments = '', perSecond = ''] = process.argv.slice(2);
const { hostname, port } = new URL(url);
const stripe = new Stripe('sk_test_local0123456789abcdef', {
  host: hostname,
  port,
  protocol: 'http',
  telemetry: false,
});
const startedMs = performance.now();
let begun = 0;

async function work(): Promise<void> {
  while (begun < Number(payments)) {
    const number = begun;
    begun += 1;
    const turnMs = startedMs + (number * 1_000) / Number(perSecond);
    if (turnMs > performance.now()) await sleep(turnMs - performance.now());
    const { id } = await stripe.paymentIntents.create(
      {
        amount: 4999,
        currency: 'usd',
        payment_method: 'pm_card_visa',
        allowed_payment_method_types: ['card'],
      },
      { idempotencyKey: `create-${String(number)}` },
    );
    await stripe.paymentIntents.confirm(id, {}, { idempotencyKey: `confirm-${String(number)}` });
  }
}

await Promise.all(Array.from({ length: AT_A_TIME }, work));
console.log(JSON.stringify({ seconds: (performance.now() - startedMs) / 1_000 }));
