import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { cleanEnvironment } from '../test/support/environment.ts';
import { fillLedger, transactionIdOf, type FilledRow } from './fill-ledger.ts';
import { askLedger, changeLedger, checkSettledOnce } from './ledger-facts.ts';
import { startLocalStripe, type LocalStripe } from './local-stripe.ts';
import type { MakeDatabase } from './databases.ts';
import { startMeasured } from './measured-process.ts';
import type { QueueName } from './plain-jobs.ts';

export interface Backlog {
  readonly rows: number;
  /** Of the account's payments in that time; the others are not ours to look up. */
  readonly share: number;
  /** Stripe's limits, or none. */
  readonly limited: boolean;
  /** Null: one pass of one process. */
  readonly daemons: number | null;
  /** Node writes a profile of its time there. */
  readonly profile: string | null;
  /** Of the plain worker; the other knows none. */
  readonly queue?: QueueName;
  /** How much longer Stripe takes to answer than a process on the same machine. */
  readonly latencyMs?: number;
  /** Leaves out the check of all audit chains, which takes minutes for a million payments. */
  readonly trustChains?: boolean;
}

export interface Figures {
  readonly rows: number;
  readonly calls: { readonly list: number; readonly retrieve: number; readonly other: number };
  readonly refusedShare: number;
  readonly seconds: number;
  readonly peakMegabytes: number;
}

/** The account's payments a second, as far as Stripe's limits let them in. */
const TRAFFIC_PER_SECOND = 25;
/** Older than PAYRECON_PENDING_AFTER. */
const ENDED_SECONDS_AGO = 900;
const ENDPOINT_LIMIT = 25;
const ACCOUNT_LIMIT = 100;
const NO_LIMIT = 10_000;
/** What a daemon ends with after SIGTERM. */
const TERMINATED = 143;
const binary = fileURLToPath(new URL('../bin/payrecon.js', import.meta.url));
const plainWorker = fileURLToPath(new URL('./plain-worker.ts', import.meta.url));

/** The plain worker's own. */
const PLAIN_TABLES = `
  create table payments (id integer primary key, payment_intent text not null, status text not null, amount integer not null, settled_at text);
  create table payment_events (payment_id integer not null references payments (id), status text not null, at text not null);
  create table emails (payment_id integer not null references payments (id), kind text not null);`;

async function stripeWith(
  backlog: Backlog,
): Promise<{ readonly stripe: LocalStripe; readonly pending: FilledRow[] }> {
  const stripe = await startLocalStripe(
    backlog.limited ? { perSecond: ACCOUNT_LIMIT, perEndpoint: ENDPOINT_LIMIT } : null,
  );
  const all = Math.round(backlog.rows / backlog.share);
  const to = Math.floor(Date.now() / 1_000) - ENDED_SECONDS_AGO;
  const from = to - Math.ceil(all / TRAFFIC_PER_SECOND);
  const ids = await stripe.seed(all, from, to);
  await stripe.answerAfter(backlog.latencyMs ?? 0);
  const pending = Array.from({ length: backlog.rows }, (_, n): FilledRow => {
    const at = Math.floor(n / backlog.share);
    const created = from + Math.floor(((to - from) * at) / Math.max(1, all - 1));
    return {
      id: transactionIdOf(at),
      paymentIntent: ids[at] ?? '',
      createdAt: created * 1_000,
      status: 'pending',
    };
  });
  return { stripe, pending };
}

