// The peak memory of a pass must not depend on how much is due. There is no peer: the small pass is what the others are
// compared with.
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
  readonly larger: readonly number[];
  readonly smallRuns: number;
}

const SCALES: Readonly<Record<Size, Scale>> = {
  quick: { small: 1_000, larger: [3_000], smallRuns: 1 },
  full: { small: 1_000, larger: [100_000, 1_000_000], smallRuns: 3 },
  long: { small: 1_000, larger: [100_000, 1_000_000], smallRuns: 5 },
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
  const figures: Figure[] = [
    {
      ...aloneFigure({ name: named(small), unit: 'MB', goal: null }, peaks),
      spread: spreadOf(peaks),
    },
  ];
  for (const rows of larger) {
    const peak = await peakOf(rows);
    const goal = rows >= GOAL_ROWS ? atMost('ratio', 1.3) : null;
    figures.push({
      ...aloneFigure(
        {
          name: named(rows),
          unit: 'MB',
          goal,
          note: 'On SQLite, without a rate limit; the resident memory of the whole process at its largest.',
        },
        [peak],
      ),
      peer: base,
      ratio: peak / base,
    });
  }
  return { peer: `a pass with ${named(small)}`, figures, tables: [] };
}
