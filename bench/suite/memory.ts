// The peak memory of a pass must not depend on how much is due. There is no peer: the larger pass is compared with the
// smaller one.
import { runPayrecon } from '../backlog-run.ts';
import {
  aloneFigure,
  atMost,
  median,
  spreadOf,
  type Figure,
  type Measured,
  type Size,
} from './figures.ts';

interface Scale {
  readonly small: number;
  readonly larger: number;
  readonly smallRuns: number;
}

const SCALES: Readonly<Record<Size, Scale>> = {
  quick: { small: 3_000, larger: 6_000, smallRuns: 1 },
  full: { small: 100_000, larger: 1_000_000, smallRuns: 3 },
  long: { small: 100_000, larger: 1_000_000, smallRuns: 5 },
};
const GOAL_ROWS = 1_000_000;

async function peakOf(rows: number): Promise<number> {
  const run = await runPayrecon(
    { rows, share: 1, limited: false, daemons: null, profile: null, trustChains: true },
    null,
  );
  return run.peakMegabytes;
}

export async function run(size: Size): Promise<Measured> {
  const { small, larger, smallRuns } = SCALES[size];
  const peaks: number[] = [];
  for (let one = 0; one < smallRuns; one += 1) peaks.push(await peakOf(small));
  const base = median(peaks);
  const named = (rows: number): string => `${rows.toLocaleString('en-US')} due`;
  const peak = await peakOf(larger);
  const isJudged = larger >= GOAL_ROWS;
  const note =
    'On SQLite, without a rate limit; the resident memory of the whole process at its largest.';
  const figures: Figure[] = [
    {
      ...aloneFigure({ name: named(small), unit: 'MB', goal: null }, peaks),
      spread: spreadOf(peaks),
    },
    {
      ...aloneFigure(
        { name: named(larger), unit: 'MB', goal: isJudged ? atMost('ratio', 1.1) : null, note },
        [peak],
      ),
      peer: base,
      ratio: peak / base,
    },
    aloneFigure(
      { name: `${named(larger)}, in all`, unit: 'MB', goal: isJudged ? atMost('ours', 256) : null },
      [peak],
    ),
  ];
  return { peer: `a pass with ${named(small)}`, figures, tables: [] };
}
