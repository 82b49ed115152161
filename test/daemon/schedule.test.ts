import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { dueIn, onSchedule } from '../../src/daemon/schedule.ts';

/* A schedule goes by the clock of its zone, and no change of that clock takes a pass away. */

const MINUTE_MS = 60_000;
const DAY_MINUTES = 24 * 60;

/** Minutes of a day in UTC at which the schedule is due, as `HH:MM`. */
function dueOn(day: string, expression: string, timeZone: string): readonly string[] {
  const isDue = dueIn({ expression, timeZone });
  const from = Date.parse(`${day}T00:00:00Z`);
  return Array.from({ length: DAY_MINUTES }, (_, minute) => from + minute * MINUTE_MS)
    .filter(isDue)
    .map((at) => new Date(at).toISOString().slice(11, 16));
}

/** Clocks are put back and forward. */
const CHANGES = [
  ['Europe/Berlin', '2026-10-25'],
  ['Europe/Berlin', '2026-03-29'],
  ['America/New_York', '2026-11-01'],
  ['America/New_York', '2026-03-08'],
  ['Australia/Lord_Howe', '2026-04-04'],
  ['Australia/Lord_Howe', '2026-10-03'],
] as const;

describe('a schedule', () => {
  it.each(CHANGES)('of every minute misses none in %s on %s', (timeZone, day) => {
    expect(dueOn(day, '* * * * *', timeZone)).toHaveLength(DAY_MINUTES);
  });

  it('of an hour of the day is due at that hour of the zone, in summer and in winter', () => {
    expect(dueOn('2026-07-01', '30 9 * * *', 'Europe/Berlin')).toEqual(['07:30']);
    expect(dueOn('2026-12-01', '30 9 * * *', 'Europe/Berlin')).toEqual(['08:30']);
    expect(dueOn('2026-12-01', '30 9 * * *', 'UTC')).toEqual(['09:30']);
    expect(dueOn('2026-12-01', '0 0 * * 2', 'Asia/Kolkata')).toEqual([]);
    expect(dueOn('2026-11-30', '0 0 * * 2', 'Asia/Kolkata')).toEqual(['18:30']);
  });

  it('of an hour that is left out is due right after it, once, and of one that comes twice, twice', () => {
    expect(dueOn('2026-03-29', '15,30 2 * * *', 'Europe/Berlin')).toEqual(['01:00']);
    expect(dueOn('2026-10-25', '30 2 * * *', 'Europe/Berlin')).toEqual(['00:30', '01:30']);
  });

  it('with seconds is looked at each second', () => {
    const isDue = dueIn({ expression: '*/20 * * * * *', timeZone: 'Europe/Berlin' });
    const from = Date.parse('2026-10-25T00:59:50Z');
    const due = Array.from({ length: 60 }, (_, second) => from + second * 1_000).filter(isDue);
    expect(due.map((at) => new Date(at).getUTCSeconds())).toEqual([0, 20, 40]);
  });

  it.each(['UTC', 'America/New_York'])('ticks in %s', async (timeZone) => {
    let ticks = 0;
    const task = onSchedule({ expression: '* * * * * *', timeZone }, () => (ticks += 1));
    await task.start();
    while (ticks === 0) await wait(20);
    await task.destroy();
    expect(ticks).toBeGreaterThan(0);
  });
});
