import type { Instant } from '../../../domain/transaction.ts';
import { timeJson } from './json.ts';

const units = [
  { name: 'd', ms: 86_400_000 },
  { name: 'h', ms: 3_600_000 },
  { name: 'min', ms: 60_000 },
  { name: 's', ms: 1_000 },
] as const;

/** `2026-11-22 06:11:05Z`: to the second, in UTC, so that two people in two places read the same. */
export function absoluteTime(instant: Instant): string {
  return `${timeJson(instant).slice(0, 19).replace('T', ' ')}Z`;
}

/** `3 min ago`, `in 45 s`, `now`. */
export function relativeTime(instant: Instant, now: Instant): string {
  const distance = Math.abs(instant - now);
  const unit = units.find((each) => distance >= each.ms);
  if (unit === undefined) return 'now';
  const amount = `${String(Math.floor(distance / unit.ms))} ${unit.name}`;
  return instant > now ? `in ${amount}` : `${amount} ago`;
}

export function fullTime(instant: Instant, now: Instant): string {
  return `${absoluteTime(instant)} (${relativeTime(instant, now)})`;
}

/** How long something took: `850 ms`, `1.2 s`, `3 min 5 s`. */
export function lengthOfTime(ms: number): string {
  if (ms < 1_000) return `${String(Math.round(ms))} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  return `${String(Math.floor(ms / 60_000))} min ${String(Math.floor((ms % 60_000) / 1_000))} s`;
}
