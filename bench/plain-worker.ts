// The worker that every such system has, for comparison: a job a payment, one retrieve and one SQL transaction each, eight
// at a time, at Stripe's limit. A process of its own. Arguments: the database, the address of Stripe, retrieves a second.
import { setTimeout as sleep } from 'node:timers/promises';
import Sqlite from 'libsql';
import pg from 'pg';
import Stripe from 'stripe';

const WORKERS = 8;

interface Job {
  readonly id: number;
  readonly payment_intent: string;
  readonly amount: number;
}

interface Jobs {
  all(): Promise<readonly Job[]>;
  settle(job: Job): Promise<void>;
  close(): Promise<void>;
}

const PENDING = `select id, payment_intent, amount from payments where status = 'pending' order by id`;

function sqliteJobs(path: string): Jobs {
  const database = new Sqlite(path);
  database.exec('pragma journal_mode = wal; pragma synchronous = full');
  const update = database.prepare(`update payments set status = 'succeeded', settled_at = ? where id = ? and status = 'pending'`);
  const event = database.prepare(`insert into payment_events values (?, 'succeeded', ?)`);
  const email = database.prepare(`insert into emails values (?, 'succeeded')`);
  const settle = database.transaction((job: Job) => {
    const at = new Date().toISOString();
    if (update.run(at, job.id).changes === 0) return;
    event.run(job.id, at);
    email.run(job.id);
  });
  return {
    all: () => Promise.resolve(database.prepare(PENDING).all() as Job[]),
    settle(job) {
      settle(job);
      return Promise.resolve();
    },
    close() {
      database.close();
      return Promise.resolve();
    },
  };
}

function postgresJobs(url: string): Jobs {
  const pool = new pg.Pool({ connectionString: url, max: WORKERS });
  return {
    all: async () => (await pool.query<Job>(PENDING)).rows,
    async settle(job) {
      const client = await pool.connect();
      try {
        const at = new Date().toISOString();
        await client.query('begin');
        const { rowCount } = await client.query(`update payments set status = 'succeeded', settled_at = $1 where id = $2 and status = 'pending'`, [at, job.id]);
        if (rowCount === 1) {
          await client.query(`insert into payment_events values ($1, 'succeeded', $2)`, [job.id, at]);
          await client.query(`insert into emails values ($1, 'succeeded')`, [job.id]);
        }
        await client.query('commit');
      } finally {
        client.release();
      }
    },
    close: async () => { await pool.end(); },
  };
}

async function work(database: string, stripeUrl: string, perSecond: number): Promise<number> {
  const { hostname, port } = new URL(stripeUrl);
  const stripe = new Stripe('sk_test_local0123456789abcdef', { host: hostname, port, protocol: 'http', telemetry: false });
  const jobs = database.startsWith('sqlite:') ? sqliteJobs(database.slice('sqlite:'.length)) : postgresJobs(database);
  const queue = (await jobs.all()).values();
  const startedMs = performance.now();
  let begun = 0;
  const worker = async (): Promise<void> => {
    for (const job of queue) {
      const turnMs = startedMs + (begun * 1_000) / perSecond;
      begun += 1;
      if (turnMs > performance.now()) await sleep(turnMs - performance.now());
      const intent = await stripe.paymentIntents.retrieve(job.payment_intent);
      if (intent.status === 'succeeded' && intent.amount === job.amount) await jobs.settle(job);
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, worker));
  const seconds = (performance.now() - startedMs) / 1_000;
  await jobs.close();
  return seconds;
}

const [database, stripeUrl, perSecond] = process.argv.slice(2);
if (database === undefined || stripeUrl === undefined) throw new Error('the database and the address of Stripe are missing');
console.log(JSON.stringify({ seconds: await work(database, stripeUrl, Number(perSecond)) }));
