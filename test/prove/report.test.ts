import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import type { LanePart } from '../support/proving.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { complaints, tableOf, totalsOf } from './report.ts';

const PARTS: readonly LanePart[] = [
  { lane: 'disk', cases: 40, violations: 0, seconds: 2, counted: { 'errors met': 40 } },
  { lane: 'power-cut', cases: 1_200, violations: 0, seconds: 6 },
  { lane: 'disk', cases: 20, violations: 0, seconds: 1.04, counted: { 'errors met': 19 } },
];

test('the parts of a lane are added up, and the table has a line a lane', () => {
  const totals = totalsOf(PARTS);
  expect(totals).toEqual([
    { lane: 'power-cut', cases: 1_200, violations: 0, seconds: 6, counted: {} },
    { lane: 'disk', cases: 60, violations: 0, seconds: 3.04, counted: { 'errors met': 59 } },
  ]);
  expect(
    tableOf(totals)
      .split('\n')
      .map((line) => line.replaceAll(/ +/g, ' ')),
  ).toEqual([
    '| Lane | Cases | Violations | Seconds | Cost of a case |',
    expect.stringMatching(/^\| -+ \| -+: \| -+: \| -+: \| -+: \|$/) as string,
    '| SQLite: images of a power cut | 1,200 | 0 | 6.0 | 5.0 ms |',
    '| SQLite: disk full, short write, I/O error, read-only, lock | 60 | 0 | 3.0 | 50.7 ms |',
  ]);
});

test('a lane that did not run, ran too little or found something is a complaint', () => {
  expect(complaints(totalsOf(PARTS), 'quick', ['power-cut', 'disk'])).toEqual([]);
  expect(complaints(totalsOf(PARTS), 'nightly', ['disk', 'races'])).toEqual([
    'disk: 60 cases ran of 600',
    'races: did not run',
  ]);
  const found = totalsOf([...PARTS, { lane: 'disk', cases: 1, violations: 2, seconds: 0 }]);
  expect(complaints(found, 'quick', ['disk'])).toEqual(['disk: 2 violations']);
});

test('`npm run prove` says so, and ends with 1', async () => {
  const file = join(await temporaryFolder(), 'figures.jsonl');
  appendFileSync(file, PARTS.map((part) => `${JSON.stringify(part)}\n`).join(''));
  const prove = (
    ...args: string[]
  ): Promise<{ exitCode?: number; stdout: string; stderr: string }> =>
    execa('npx', ['tsx', 'test/prove/prove.ts', '--report', file, ...args], { reject: false });
  const good = await prove('--quick', '--lane', 'disk');
  expect({ code: good.exitCode, said: good.stdout }).toEqual({
    code: 0,
    said: expect.stringContaining('59 errors met') as string,
  });
  const short = await prove('--nightly', '--lane', 'disk');
  expect({ code: short.exitCode, said: short.stderr }).toEqual({
    code: 1,
    said: expect.stringContaining('disk: 60 cases ran of 600') as string,
  });
  const wrong = await prove('--lane', 'discs');
  expect({ code: wrong.exitCode, said: wrong.stderr }).toEqual({
    code: 2,
    said: expect.stringContaining('--lane discs: one of') as string,
  });
});
