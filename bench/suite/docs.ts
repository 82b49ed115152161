import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { BENCHMARKS, type BenchmarkName } from './benchmark.ts';
import { svgOf, type Bar, type Chart } from './chart.ts';
import { shareOfGoal, type JudgedFigure } from './figures.ts';
import type { Machine, Outcome, Results } from './results.ts';
import { FIGURE_HEAD, figureRow, goalText, markdown, times, verdict, withUnit } from './show.ts';

/** What is made from the results, by path; each file is written only between its marks, the plots wholly. */
export function documents(
  results: Results,
  read: (path: string) => string,
): Readonly<Record<string, string>> {
  return {
    'docs/benchmarks.md': results.benchmarks.reduce(
      (text, outcome) => between(text, outcome.name, sectionOf(outcome)),
      between(
        between(read('docs/benchmarks.md'), 'machine', machineLine(results.machine)),
        'measured',
        goalsTable(results),
      ),
    ),
    'docs/benchmarks-goals.svg': svgOf(goalsChart(results)),
    'docs/benchmarks-speed.svg': svgOf(speedChart(results)),
  };
}

const root = new URL('../../', import.meta.url);

export function readDocument(path: string): string {
  return readFileSync(fileURLToPath(new URL(path, root)), 'utf8');
}

export function writeDocs(results: Results): void {
  for (const [path, text] of Object.entries(documents(results, readDocument)))
    writeFileSync(fileURLToPath(new URL(path, root)), text);
}

/** @throws an Error where the marks are missing: then nobody would read what was made. */
export function between(text: string, name: string, made: string): string {
  const marks = new RegExp(`(<!-- ${name}: .*? -->\\n)[\\s\\S]*?(<!-- /${name} -->)`, 'u');
  if (!marks.test(text)) throw new Error(`no place for ${name}`);
  return text.replace(marks, (_, open: string, close: string) => `${open}${made}\n${close}`);
}

function machineLine({ cpu, cores, memoryGigabytes, node, sqlite, postgres }: Machine): string {
  return `${cpu}, ${String(cores)} cores, ${String(memoryGigabytes)} GB; Node ${node}, SQLite ${sqlite}, PostgreSQL ${postgres}, both with full durability.`;
}

function figuresWithGoals({
  benchmarks,
}: Results): readonly (readonly [BenchmarkName, JudgedFigure])[] {
  return benchmarks.flatMap(({ name, measured }) =>
    (measured?.figures ?? [])
      .filter(({ goal }) => goal !== null)
      .map((figure) => [name, figure] as const),
  );
}

function goalsTable(results: Results): string {
  const shown = (figure: JudgedFigure): string =>
    figure.goal?.of === 'ratio' && figure.ratio !== null
      ? times(figure.ratio)
      : withUnit(figure.ours, figure.unit);
  const rows = figuresWithGoals(results).map(([name, figure]) => [
    `${BENCHMARKS[name].title}: ${figure.name}`,
    shown(figure),
    goalText(figure),
    verdict(figure),
  ]);
  const failed = results.benchmarks
    .filter(({ measured }) => measured === null)
    .map(({ name }) => [BENCHMARKS[name].title, '', '', '**not measured**']);
  return markdown(['figure', 'measured', 'goal', ''], [...rows, ...failed]);
}

function sectionOf({ size, seconds, failed, measured }: Outcome): string {
  if (measured === null) return `Failed: ${failed ?? 'nothing was measured'}`;
  const notes = [...new Set(measured.figures.map(({ note }) => note))].filter(
    (note) => note !== '',
  );
  return [
    `${measured.peer === '' ? '' : `Compared with ${measured.peer}. `}Size ${size}, ${seconds.toFixed(0)} s in all.`,
    '',
    markdown(FIGURE_HEAD, measured.figures.map(figureRow)),
    ...notes.flatMap((note) => ['', note]),
    ...measured.tables.flatMap(({ title, head, rows }) => [
      '',
      `${title}:`,
      '',
      markdown(head, rows),
    ]),
  ].join('\n');
}

function goalsChart(results: Results): Chart {
  const groups = new Map<BenchmarkName, Bar[]>();
  for (const [name, figure] of figuresWithGoals(results)) {
    const share = shareOfGoal(figure);
    if (share === null) continue;
    const bars = groups.get(name) ?? [];
    bars.push({
      label: figure.name,
      value: share,
      text: `${(100 * share).toFixed(0)} %`,
      series: figure.reached === true ? 0 : 1,
    });
    groups.set(name, bars);
  }
  return {
    title: 'How much of each goal is used',
    subtitle: 'Left of the line the goal is reached, whether it is a largest or a smallest figure',
    series: ['reached', 'missed'],
    scale: 'linear',
    groups: [...groups].map(([name, bars]) => ({ title: BENCHMARKS[name].title, bars })),
    mark: { at: 1, text: 'goal' },
  };
}

/** Payments a second, ours and the peer's, where both were measured. */
function speedChart({ benchmarks }: Results): Chart {
  const groups = benchmarks.flatMap(({ name, measured }) => {
    const bars = (measured?.figures ?? [])
      .filter(({ unit, peer }) => unit === '/s' && peer !== null)
      .flatMap((figure): Bar[] => {
        const bar = (value: number, series: number): Bar => ({
          label: series === 0 ? figure.name : '',
          value,
          text: `${withUnit(value, '/s')}${series === 0 && figure.ratio !== null ? ` (${times(figure.ratio)})` : ''}`,
          series,
        });
        return [bar(figure.ours, 0), bar(figure.peer ?? 0, 1)];
      });
    return bars.length === 0 ? [] : [{ title: BENCHMARKS[name].title, bars }];
  });
  return {
    title: 'Payments a second',
    subtitle: 'Logarithmic scale; ratios are medians of paired runs',
    series: ['payrecon', 'peer'],
    groups,
    scale: 'logarithmic',
    mark: null,
  };
}
