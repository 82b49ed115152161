/*
 * Durations as people write them: `500ms`, `30s`, `5m`, `2h`, `7d`; a number and one unit, nothing
 * else. Milliseconds inside.
 */

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
type Unit = keyof typeof UNITS;

/** Ten years: longer is a typing mistake, and shorter always fits the integers of both databases. */
export const MAX_DURATION_MS = 3_650 * UNITS.d;

export type DurationResult =
  { readonly ok: true; readonly ms: number } | { readonly ok: false; readonly message: string };

/** `0` alone is also read, as the value that turns something off. */
export function parseDuration(text: string): DurationResult {
  if (text === '0') return { ok: true, ms: 0 };
  const match = /^(0|[1-9][0-9]{0,14})(ms|s|m|h|d)$/.exec(text);
  if (match === null)
    return {
      ok: false,
      message: 'write a whole number and a unit, such as 500ms, 30s, 5m, 2h or 7d',
    };
  const ms = Number(match[1]) * UNITS[match[2] as Unit];
  if (ms > MAX_DURATION_MS)
    return { ok: false, message: `it is longer than ${formatDuration(MAX_DURATION_MS)}` };
  return { ok: true, ms };
}

/** The shortest exact spelling: 90000 is `90s`, 120000 is `2m`. `parseDuration` reads it back. */
export function formatDuration(ms: number): string {
  if (!Number.isSafeInteger(ms) || ms < 0)
    throw new RangeError(`not a duration in whole milliseconds: ${String(ms)}`);
  if (ms === 0) return '0s';
  const units = Object.keys(UNITS) as Unit[];
  const unit = units.reverse().find((each) => ms % UNITS[each] === 0) ?? 'ms';
  return `${String(ms / UNITS[unit])}${unit}`;
}
