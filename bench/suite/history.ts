// Commands on a long history over the same commands on a short one; history.ts measures it.
import { atMost, type Figure, type Measured, type Size, type Table } from './figures.ts';
import { numberIn, tableOf } from './script.ts';

const SHORT = 10_000;
const SCALES: Readonly<Record<Size, { readonly long: number; readonly pairs: number }>> = {
  quick: { long: 20_000, pairs: 1 },
  full: { long: 1_000_000, pairs: 3 },
  long: { long: 10_000_000, pairs: 9 },
};
const GOAL_ROWS = 1_000_000;
const COMPARED: readonly (readonly [command: string, name: string])[] = [
  ['list', 'first page of list'],
  ['list, deep', 'deep page of list'],
  ['reconcile (idle)', 'idle pass'],
];

type Row = Readonly<Record<string, string>>;

export async function run(size: Size): Promise<Measured> {
  const { long, pairs } = SCALES[size];
  const rows = await tableOf('history.ts', [
    '--rows',
    `${String(SHORT)},${String(long)}`,
    '--pairs',
    String(pairs),
    ...(size === 'quick' ? ['--databases', 'sqlite'] : []),
  ]);
  const msColumns = Object.keys(rows[0] ?? {}).filter((column) => column.endsWith(' rows, ms'));
  const [few = '', many = ''] = msColumns;
  const goal = long >= GOAL_ROWS ? atMost('ratio', 1.5) : null;
  const note =
    long === 10_000_000
      ? ''
      : `With ${long.toLocaleString('en-US')} rows, not ten million, so that it fits into half an hour: \`--long\` has those, and docs/scale.md tells what they gave.`;
  const figureOf = (row: Row, name: string): Figure => ({
    name,
    unit: 'ms',
    ours: numberIn(row, many),
    peer: numberIn(row, few),
    ratio: numberIn(row, 'ratio'),
    spread: null,
    goal,
    note,
  });
  const databases = [...new Set(rows.map((row) => row['database'] ?? ''))];
  const figures = databases.flatMap((database) => {
    const own = rows.filter((row) => row['database'] === database);
    const slowest = own.toSorted(
      (one, other) => numberIn(other, 'ratio') - numberIn(one, 'ratio'),
    )[0];
    return [
      ...COMPARED.flatMap(([command, name]) =>
        own
          .filter((row) => row['command'] === command)
          .map((row) =>
            figureOf(row, `${database}: ${name}, ${long.toLocaleString('en-US')} payments`),
          ),
      ),
      ...(slowest === undefined
        ? []
        : [
            figureOf(
              slowest,
              `${database}: the largest ratio of all (${slowest['command'] ?? ''})`,
            ),
          ]),
    ];
  });
  const table: Table = {
    title: `Each command, ${SHORT.toLocaleString('en-US')} and ${long.toLocaleString('en-US')} settled payments, medians of ${String(pairs)} pairs`,
    head: [
      'database',
      'command',
      `${SHORT.toLocaleString('en-US')}, ms`,
      `${long.toLocaleString('en-US')}, ms`,
      'ratio',
    ],
    rows: rows.map((row) => [
      row['database'] ?? '',
      row['command'] ?? '',
      numberIn(row, few),
      numberIn(row, many),
      row['ratio'] ?? '',
    ]),
  };
  return {
    peer: `the same command on ${SHORT.toLocaleString('en-US')} settled payments`,
    figures,
    tables: [table],
  };
}
