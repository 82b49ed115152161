import type { JudgedFigure } from './figures.ts';

/** As Markdown, numbers to the right; read as it is in a terminal. */
export function markdown(
  head: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string {
  const cells = rows.map((row) =>
    row.map((cell) => (typeof cell === 'number' ? plainNumber(cell) : cell.replaceAll('|', '\\|'))),
  );
  const right = head.map(
    (_, column) =>
      column > 0 &&
      cells.length > 0 &&
      cells.every((row) => /^$|^[-+]?[\d.,]+( \S{1,2})?$/u.test(row[column] ?? '')),
  );
  const widths = head.map((name, column) =>
    Math.max(3, name.length, ...cells.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    `| ${head.map((_, column) => (right[column] === true ? (row[column] ?? '').padStart(widths[column] ?? 0) : (row[column] ?? '').padEnd(widths[column] ?? 0))).join(' | ')} |`;
  const rule = `| ${widths.map((width, column) => (right[column] === true ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width))).join(' | ')} |`;
  return [line(head), rule, ...cells.map(line)].join('\n');
}

/** Three digits that matter, or all of a whole number. */
export function plainNumber(value: number): string {
  if (!Number.isFinite(value)) return 'none';
  if (Number.isInteger(value) || Math.abs(value) >= 100)
    return Math.round(value).toLocaleString('en-US');
  return value.toLocaleString('en-US', { maximumSignificantDigits: 3 });
}

export function times(ratio: number): string {
  if (ratio < 0.1) return `${ratio.toLocaleString('en-US', { maximumSignificantDigits: 2 })} x`;
  const few = ratio < 100 ? 1 : 0;
  const digits = ratio < 10 ? 2 : few;
  return `${ratio.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })} x`;
}

export function withUnit(value: number, unit: string): string {
  return unit === '' ? plainNumber(value) : `${plainNumber(value)} ${unit}`;
}

export const FIGURE_HEAD = ['figure', 'payrecon', 'peer', 'ratio', 'from .. to', 'goal', ''];

export function figureRow(figure: JudgedFigure): readonly string[] {
  const { name, unit, ours, peer, ratio, spread, goal } = figure;
  const ofRatio = goal === null ? ratio !== null : goal.of === 'ratio';
  const shown = (value: number): string => (ofRatio ? times(value) : plainNumber(value));
  return [
    name,
    withUnit(ours, unit),
    peer === null ? '' : withUnit(peer, unit),
    ratio === null ? '' : times(ratio),
    spread === null ? '' : `${shown(spread[0])} .. ${shown(spread[1])}`,
    goalText(figure),
    verdict(figure),
  ];
}

export function goalText({ goal, unit }: JudgedFigure): string {
  if (goal === null) return '';
  return `${goal.direction} ${goal.of === 'ratio' ? times(goal.value) : withUnit(goal.value, unit)}`;
}

export function verdict({ reached }: JudgedFigure): string {
  if (reached === null) return '';
  return reached ? 'reached' : '**missed**';
}

/** A table as it stands in the output of a script, by its head; cells without their Markdown. */
export function readTable(text: string): readonly Readonly<Record<string, string>>[] {
  const lines = text.split('\n').filter((line) => line.startsWith('|'));
  const cellsOf = (line: string): string[] =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.replaceAll(/[`*]/gu, '').trim());
  const [head, , ...rows] = lines.map(cellsOf);
  return rows.map((row) =>
    Object.fromEntries((head ?? []).map((name, column) => [name, row[column] ?? ''])),
  );
}
