// What a charge costs beyond its two round trips to Stripe: in a process that is running, and as a whole command.
import { spawnSync } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { cleanEnvironment } from '../../test/support/environment.ts';
import { DATABASES, SHOWN, withDatabase, type DatabaseName } from '../databases.ts';
import { startLocalStripe } from '../local-stripe.ts';
import { startMeasured } from '../measured-process.ts';
import {
  inPairs,
  median,
  pairedFigure,
  quantile,
  type Figure,
  type Measured,
  type Pair,
  type Size,
  type Table,
} from './figures.ts';

/** Pairs, by how long Stripe takes to answer (milliseconds). */
const CASES: Readonly<Record<Size, readonly (readonly [latencyMs: number, pairs: number])[]>> = {
  quick: [[0, 30]],
  full: [
    [0, 200],
    [100, 60],
  ],
  long: [
    [0, 2_000],
    [100, 500],
  ],
};
const COMMANDS: Readonly<Record<Size, number>> = { quick: 3, full: 21, long: 101 };

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const binary = here('../../bin/payrecon.js');
const twoCalls = here('../two-calls.js');
const manyCharges = here('../overhead-process.ts');
const pairsOf = z.array(z.object({ ours: z.number(), peer: z.number() }));

interface Ledger {
  readonly name: DatabaseName;
  readonly url: string;
  readonly folder: string;
}

async function inOneProcess(
  { url, folder }: Ledger,
  latencyMs: number,
  pairs: number,
): Promise<readonly Pair<number, number>[]> {
  const stripe = await startLocalStripe(null);
  try {
    await stripe.answerAfter(latencyMs);
    const args = [
      '--import',
      fileURLToPath(import.meta.resolve('tsx')),
      manyCharges,
      url,
      stripe.url,
      String(pairs),
      `after-${String(latencyMs)}`,
    ];
    const { stdout } = await startMeasured(args, cleanEnvironment(folder), folder).finished();
    return pairsOf.parse(JSON.parse(stdout));
  } finally {
    await stripe.stop();
  }
}

async function wholeCommands(
  { url, folder }: Ledger,
  pairs: number,
): Promise<readonly Pair<number, number>[]> {
  const stripe = await startLocalStripe(null);
  const env = cleanEnvironment(folder, {
    DATABASE_URL: url,
    STRIPE_API_BASE: stripe.url,
    STRIPE_SECRET_KEY: 'sk_test_local0123456789abcdef',
  });
  const take = (args: readonly string[]): number => {
    const startedMs = performance.now();
    const { status, stderr } = spawnSync(process.execPath, args, {
      env,
      cwd: folder,
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`${args.join(' ')} ended with ${String(status)}: ${stderr}`);
    return performance.now() - startedMs;
  };
  let count = 0;
  const charge = (): Promise<number> => {
    count += 1;
    return Promise.resolve(
      take([
        binary,
        'charge',
        '--key',
        `command-${String(count)}`,
        '--amount',
        '49.99',
        '--currency',
        'usd',
        '--payment-method',
        'pm_card_visa',
        '--allow-duplicate',
      ]),
    );
  };
  const alone = (): Promise<number> => {
    count += 1;
    return Promise.resolve(take([twoCalls, stripe.url, `alone-${String(count)}`]));
  };
  try {
    await inPairs(1, charge, alone);
    return await inPairs(pairs, charge, alone);
  } finally {
    await stripe.stop();
  }
}

type Row = readonly (string | number)[];

function measured(
  name: string,
  note: string,
  pairs: readonly Pair<number, number>[],
): { readonly figure: Figure; readonly row: Row } {
  const ours = pairs.map((pair) => pair.ours);
  const peer = pairs.map((pair) => pair.peer);
  const added = pairs.map((pair) => pair.ours - pair.peer);
  const ms = (value: number): string => value.toFixed(1);
  const row = [
    name,
    pairs.length,
    ...[ours, peer].flatMap((all) => [ms(quantile(all, 0.5)), ms(quantile(all, 0.99))]),
    ms(median(added)),
  ];
  const figure = pairedFigure({ name, unit: 'ms', goal: null, note }, pairs);
  // The smallest and the largest of hundreds say less than the table's p99.
  return { figure: { ...figure, spread: null }, row };
}

export async function run(size: Size): Promise<Measured> {
  const figures: Figure[] = [];
  const rows: Row[] = [];
  for (const name of DATABASES) {
    await withDatabase(name, async (make) => {
      const folder = await mkdtemp(join(tmpdir(), 'payrecon-overhead-'));
      const ledger = {
        name,
        folder,
        url: (await make?.()) ?? `sqlite:${join(folder, 'ledger.db')}`,
      };
      await startMeasured(
        [binary, 'migrate', 'up'],
        cleanEnvironment(folder, { DATABASE_URL: ledger.url }),
        folder,
      ).finished();
      const add = ({ figure, row }: ReturnType<typeof measured>): void => {
        figures.push(figure);
        rows.push(row);
      };
      for (const [latencyMs, pairs] of CASES[size]) {
        const what = `${SHOWN[name]}: a charge in a running process, Stripe answers ${latencyMs === 0 ? 'at once' : `after ${String(latencyMs)} ms`}`;
        add(measured(what, '', await inOneProcess(ledger, latencyMs, pairs)));
      }
      add(
        measured(
          `${SHOWN[name]}: the whole command, Stripe answers at once`,
          '',
          await wholeCommands(ledger, COMMANDS[size]),
        ),
      );
    });
  }
  const table: Table = {
    title: 'Milliseconds of one charge',
    head: ['', 'pairs', 'payrecon p50', 'p99', 'two calls p50', 'two calls p99', 'added, median'],
    rows,
  };
  return {
    peer: 'the same two calls alone, with the stripe package: in the same process, or as a Node program that does nothing else',
    figures,
    tables: [table],
  };
}
