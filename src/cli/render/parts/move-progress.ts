import type { MoveProgress } from '../../../app/ports.ts';
import type { Output } from '../../streams.ts';
import { shorten } from './columns.ts';
import { createTheme } from './theme.ts';

/** The line is written anew so often at most. */
const REDRAW_MS = 200;
const CLEAR_LINE = '\r\u001b[K';

export interface MoveProgressLine {
  readonly show: (progress: MoveProgress) => void;
  /** Takes the line away, before something else is written. */
  readonly clear: () => void;
}

/** One line at the foot of a terminal while a ledger is moved. */
export function openMoveProgress(output: Output, nowMs: () => number): MoveProgressLine {
  const theme = createTheme(output);
  let drawn: { readonly part: MoveProgress['part']; readonly atMs: number } | null = null;
  return {
    show(progress) {
      const atMs = nowMs();
      const isNew = drawn?.part !== progress.part;
      if (drawn !== null && !isNew && atMs - drawn.atMs < REDRAW_MS) return;
      drawn = { part: progress.part, atMs };
      output.write(CLEAR_LINE + theme.faint(shorten(lineOf(progress), output.columns - 1)));
    },
    clear() {
      if (drawn !== null) output.write(CLEAR_LINE);
      drawn = null;
    },
  };
}

function lineOf({ part, done, rows }: MoveProgress): string {
  if (part === 'verifying') return `verifying ${String(rows)} rows`;
  const percent = rows === 0 ? 100 : Math.floor((100 * Math.min(done, rows)) / rows);
  return `${part} · ${String(done)} of ${String(rows)} rows · ${String(percent)} %`;
}
