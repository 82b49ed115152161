import type { Instant } from '../../../domain/transaction.ts';
import type { Output } from '../../streams.ts';
import { timeJson } from './json.ts';

const units = [
  { name: 'd', ms: 86_400_000 },
  { name: 'h', ms: 3_600_000 },
  { name: 'min', ms: 60_000 },
  { name: 's', ms: 1_000 },
] as const;

type Reader = Pick<Output, 'timeZone'>;

/** `2026-11-22 06:11:05Z`, in another zone than UTC `2026-11-22 07:11:05 +01:00`: two people in two places read the same. */
export function absoluteTime(instant: Instant, { timeZone = 'UTC' }: Reader): string {
  if (timeZone === 'UTC') return `${secondsOf(instant)}Z`;
  const parts = partsIn(timeZone).formatToParts(instant);
  const offset =
    parts
      .find(({ type }) => type === 'timeZoneName')
      ?.value.replace('GMT', '')
      .replace('\u2212', '-') ?? '';
  const shown = parts.filter(({ type }) => type !== 'timeZoneName').map(({ value }) => value);
  return `${shown.join('').replace(',', '').trim()} ${offset === '' ? '+00:00' : offset}`;
}

function secondsOf(instant: Instant): string {
  return timeJson(instant).slice(0, 19).replace('T', ' ');
}

/** Made once for a zone: a page of a thousand payments asks for each of its times. */
const FORMATS = new Map<string, Intl.DateTimeFormat>();

function partsIn(timeZone: string): Intl.DateTimeFormat {
  const known = FORMATS.get(timeZone) ?? newFormat(timeZone);
  FORMATS.set(timeZone, known);
  return known;
}

/** Sweden writes its dates as ISO 8601 does. */
function newFormat(timeZone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat('sv-SE', {
    timeZone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    timeZoneName: 'longOffset',
  });
}

/** `3 min ago`, `in 45 s`, `now`. */
export function relativeTime(instant: Instant, now: Instant): string {
  const distance = Math.abs(instant - now);
  const unit = units.find((each) => distance >= each.ms);
  if (unit === undefined) return 'now';
  const amount = `${String(Math.floor(distance / unit.ms))} ${unit.name}`;
  return instant > now ? `in ${amount}` : `${amount} ago`;
}

export function fullTime(instant: Instant, now: Instant, reader: Reader): string {
  return `${absoluteTime(instant, reader)} (${relativeTime(instant, now)})`;
}

/** How long something took: `850 ms`, `1.2 s`, `3 min 5 s`. */
export function lengthOfTime(ms: number): string {
  if (ms < 1_000) return `${String(Math.round(ms))} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  return `${String(Math.floor(ms / 60_000))} min ${String(Math.floor((ms % 60_000) / 1_000))} s`;
}
