import type { Output } from '../../streams.ts';
import { escapeText } from './escape.ts';
import { widthOf } from './columns.ts';
import type { Paint, Theme } from './theme.ts';
import { wrap } from './wrap.ts';

export interface Line {
  readonly label: string;
  /** Null and empty lines are left out. */
  readonly value: string | null;
  readonly paint?: Paint;
}

const margin = 2;
const gap = 2;
/** The same for every block, so that blocks below each other line up. */
const labelWidth = 10;

/** Labels beside values. Values are wrapped and never shortened: this is where a person looks for the whole. */
export function block(
  lines: readonly Line[],
  theme: Theme,
  { columns }: Pick<Output, 'columns'>,
): string {
  const shown = lines.filter((line) => line.value !== null && line.value !== '');
  const width = Math.max(labelWidth, ...shown.map((line) => widthOf(line.label)));
  const before = margin + width + gap;
  return shown
    .map(({ label, value, paint }) => {
      const text = wrap(escapeText(value ?? ''), columns - before, before);
      return `${' '.repeat(margin)}${theme.faint(label.padEnd(width))}${' '.repeat(gap)}${paint?.(text) ?? text}\n`;
    })
    .join('');
}
