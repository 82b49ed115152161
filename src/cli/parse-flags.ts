import { PayreconError, type Problem } from '../domain/errors.ts';
import { parseDuration } from '../domain/duration.ts';
import type { Instant } from '../domain/transaction.ts';

export type Read<Value> =
  { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly message: string };

const dateTime = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?([Zz]|[+-]\d{2}:\d{2})$/;
const localTime = /^\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2})?)?$/;
const timeHelp =
  'write a day (2026-01-31, today, yesterday), a time ("2026-01-31 09:30"; in another zone than yours 2026-01-31T09:30:00Z) or an age (2h, 7d)';

/** Finds instants by the clock of a zone. */
export interface ZoneClock {
  /** The beginning of the day of an instant, that many days later. */
  startOfDay(at: Instant, days: number): Instant;
  /** `2026-01-31` or `2026-01-31T09:30:00`: null where that clock never shows it. */
  at(local: string): Instant | null;
}

/** A day (its beginning) or a time by the zone's clock, an RFC 3339 time, or an age counted back from now. */
export function parseTime(text: string, now: Instant, zone: ZoneClock): Read<Instant> {
  const age = parseDuration(text);
  if (age.ok) return { ok: true, value: now - age.ms };
  if (text === 'today') return { ok: true, value: zone.startOfDay(now, 0) };
  if (text === 'yesterday') return { ok: true, value: zone.startOfDay(now, -1) };
  if (localTime.test(text)) {
    const found = sameDay(text) ? zone.at(text.replace(' ', 'T')) : null;
    return found === null
      ? { ok: false, message: `there is no such time; ${timeHelp}` }
      : { ok: true, value: found };
  }
  if (!dateTime.test(text)) return { ok: false, message: timeHelp };
  const value = Date.parse(text.replace(' ', 'T').toUpperCase());
  if (Number.isNaN(value) || !sameDay(text))
    return { ok: false, message: `there is no such time; ${timeHelp}` };
  return { ok: true, value };
}

/** `Date` takes February 30 for March 2. */
function sameDay(text: string): boolean {
  const date = text.slice(0, 10);
  return new Date(`${date}T00:00:00Z`).toISOString().startsWith(date);
}

/** A whole number from 1 to `largest`. */
export function parseCount(text: string, largest: number): Read<number> {
  const value = /^[1-9][0-9]{0,9}$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= largest) return { ok: true, value };
  return { ok: false, message: `write a whole number from 1 to ${String(largest)}` };
}

/** The flag's number, or what it is without the flag. */
export function readCount(
  flag: string,
  text: string | undefined,
  standard: number,
  largest: number,
): number {
  if (text === undefined) return standard;
  const read = parseCount(text, largest);
  return read.ok ? read.value : raise([{ field: flag, message: read.message }]);
}

/** Ends the command over flags that cannot be used; nothing was opened yet. */
export function raise(problems: readonly Problem[]): never {
  throw new PayreconError('invalid_flag', 'These flags cannot be used; nothing was done.', {
    problems,
  });
}
