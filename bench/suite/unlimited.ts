// The same backlog with a Stripe that answers as fast as it can: what payrecon and its database are good for, and where
// the time goes. The profile is of a run of its own, since profiling slows it down.
import { mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runPayrecon, runPlainWorker, type Backlog, type Figures } from '../backlog-run.ts';
import {
  DATABASES,
  SHOWN,
  withDatabase,
  type DatabaseName,
  type MakeDatabase,
} from '../databases.ts';
import {
  atLeast,
  inPairs,
  median,
  pairedFigure,
  type Figure,
  type Measured,
  type Size,
  type Table,
} from './figures.ts';
import { readProfile, sharesOf } from './profile.ts';

interface Scale {
  readonly rows: number;
  readonly plainRows: number;
  readonly pairs: number;
  readonly daemons: readonly number[];
  readonly daemonRows: number;
  readonly daemonRuns: number;
  readonly profileRows: number;
}

const SCALES: Readonly<Record<Size, Scale>> = {
  quick: {
    rows: 2_000,
    plainRows: 200,
    pairs: 1,
    daemons: [1, 2],
    daemonRows: 1_000,
    daemonRuns: 1,
    profileRows: 1_000,
  },
  full: {
    rows: 100_000,
    plainRows: 2_000,
    pairs: 3,
    daemons: [1, 2, 4],
    daemonRows: 50_000,
    daemonRuns: 1,
    profileRows: 20_000,
  },
  long: {
    rows: 100_000,
    plainRows: 5_000,
    pairs: 5,
    daemons: [1, 2, 4],
    daemonRows: 100_000,
    daemonRuns: 3,
    profileRows: 100_000,
  },
};
/** The goal is for a backlog of that size. */
const GOAL_ROWS = 100_000;

const backlogOf = (rows: number): Backlog => ({
  rows,
  share: 1,
  limited: false,
  daemons: null,
  profile: null,
});
const rateOf = ({ rows, seconds }: Figures): number => rows / seconds;

interface Measurement {
  readonly figure: Figure;
  /** Payments a second with so many daemons. */
  readonly daemons: readonly number[];
  readonly profile: Table;
}

async function measure(name: DatabaseName, scale: Scale): Promise<Measurement> {
  return await withDatabase(name, async (make) => {
    const plain: Backlog = {
      ...backlogOf(scale.plainRows),
      queue: name === 'sqlite' ? 'rows' : 'pg-boss',
    };
    const pairs = await inPairs(
      scale.pairs,
      async () => await runPayrecon({ ...backlogOf(scale.rows), trustChains: true }, make),
      async () => await runPlainWorker(plain, make),
    );
    const note = `${scale.rows.toLocaleString('en-US')} payments in one pass, the start of the process included; the plain worker had ${scale.plainRows.toLocaleString('en-US')}.`;
    const goal = scale.rows >= GOAL_ROWS ? atLeast('ours', 5_000) : null;
    const figure = pairedFigure(
      { name: `${SHOWN[name]}: payments a second, one process`, unit: '/s', goal, note },
      pairs.map((pair) => ({ ours: rateOf(pair.ours), peer: rateOf(pair.peer) })),
    );
    const daemons: number[] = [];
    for (const count of scale.daemons) daemons.push(await withDaemons(count, scale, make));
    return { figure, daemons, profile: await profiled(name, scale.profileRows, make) };
  });
}

async function withDaemons(
  count: number,
  { daemonRows, daemonRuns }: Scale,
  make: MakeDatabase,
): Promise<number> {
  const rates: number[] = [];
  for (let run = 0; run < daemonRuns; run += 1)
    rates.push(rateOf(await runPayrecon({ ...backlogOf(daemonRows), daemons: count }, make)));
  return Math.round(median(rates));
}

async function profiled(name: DatabaseName, rows: number, make: MakeDatabase): Promise<Table> {
  const folder = join(await mkdtemp(join(tmpdir(), 'payrecon-profile-')), 'profile');
  await mkdir(folder);
  await runPayrecon({ ...backlogOf(rows), profile: folder }, make);
  const shares = sharesOf(await readProfile(folder));
  return {
    title: `Where the time of a pass goes, ${SHOWN[name]}, ${rows.toLocaleString('en-US')} payments (one CPU profile)`,
    head: ['place', 'share, %', 'seconds'],
    rows: shares.map(({ place, share, seconds }) => [
      place,
      (100 * share).toFixed(1),
      seconds.toFixed(2),
    ]),
  };
}

export async function run(size: Size): Promise<Measured> {
  const scale = SCALES[size];
  const measurements: Measurement[] = [];
  for (const name of DATABASES) measurements.push(await measure(name, scale));
  const daemons: Table = {
    title: `Payments a second with several daemons on one machine, ${scale.daemonRows.toLocaleString('en-US')} payments, from the first pass's begin to the last verdict`,
    head: ['daemons', ...DATABASES.map((name) => SHOWN[name])],
    rows: scale.daemons.map((count, index) => [
      count,
      ...measurements.map((each) => each.daemons[index] ?? Number.NaN),
    ]),
  };
  return {
    peer: 'the plain worker, not paced',
    figures: measurements.map(({ figure }) => figure),
    tables: [daemons, ...measurements.map(({ profile }) => profile)],
  };
}
