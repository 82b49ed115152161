// The backlog after an outage at Stripe's limits. What counts is calls and seconds; the plain worker's speed does not
// depend on how many rows it has, so it gets few, and its rate is compared.
import { runPayrecon, runPlainWorker, type Backlog, type Figures } from '../backlog-run.ts';
import { SHOWN, withDatabase, type DatabaseName } from '../databases.ts';
import {
  aloneFigure,
  atLeast,
  atMost,
  inPairs,
  pairedFigure,
  type Figure,
  type Measured,
  type Pair,
  type Size,
} from './figures.ts';

interface Case {
  readonly database: DatabaseName;
  /** A page of the list takes the real Stripe about a third of a second. */
  readonly latencyMs: number;
  readonly pairs: number;
}

interface Scale {
  readonly rows: number;
  readonly plainRows: number;
  readonly cases: readonly Case[];
}

const SCALES: Readonly<Record<Size, Scale>> = {
  quick: {
    rows: 2_000,
    plainRows: 50,
    cases: [
      { database: 'postgres', latencyMs: 0, pairs: 1 },
      { database: 'sqlite', latencyMs: 300, pairs: 1 },
    ],
  },
  full: {
    rows: 100_000,
    plainRows: 500,
    cases: [
      { database: 'postgres', latencyMs: 0, pairs: 3 },
      { database: 'sqlite', latencyMs: 300, pairs: 1 },
    ],
  },
  long: {
    rows: 100_000,
    plainRows: 1_000,
    cases: [0, 300].flatMap(
      (latencyMs) =>
        [
          { database: 'postgres', latencyMs, pairs: 3 },
          { database: 'sqlite', latencyMs, pairs: 3 },
        ] as const,
    ),
  },
};
/** The goals are for a backlog of that size. */
const GOAL_ROWS = 100_000;

function callsOf({ calls }: Figures): number {
  return calls.list + calls.retrieve + calls.other;
}

async function measure(
  { database, latencyMs, pairs }: Case,
  { rows, plainRows }: Scale,
): Promise<readonly Figure[]> {
  const backlog: Backlog = {
    rows,
    share: 1,
    limited: true,
    latencyMs,
    daemons: null,
    profile: null,
  };
  const plain: Backlog = {
    ...backlog,
    rows: Math.min(rows, plainRows),
    queue: database === 'sqlite' ? 'rows' : 'pg-boss',
  };
  const done = await withDatabase(
    database,
    async (make) =>
      await inPairs(
        pairs,
        async () => await runPayrecon(backlog, make),
        async () => await runPlainWorker(plain, make),
      ),
  );
  return figuresOf(
    `${SHOWN[database]}${latencyMs === 0 ? '' : `, Stripe takes ${String(latencyMs)} ms`}`,
    rows,
    plain.rows,
    done,
  );
}

function figuresOf(
  where: string,
  rows: number,
  plainRows: number,
  pairs: readonly Pair<Figures, Figures>[],
): readonly Figure[] {
  const ours = pairs.map((pair) => pair.ours);
  const goals = rows === GOAL_ROWS;
  const named = (what: string): string => `${where}: ${what}`;
  const scaled = `The plain worker ran with ${plainRows.toLocaleString('en-US')} rows: at 25 calls/s all of them would take ${(rows / 25).toLocaleString('en-US')} s. Its calls and seconds are those of its rate; its memory is that of the small run.`;
  const perRow = (of: (run: Figures) => number): Pair<number, number>[] =>
    pairs.map((pair) => ({ ours: of(pair.ours), peer: (of(pair.peer) * rows) / pair.peer.rows }));
  return [
    pairedFigure(
      {
        name: named('calls'),
        unit: 'calls',
        goal: goals ? atMost('ours', 1_100) : null,
        note: scaled,
      },
      perRow(callsOf),
    ),
    pairedFigure(
      { name: named('time'), unit: 's', goal: goals ? atMost('ours', 50) : null, note: scaled },
      perRow(({ seconds }) => seconds),
    ),
    pairedFigure(
      {
        name: named('payments a second'),
        unit: '/s',
        goal: goals ? atLeast('ratio', 70) : null,
        note: scaled,
      },
      pairs.map((pair) => ({ ours: rateOf(pair.ours), peer: rateOf(pair.peer) })),
    ),
    aloneFigure(
      { name: named('calls answered 429'), unit: '%', goal: atMost('ours', 1) },
      ours.map(({ refusedShare }) => 100 * refusedShare),
    ),
    pairedFigure(
      { name: named('peak memory'), unit: 'MB', goal: null, note: scaled },
      pairs.map((pair) => ({ ours: pair.ours.peakMegabytes, peer: pair.peer.peakMegabytes })),
    ),
  ];
}

function rateOf({ rows, seconds }: Figures): number {
  return rows / seconds;
}

export async function run(size: Size): Promise<Measured> {
  const scale = SCALES[size];
  const figures: Figure[] = [];
  for (const one of scale.cases) figures.push(...(await measure(one, scale)));
  return {
    peer: 'a plain worker: a job a payment, one retrieve and one SQL transaction each, eight at a time, paced to 25 a second; its jobs in pg-boss on PostgreSQL, in a loop on SQLite',
    figures,
    tables: [],
  };
}
