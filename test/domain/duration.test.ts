import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDuration, MAX_DURATION_MS, parseDuration } from '../../src/domain/duration.ts';

describe('parseDuration', () => {
  it.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['7d', 604_800_000],
    ['0', 0],
    ['0s', 0],
    ['3650d', MAX_DURATION_MS],
  ])('reads %s as %d ms', (text, ms) => {
    expect(parseDuration(text)).toEqual({ ok: true, ms });
  });

  it.each([
    '',
    '5',
    '5 m',
    ' 5m',
    '5m ',
    '5M',
    '-5m',
    '+5m',
    '1.5h',
    '1h30m',
    '05m',
    'm',
    '5min',
    '5w',
    '1e3s',
    '٥m',
    'Infinitys',
    '5m\n',
  ])('refuses %j and says how to write one', (text) => {
    expect(parseDuration(text)).toEqual({
      ok: false,
      message: expect.stringContaining('such as 500ms, 30s, 5m, 2h or 7d') as string,
    });
  });

  it.each(['3651d', '999999999999999d', '999999999999999s'])('refuses %s as too long', (text) => {
    expect(parseDuration(text)).toEqual({ ok: false, message: 'it is longer than 3650d' });
  });
});

describe('formatDuration', () => {
  it.each([
    [0, '0s'],
    [1, '1ms'],
    [1_500, '1500ms'],
    [90_000, '90s'],
    [120_000, '2m'],
    [86_400_000, '1d'],
    [90_000_000, '25h'],
  ])('writes %d ms as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it('is read back to the same number', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: MAX_DURATION_MS }), (ms) => {
        expect(parseDuration(formatDuration(ms))).toEqual({ ok: true, ms });
      }),
    );
  });

  it.each([-1, 0.5, Number.NaN, Infinity])('does not write %d', (ms) => {
    expect(() => formatDuration(ms)).toThrow(RangeError);
  });
});
