import { readFileSync } from 'node:fs';
import { LANES, type LaneName, type LanePart, type Size } from '../support/proving.ts';

/** What a lane's parts come to. */
export interface LaneTotal {
  readonly lane: LaneName;
  readonly cases: number;
  readonly violations: number;
  /** Of all parts together, although two of them may have run side by side. */
  readonly seconds: number;
  readonly counted: Readonly<Record<string, number>>;
}

/** A line a part, as `recordLane` leaves them. */
export function readParts(file: string): readonly LanePart[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as LanePart);
}

export function totalsOf(parts: readonly LanePart[]): readonly LaneTotal[] {
  const names = Object.keys(LANES) as LaneName[];
  return names.flatMap((lane) => {
    const own = parts.filter((part) => part.lane === lane);
    return own.length === 0
      ? []
      : [own.reduce(added, { lane, cases: 0, violations: 0, seconds: 0, counted: {} })];
  });
}

function added(total: LaneTotal, part: LanePart): LaneTotal {
  const counted = { ...total.counted };
  for (const [what, count] of Object.entries(part.counted ?? {}))
    counted[what] = (counted[what] ?? 0) + count;
  return {
    ...total,
    cases: total.cases + part.cases,
    violations: total.violations + part.violations,
    seconds: total.seconds + part.seconds,
    counted,
  };
}

/** Lanes that did not run, ran fewer cases than their size asks for, or found something. */
export function complaints(
  totals: readonly LaneTotal[],
  size: Size,
  wanted: readonly LaneName[],
): readonly string[] {
  return wanted.flatMap((lane) => {
    const total = totals.find((each) => each.lane === lane);
    if (total === undefined) return [`${lane}: did not run`];
    const least = LANES[lane].cases[size];
    return [
      ...(total.cases < least ? [`${lane}: ${total.cases} cases ran of ${least}`] : []),
      ...(total.violations > 0 ? [`${lane}: ${total.violations} violations`] : []),
    ];
  });
}

const HEAD = ['Lane', 'Cases', 'Violations', 'Seconds', 'Cost of a case'];

function cellsOf({ lane, cases, violations, seconds }: LaneTotal): string[] {
  const ms = (1_000 * seconds) / Math.max(1, cases);
  return [
    LANES[lane].title,
    cases.toLocaleString('en-US'),
    String(violations),
    seconds.toFixed(1),
    ms < 1_000 ? `${ms.toFixed(1)} ms` : `${(ms / 1_000).toFixed(1)} s`,
  ];
}

/** As Markdown, the numbers to the right: read as it is in a terminal, and set in the README. */
export function tableOf(totals: readonly LaneTotal[]): string {
  const rows = totals.map(cellsOf);
  const widths = HEAD.map((head, column) =>
    Math.max(head.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join(' | ')} |`;
  const rule = `| ${widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  return [line(HEAD), rule, ...rows.map(line)].join('\n');
}

/** What else the lanes counted, a line each. */
export function countedLines(totals: readonly LaneTotal[]): readonly string[] {
  return totals.flatMap(({ lane, counted }) => {
    const counts = Object.entries(counted).map(
      ([what, count]) => `${count.toLocaleString('en-US')} ${what}`,
    );
    return counts.length === 0 ? [] : [`${LANES[lane].title}: ${counts.join(', ')}`];
  });
}