/** `makeDatabase` gives an empty database a run, or null for an SQLite file. */
export async function runPayrecon(backlog: Backlog, makeDatabase: MakeDatabase): Promise<Figures> {
  const folder = await mkdtemp(join(tmpdir(), 'payrecon-bench-'));
  const { stripe, pending } = await stripeWith(backlog);
  try {
    const url = (await makeDatabase?.()) ?? `sqlite:${join(folder, 'ledger.db')}`;
    const env = environmentOf(folder, url, stripe.url, backlog.limited);
    await startMeasured([binary, 'migrate', 'up'], env, folder).finished();
    await fillLedger(url, pending);
    const run =
      backlog.daemons === null
        ? await onePass(backlog, env, folder)
        : await daemons(backlog.daemons, backlog.rows, url, env, folder);
    const { refused, all } = await stripe.refused();
    await checkSettledOnce(url, backlog.rows);
    if (backlog.trustChains !== true)
      await startMeasured([binary, 'audit', 'verify'], env, folder).finished();
    return { rows: backlog.rows, ...run, refusedShare: refused / Math.max(1, all) };
  } finally {
    await stripe.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

function environmentOf(
  folder: string,
  url: string,
  stripeUrl: string,
  limited: boolean,
): Record<string, string> {
  return cleanEnvironment(folder, {
    DATABASE_URL: url,
    STRIPE_API_BASE: stripeUrl,
    STRIPE_SECRET_KEY: 'sk_test_local0123456789abcdef',
    PAYRECON_OPERATOR: 'bench',
    PAYRECON_STRIPE_RPS: String(limited ? ACCOUNT_LIMIT : NO_LIMIT),
    PAYRECON_STRIPE_ENDPOINT_RPS: String(limited ? ENDPOINT_LIMIT : NO_LIMIT),
  });
}

const report = z.object({
  stripe_calls: z.object({ list: z.number(), retrieve: z.number(), other: z.number() }),
});

type Run = Omit<Figures, 'rows' | 'refusedShare'>;

/** The seconds are the whole command's, its start and end included. */
async function onePass(
  backlog: Backlog,
  env: Record<string, string>,
  folder: string,
): Promise<Run> {
  const profiling =
    backlog.profile === null ? [] : ['--cpu-prof', '--cpu-prof-dir', backlog.profile];
  const { stdout, seconds, peakMegabytes } = await startMeasured(
    [...profiling, binary, 'reconcile', '--json'],
    env,
    folder,
  ).finished();
  return { calls: report.parse(JSON.parse(stdout)).stripe_calls, seconds, peakMegabytes };
}

/** The seconds are from the first pass's begin to the last settled row, by the database's clock. */
async function daemons(
  count: number,
  rows: number,
  url: string,
  env: Record<string, string>,
  folder: string,
): Promise<Run> {
  const running = Array.from({ length: count }, () =>
    startMeasured([binary, 'reconcile', '--daemon', '--schedule', '* * * * * *'], env, folder),
  );
  for (let settled = 0; settled < rows;) {
    await sleep(500);
    ({ settled = 0 } = await askLedger(
      url,
      `select count(*) as settled from transactions where status <> 'pending'`,
    ));
    if (running.some(({ child }) => child.exitCode !== null)) break;
  }
  // Each daemon writes down the pass that it is in.
  await sleep(1_500);
  for (const { child } of running) child.kill('SIGTERM');
  const ended = await Promise.all(running.map(async (daemon) => await daemon.finished(TERMINATED)));
  const [list, retrieve, other, startedAt, settledAt] = await passFigures(url);
  return {
    calls: { list, retrieve, other },
    seconds: (settledAt - startedAt) / 1_000,
    peakMegabytes: Math.max(...ended.map(({ peakMegabytes }) => peakMegabytes)),
  };
}

async function passFigures(
  url: string,
): Promise<readonly [number, number, number, number, number]> {
  const {
    list = 0,
    retrieve = 0,
    other = 0,
    started_at: startedAt = 0,
    settled_at: settledAt = 0,
  } = await askLedger(
    url,
    `select sum(calls_list) as list, sum(calls_retrieve) as retrieve, sum(calls_other) as other,
       min(started_at) as started_at, (select max(settled_at) from transactions) as settled_at from passes`,
  );
  return [list, retrieve, other, startedAt, settledAt];
}

export async function runPlainWorker(
  backlog: Backlog,
  makeDatabase: MakeDatabase,
): Promise<Figures> {
  const folder = await mkdtemp(join(tmpdir(), 'payrecon-bench-'));
  const { stripe, pending } = await stripeWith(backlog);
  try {
    const url = (await makeDatabase?.()) ?? `sqlite:${join(folder, 'payments.db')}`;
    await changeLedger(url, PLAIN_TABLES);
    const values = pending.map(
      ({ paymentIntent }, n) => `(${String(n)}, '${paymentIntent}', 'pending', 4999)`,
    );
    await changeLedger(
      url,
      `insert into payments (id, payment_intent, status, amount) values ${values.join(', ')}`,
    );
    const perSecond = backlog.limited ? ENDPOINT_LIMIT : NO_LIMIT;
    const args = [
      '--import',
      fileURLToPath(import.meta.resolve('tsx')),
      plainWorker,
      url,
      stripe.url,
      String(perSecond),
      backlog.queue ?? 'rows',
    ];
    const { stdout, peakMegabytes } = await startMeasured(
      args,
      cleanEnvironment(folder),
      folder,
    ).finished();
    const { left } = await askLedger(
      url,
      `select count(*) as "left" from payments where status = 'pending'`,
    );
    if (left !== 0) throw new Error(`the plain worker left ${String(left)} rows`);
    const { seconds } = z.object({ seconds: z.number() }).parse(JSON.parse(stdout));
    const { refused, all } = await stripe.refused();
    return {
      rows: backlog.rows,
      calls: { list: 0, retrieve: backlog.rows, other: 0 },
      refusedShare: refused / Math.max(1, all),
      seconds,
      peakMegabytes,
    };
  } finally {
    await stripe.stop();
    await rm(folder, { recursive: true, force: true });
  }
}
