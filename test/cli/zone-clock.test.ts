import { describe, expect, it } from 'vitest';
import { parseTime } from '../../src/cli/parse-flags.ts';
import { zoneClock } from '../../src/cli/zone-clock.ts';
import { commandLine } from './support/command-line.ts';

/* Days and times in filters are those of the zone that is set. */

const NOW = Date.parse('2026-11-25T23:30:00Z');

function timeOf(text: string, timeZone: string): string {
  const read = parseTime(text, NOW, zoneClock(timeZone));
  return read.ok ? new Date(read.value).toISOString() : read.message;
}

describe('a time in a filter', () => {
  it.each([
    ['2026-11-25', 'UTC', '2026-11-25T00:00:00.000Z'],
    ['2026-11-25', 'Europe/Berlin', '2026-11-24T23:00:00.000Z'],
    ['2026-07-01', 'Europe/Berlin', '2026-06-30T22:00:00.000Z'],
    ['2026-11-25 09:00', 'UTC', '2026-11-25T09:00:00.000Z'],
    ['2026-11-25 09:00', 'Europe/Berlin', '2026-11-25T08:00:00.000Z'],
    ['2026-11-25T09:00:05', 'America/New_York', '2026-11-25T14:00:05.000Z'],
    ['2026-11-25T09:00:00Z', 'America/New_York', '2026-11-25T09:00:00.000Z'],
    ['2026-11-25 09:00:00+05:30', 'America/New_York', '2026-11-25T03:30:00.000Z'],
    // It is tomorrow already in Berlin.
    ['today', 'UTC', '2026-11-25T00:00:00.000Z'],
    ['today', 'Europe/Berlin', '2026-11-25T23:00:00.000Z'],
    ['yesterday', 'UTC', '2026-11-24T00:00:00.000Z'],
    ['yesterday', 'Europe/Berlin', '2026-11-24T23:00:00.000Z'],
    ['2h', 'Europe/Berlin', '2026-11-25T21:30:00.000Z'],
  ])('%s in %s is %s', (text, timeZone, instant) => {
    expect(timeOf(text, timeZone)).toBe(instant);
  });

  it('that the clock of the zone leaves out is no time; the day before it begins when it begins', () => {
    expect(timeOf('2026-03-29 02:30', 'Europe/Berlin')).toContain('there is no such time');
    expect(timeOf('2026-03-29 02:30', 'UTC')).toBe('2026-03-29T02:30:00.000Z');
    // Midnight is left out there.
    expect(timeOf('2026-09-06', 'America/Santiago')).toBe('2026-09-06T04:00:00.000Z');
    expect(timeOf('2026-02-30', 'Europe/Berlin')).toContain('there is no such time');
    expect(timeOf('25.11.2026', 'Europe/Berlin')).toContain('write a day');
  });

  it('is asked for in the zone of the settings', async () => {
    const page = { data: [], hasMore: false, nextCursor: null };
    const { calls } = await commandLine(['list', '--since', '2026-11-25'], {
      timeZone: 'Europe/Berlin',
      payrecon: { list: () => Promise.resolve(page) },
    });
    expect(calls[0]?.args[0]).toMatchObject({ since: Date.parse('2026-11-24T23:00:00Z') });
  });
});
