// The worker that every such system has, for comparison: a job a payment, one retrieve and one SQL transaction each, eight
// at a time, at Stripe's limit. A process of its own. Arguments: the database, the address of Stripe, retrieves a second,
// and on PostgreSQL `pg-boss` where the jobs come from that queue.
import { setTimeout as sleep } from 'node:timers/promises';
import Stripe from 'stripe';
import { openJobs, QUEUES, type QueueName } from './plain-jobs.ts';

const WORKERS = 8;

async function work(
  database: string,
  stripeUrl: string,
  perSecond: number,
  queue: QueueName,
): Promise<number> {
  const { hostname, port } = new URL(stripeUrl);
  const stripe = new Stripe('sk_test_local0123456789abcdef', {
    host: hostname,
    port,
    protocol: 'http',
    telemetry: false,
  });
  const jobs = await openJobs(database, queue, WORKERS);
  const startedMs = performance.now();
  let begun = 0;
  const worker = async (): Promise<void> => {
    for (let taken = await jobs.next(); taken.length > 0; taken = await jobs.next()) {
      for (const job of taken) {
        const turnMs = startedMs + (begun * 1_000) / perSecond;
        begun += 1;
        if (turnMs > performance.now()) await sleep(turnMs - performance.now());
        const intent = await stripe.paymentIntents.retrieve(job.payment_intent);
        if (intent.status === 'succeeded' && intent.amount === job.amount) await jobs.settle(job);
      }
      await jobs.done(taken);
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, worker));
  const seconds = (performance.now() - startedMs) / 1_000;
  await jobs.close();
  return seconds;
}

const [database, stripeUrl, perSecond, queue = 'rows'] = process.argv.slice(2);
if (database === undefined || stripeUrl === undefined)
  throw new Error('the database and the address of Stripe are missing');
const known = QUEUES.find((each) => each === queue);
if (known === undefined) throw new Error(`${queue}: one of ${QUEUES.join(', ')}`);
console.log(JSON.stringify({ seconds: await work(database, stripeUrl, Number(perSecond), known) }));
