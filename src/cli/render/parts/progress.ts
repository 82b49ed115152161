import type { Output } from '../../streams.ts';
import { shorten } from './columns.ts';
import { createTheme } from './theme.ts';
import { lengthOfTime } from './time.ts';

/** The line is written anew so often at most, whatever the rows do. */
const REDRAW_MS = 200;
/** The rate is that of the last while: what was known before goes by faster than what is charged. */
const WINDOW_MS = 20_000;
const SAMPLE_MS = 500;

export interface Progress {
  /** A row has ended; so much of the file was read with it. */
  row(endsAtByte: number): void;
  /** Takes the line away, before something else is written. */
  clear(): void;
  elapsedMs(): number;
}

interface Sample {
  readonly atMs: number;
  readonly rows: number;
  readonly bytes: number;
}

/** One line at the foot of a terminal: how many, how fast, how long still. Nothing at all where nobody looks. */
export function openProgress(output: Output, size: number | null, nowMs: () => number): Progress {
  const startedMs = nowMs();
  const theme = createTheme(output);
  const samples: Sample[] = [{ atMs: startedMs, rows: 0, bytes: 0 }];
  let rows = 0;
  let bytes = 0;
  let drawnAtMs = startedMs;
  let shown = '';

  const draw = (): void => {
    if (shown !== '') output.write(theme.faint(shown));
  };
  return {
    row(endsAtByte) {
      rows += 1;
      bytes = Math.max(bytes, endsAtByte);
      if (!output.isTerminal) return;
      const atMs = nowMs();
      if (atMs - (samples.at(-1)?.atMs ?? 0) >= SAMPLE_MS) samples.push({ atMs, rows, bytes });
      while (samples.length > 1 && atMs - (samples[0]?.atMs ?? atMs) > WINDOW_MS) samples.shift();
      if (atMs - drawnAtMs >= REDRAW_MS) {
        drawnAtMs = atMs;
        shown = shorten(
          progressText(
            { atMs, rows, bytes },
            samples[0] ?? { atMs: startedMs, rows: 0, bytes: 0 },
            size,
          ),
          output.columns - 1,
        );
      }
      draw();
    },
    clear() {
      if (shown !== '') output.write('\r\u001b[K');
    },
    elapsedMs: () => nowMs() - startedMs,
  };
}

/** `1234 lines · 24.8/s · 41 % · 2 min 5 s left`. */
export function progressText(now: Sample, before: Sample, size: number | null): string {
  const seconds = (now.atMs - before.atMs) / 1_000;
  const parts = [`${String(now.rows)} lines`];
  if (seconds > 0) parts.push(`${((now.rows - before.rows) / seconds).toFixed(1)}/s`);
  if (size !== null && size > 0)
    parts.push(`${String(Math.floor((100 * Math.min(now.bytes, size)) / size))} %`);
  const bytesASecond = (now.bytes - before.bytes) / seconds;
  if (size !== null && bytesASecond > 0)
    parts.push(`${lengthOfTime(Math.max(0, ((size - now.bytes) / bytesASecond) * 1_000))} left`);
  return parts.join(' · ');
}
