import Sqlite from 'libsql';
import pg from 'pg';
import PgBoss from 'pg-boss';

export interface Job {
  readonly id: number;
  readonly payment_intent: string;
  readonly amount: number;
}

/** Where the plain worker's jobs come from, and where it writes down what became of them. */
export interface Jobs {
  /** Nothing at the end. */
  next(): Promise<readonly Job[]>;
  /** In one SQL transaction: the payment, an event and an e-mail, if it was still pending. */
  settle(job: Job): Promise<void>;
  /** All that `next` gave. */
  done(jobs: readonly Job[]): Promise<void>;
  close(): Promise<void>;
}

/** `pg-boss` is a job queue in PostgreSQL; `rows` takes the pending rows as they are, without any queue. */
export const QUEUES = ['rows', 'pg-boss'] as const;
export type QueueName = (typeof QUEUES)[number];

const PENDING = `select id, payment_intent, amount from payments where status = 'pending' order by id`;

export async function openJobs(url: string, queue: QueueName, workers: number): Promise<Jobs> {
  if (url.startsWith('sqlite:')) return sqliteJobs(url.slice('sqlite:'.length));
  const pool = new pg.Pool({ connectionString: url, max: workers });
  const { rows } = await pool.query<Job>(PENDING);
  const settle = async (job: Job): Promise<void> => {
    await settleOnPostgres(pool, job);
  };
  if (queue === 'rows')
    return {
      ...inMemory(rows),
      settle,
      close: async () => {
        await pool.end();
      },
    };
  const queued = await throughPgBoss(url, rows, workers);
  return {
    ...queued,
    settle,
    async close() {
      await queued.close();
      await pool.end();
    },
  };
}

function inMemory(rows: readonly Job[]): Pick<Jobs, 'next' | 'done'> {
  const left = rows.values();
  return {
    next() {
      const { value } = left.next();
      return Promise.resolve(value === undefined ? [] : [value]);
    },
    done: () => Promise.resolve(),
  };
}

function sqliteJobs(path: string): Jobs {
  const database = new Sqlite(path);
  database.exec('pragma journal_mode = wal; pragma synchronous = full');
  const update = database.prepare(
    `update payments set status = 'succeeded', settled_at = ? where id = ? and status = 'pending'`,
  );
  const event = database.prepare(`insert into payment_events values (?, 'succeeded', ?)`);
  const email = database.prepare(`insert into emails values (?, 'succeeded')`);
  const settle = database.transaction((job: Job) => {
    const at = new Date().toISOString();
    if (update.run(at, job.id).changes === 0) return;
    event.run(job.id, at);
    email.run(job.id);
  });
  return {
    ...inMemory(database.prepare(PENDING).all() as Job[]),
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

async function settleOnPostgres(pool: pg.Pool, { id }: Job): Promise<void> {
  const client = await pool.connect();
  try {
    const at = new Date().toISOString();
    await client.query('begin');
    const { rowCount } = await client.query(
      `update payments set status = 'succeeded', settled_at = $1 where id = $2 and status = 'pending'`,
      [at, id],
    );
    if (rowCount === 1) {
      await client.query(`insert into payment_events values ($1, 'succeeded', $2)`, [id, at]);
      await client.query(`insert into emails values ($1, 'succeeded')`, [id]);
    }
    await client.query('commit');
  } finally {
    client.release();
  }
}

const QUEUE = 'settle';
const INSERTED_AT_ONCE = 5_000;
/** Its own worker fetches so often at most; fetched in a loop, as here, and several at a time, it is faster than that. */
const FETCHED_AT_ONCE = 10;

/** A job a payment is in the queue when it returns. */
async function throughPgBoss(
  url: string,
  rows: readonly Job[],
  workers: number,
): Promise<Pick<Jobs, 'next' | 'done' | 'close'>> {
  const boss = new PgBoss({
    connectionString: url,
    max: workers,
    supervise: false,
    schedule: false,
  });
  // Without a listener an error of its own would end the process; the statement that failed says it as well.
  boss.on('error', (error) => {
    process.stderr.write(`pg-boss: ${error.message}\n`);
  });
  await boss.start();
  await boss.createQueue(QUEUE);
  for (let from = 0; from < rows.length; from += INSERTED_AT_ONCE) {
    await boss.insert(
      rows.slice(from, from + INSERTED_AT_ONCE).map((data) => ({ name: QUEUE, data })),
    );
  }
  const ids = new WeakMap<Job, string>();
  return {
    async next() {
      const jobs = await boss.fetch<Job>(QUEUE, { batchSize: FETCHED_AT_ONCE });
      for (const { id, data } of jobs) ids.set(data, id);
      return jobs.map(({ data }) => data);
    },
    async done(jobs) {
      await boss.complete(
        QUEUE,
        jobs.flatMap((job) => ids.get(job) ?? []),
      );
    },
    async close() {
      await boss.stop({ graceful: false });
    },
  };
}
