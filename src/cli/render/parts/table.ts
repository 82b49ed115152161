import Table from 'cli-table3';
import { escapeText } from './escape.ts';
import { type Column, fitColumns, shorten, widthOf } from './columns.ts';
import type { Paint, Theme } from './theme.ts';

export interface Cell {
  readonly text: string;
  readonly paint?: Paint;
}

const gap = 2;

/** No frame: rows can be read, searched and copied; the columns stand two places apart. */
const noFrame = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: ' '.repeat(gap),
} as const;

/** A table no wider than `available` places; what has no room is shortened or left out. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  available: number,
  theme: Theme,
): string {
  const texts = rows.map((row) => row.map((cell) => escapeText(cell.text)));
  const wanted = columns.map((column, index) => {
    const widest = texts.reduce((most, row) => Math.max(most, widthOf(row[index] ?? '')), 0);
    return widest === 0 ? 0 : Math.max(widest, widthOf(column.title));
  });
  const fitted = fitColumns(columns, wanted, available, gap);
  const drawn = new Table({
    head: fitted.map(({ index, width }) =>
      theme.faint(shorten(columns[index]?.title ?? '', width)),
    ),
    colAligns: fitted.map(({ index }) => columns[index]?.align ?? 'left'),
    chars: noFrame,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  });
  for (const [at, row] of rows.entries()) {
    drawn.push(
      fitted.map(({ index, width }) => {
        const text = shorten(texts[at]?.[index] ?? '', width, columns[index]?.shorten);
        return row[index]?.paint?.(text) ?? text;
      }),
    );
  }
  return `${drawn
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')}\n`;
}
