// Few of a window's payments are pending: calls against both pure ways, pages of the whole window and a retrieve each. Both
// are counted, not run: how many calls they take is known beforehand.
import { runPayrecon } from '../backlog-run.ts';
import {
  aloneFigure,
  atMost,
  median,
  type Figure,
  type Measured,
  type Size,
  type Table,
} from './figures.ts';

/** Of the payments in the window, how many are pending, and how many those are. */
const CASES: Readonly<Record<Size, readonly (readonly [share: number, pending: number])[]>> = {
  quick: [
    [0.01, 100],
    [0.1, 300],
  ],
  full: [
    [0.001, 100],
    [0.005, 500],
    [0.01, 1_000],
    [0.02, 2_000],
    [0.1, 5_000],
    [0.5, 10_000],
  ],
  long: [
    [0.001, 200],
    [0.005, 500],
    [0.01, 1_000],
    [0.02, 2_000],
    [0.1, 10_000],
    [0.5, 50_000],
  ],
};
const RUNS: Readonly<Record<Size, number>> = { quick: 1, full: 1, long: 3 };
const A_PAGE = 100;

export async function run(size: Size): Promise<Measured> {
  const figures: Figure[] = [];
  const rows: (string | number)[][] = [];
  for (const [share, pending] of CASES[size]) {
    const pages = Math.ceil(pending / share / A_PAGE);
    const better = Math.min(pages, pending);
    const calls: number[] = [];
    for (let one = 0; one < RUNS[size]; one += 1) {
      const run = await runPayrecon(
        { rows: pending, share, limited: false, daemons: null, profile: null },
        null,
      );
      calls.push(run.calls.list + run.calls.retrieve);
    }
    const percent = `${String(100 * share)} %`;
    const alone = aloneFigure(
      { name: `${percent} pending`, unit: 'calls', goal: atMost('ratio', 1.1) },
      calls,
    );
    figures.push({ ...alone, peer: better, ratio: median(calls) / better, spread: null });
    rows.push([percent, Math.round(pending / share), pending, median(calls), pages, pending]);
  }
  const table: Table = {
    title: 'Calls',
    head: [
      'pending',
      'payments in the window',
      'of them pending',
      'payrecon',
      'pages of all',
      'a retrieve each',
    ],
    rows,
  };
  return {
    peer: 'the better of both pure ways: pages of the whole window, or a retrieve each',
    figures,
    tables: [table],
  };
}
