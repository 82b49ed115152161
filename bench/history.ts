// What a long history costs: commands on a ledger with many settled payments, as a multiple of the same commands on a short
// one. The real binary, each run on the long ledger beside one on the short ledger, in alternating order; medians. Since
// most of a command is its start, the milliseconds that the long history adds are told as well; and, since a busy machine
// makes any single run longer and none shorter, the ratio of the fastest runs.
// Exits with 1 when a ratio exceeds the limit.
//
//   npm run bench:history [-- --rows 10000,1000000 --databases sqlite,postgres --pairs 9]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildIfStale } from '../.ci/build.js';
import { cleanEnvironment } from '../test/support/environment.ts';
import { startPostgresServer } from '../test/support/postgres-server.ts';
import { fillHistory } from './fill-history.ts';
import { historyCommands } from './history-rows.ts';

const LIMIT = 1.5;
/** Far more than a page needs, so that a hanging command ends the benchmark and not the patience. */
const COMMAND_MS = 60_000;

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '10000,1000000' },
    databases: { type: 'string', default: 'sqlite,postgres' },
    pairs: { type: 'string', default: '9' },
  },
});
const [short = 10_000, long = 1_000_000] = values.rows.split(',').map(Number);
const pairs = Number(values.pairs);
const binary = fileURLToPath(new URL('../bin/payrecon.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'payrecon-history-'));
// Nothing is due, so Stripe is not asked; at this address nobody would answer.
const settings = { STRIPE_SECRET_KEY: 'sk_test_nobody', STRIPE_API_BASE: 'http://127.0.0.1:9' };

/** The filler vacuums by itself; and a log that is cut every few seconds would double what filling writes. */
const FILLING = {
  shared_buffers: '1GB',
  autovacuum: 'off',
  max_wal_size: '8GB',
  checkpoint_timeout: '30min',
  wal_level: 'minimal',
  max_wal_senders: '0',
};

interface Ledger {
  readonly rows: number;
  readonly url: string;
}

function run(ledger: Ledger, args: readonly string[]): number {
  const startedMs = performance.now();
  const { status, stderr, signal } = spawnSync(process.execPath, [binary, ...args], {
    env: cleanEnvironment(folder, { ...settings, DATABASE_URL: ledger.url }),
    cwd: folder,
    encoding: 'utf8',
    timeout: COMMAND_MS,
    maxBuffer: 100_000_000,
  });
  if (status !== 0)
    throw new Error(
      `${args.join(' ')} on ${String(ledger.rows)} rows ended with ${String(status ?? signal)}: ${stderr}`,
    );
  return performance.now() - startedMs;
}

function median(numbers: readonly number[]): number {
  return (
    numbers.toSorted((one, other) => one - other)[Math.floor(numbers.length / 2)] ?? Number.NaN
  );
}

async function filled(url: string, rows: number): Promise<Ledger> {
  const ledger = { url, rows };
  run(ledger, ['migrate', 'up']);
  const startedMs = performance.now();
  await fillHistory(url, rows);
  process.stderr.write(
    `${String(rows)} rows filled in ${((performance.now() - startedMs) / 1_000).toFixed(1)} s\n`,
  );
  return ledger;
}

/** Says whether the limit was kept. */
function compare(
  database: string,
  name: string,
  [few, many]: readonly [Ledger, Ledger],
  argsOf: (rows: number) => readonly string[],
): boolean {
  const take = (ledger: Ledger): number => run(ledger, argsOf(ledger.rows));
  const coldMs = take(many);
  take(few);
  const measured = Array.from({ length: pairs }, (_, pair) => {
    if (pair % 2 === 0) return { few: take(few), many: take(many) };
    const manyFirst = take(many);
    return { few: take(few), many: manyFirst };
  });
  const ratio = median(measured.map((pair) => pair.many / pair.few));
  const fastest =
    Math.min(...measured.map((pair) => pair.many)) / Math.min(...measured.map((pair) => pair.few));
  const added = median(measured.map((pair) => pair.many - pair.few));
  const cells = [
    database,
    name,
    ...[median(measured.map((pair) => pair.few)), median(measured.map((pair) => pair.many))].map(
      (ms) => ms.toFixed(0),
    ),
    coldMs.toFixed(0),
    added.toFixed(1),
    `${ratio.toFixed(2)} x`,
    `${fastest.toFixed(2)} x`,
    ratio <= LIMIT ? 'kept' : 'EXCEEDED',
  ];
  console.log(`| ${cells.join(' | ')} |`);
  return ratio <= LIMIT;
}

async function measure(
  database: string,
  urlOf: (rows: number) => Promise<string>,
): Promise<boolean> {
  const ledgers = [
    await filled(await urlOf(short), short),
    await filled(await urlOf(long), long),
  ] as const;
  return historyCommands
    .map(([name, argsOf]) => compare(database, name, ledgers, argsOf))
    .every(Boolean);
}

async function measurePostgres(): Promise<boolean> {
  const server = await startPostgresServer({ settings: FILLING });
  try {
    const { default: pg } = await import('pg');
    return await measure('PostgreSQL', async (rows) => {
      const client = new pg.Client({ connectionString: server.url });
      await client.connect();
      await client.query(`create database history_${String(rows)}`);
      await client.end();
      return Object.assign(new URL(server.url), { pathname: `/history_${String(rows)}` }).href;
    });
  } finally {
    await server.stop();
  }
}

try {
  await buildIfStale();
  console.log(`Node ${process.versions.node}, ${String(pairs)} pairs a command, medians\n`);
  console.log(
    `| database | command | ${String(short)} rows, ms | ${String(long)} rows, ms | first time, ms | added, ms | ratio | of the fastest | limit ${String(LIMIT)} x |`,
  );
  console.log('| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |');
  const wanted = new Set(values.databases.split(','));
  const kept = [
    ...(wanted.has('sqlite')
      ? [
          await measure('SQLite', (rows) =>
            Promise.resolve(`sqlite:${join(folder, `${String(rows)}.db`)}`),
          ),
        ]
      : []),
    ...(wanted.has('postgres') ? [await measurePostgres()] : []),
  ];
  if (kept.includes(false)) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
