// The backlog after an outage at Stripe's limits. What counts is calls and seconds; the plain worker's speed does not
// depend on how many rows it has, so it gets few, and its rate is compared.
import { runPayrecon, runPlainWorker, type Backlog, type Figures } from '../backlog-run.ts';
import { SHOWN, withDatabase, type DatabaseName } from '../databases.ts';
import { aloneFigure, atLeast, atMost, inPairs, pairedFigure, type Figure, type Measured, type Pair, type Size } from './figures.ts';

interface Scale {
  readonly rows: number;
  readonly plainRows: number;
  readonly pairs: Readonly<Record<DatabaseName, number>>;
}

const SCALES: Readonly<Record<Size, Scale>> = {
  quick: { rows: 3_000, plainRows: 100, pairs: { sqlite: 1, postgres: 1 } },
  full: { rows: 100_000, plainRows: 1_000, pairs: { sqlite: 1, postgres: 3 } },
  long: { rows: 100_000, plainRows: 1_000, pairs: { sqlite: 3, postgres: 3 } },
};
/** The goals are for a backlog of that size. */
const GOAL_ROWS = 100_000;

function callsOf({ calls }: Figures): number {
  return calls.list + calls.retrieve + calls.other;
}

async function measure(name: DatabaseName, { rows, plainRows, pairs }: Scale): Promise<readonly Figure[]> {
  const backlog: Backlog = { rows, share: 1, limited: true, daemons: null, profile: null };
  const plain: Backlog = { ...backlog, rows: Math.min(rows, plainRows), queue: name === 'sqlite' ? 'rows' : 'pg-boss' };
  const done = await withDatabase(name, async (make) => await inPairs(pairs[name], async () => await runPayrecon(backlog, make), async () => await runPlainWorker(plain, make)));
  return figuresOf(SHOWN[name], rows, plain.rows, done);
}

function figuresOf(database: string, rows: number, plainRows: number, pairs: readonly Pair<Figures, Figures>[]): readonly Figure[] {
  const ours = pairs.map((pair) => pair.ours);
  const goals = rows === GOAL_ROWS;
  const named = (what: string): string => `${database}: ${what}`;
  const scaled = `The plain worker ran with ${plainRows.toLocaleString('en-US')} rows: at 25 calls/s all of them would take ${(rows / 25).toLocaleString('en-US')} s. Its calls and seconds are those of its rate; its memory is that of the small run.`;
  const perRow = (of: (run: Figures) => number): Pair<number, number>[] => pairs.map((pair) => ({ ours: of(pair.ours), peer: (of(pair.peer) * rows) / pair.peer.rows }));
  return [
    pairedFigure({ name: named('calls'), unit: 'calls', goal: goals ? atMost('ours', 1_100) : null, note: scaled }, perRow(callsOf)),
    pairedFigure({ name: named('time'), unit: 's', goal: goals ? atMost('ours', 50) : null, note: scaled }, perRow(({ seconds }) => seconds)),
    pairedFigure({ name: named('payments a second'), unit: '/s', goal: goals ? atLeast('ratio', 70) : null, note: scaled }, pairs.map((pair) => ({ ours: rateOf(pair.ours), peer: rateOf(pair.peer) }))),
    aloneFigure({ name: named('calls answered 429'), unit: '%', goal: atMost('ours', 1) }, ours.map(({ refusedShare }) => 100 * refusedShare)),
    pairedFigure({ name: named('peak memory'), unit: 'MB', goal: null, note: scaled }, pairs.map((pair) => ({ ours: pair.ours.peakMegabytes, peer: pair.peer.peakMegabytes }))),
  ];
}

function rateOf({ rows, seconds }: Figures): number {
  return rows / seconds;
}

export async function run(size: Size): Promise<Measured> {
  const scale = SCALES[size];
  const figures = [...(await measure('postgres', scale)), ...(await measure('sqlite', scale))];
  return { peer: 'a plain worker: a job a payment, one retrieve and one SQL transaction each, eight at a time, paced to 25 a second; its jobs in pg-boss on PostgreSQL, in a loop on SQLite', figures, tables: [] };
}
