import { join } from 'node:path';
import { expect, test } from 'vitest';
import { casesOf, recordLane } from '../../support/proving.ts';
import { COMMANDS } from '../commands.ts';
import { Disk } from './disk-image.ts';
import { checkImage, promisesOf } from './image-check.ts';
import { openLedgerHarness } from './ledger-harness.ts';
import { IMAGES_A_RUN, runImages } from './power-cut-lane.ts';
import { record } from './power-cut-run.ts';

/** `power-cut RUN.IMAGE`, as a violation names it, or `power-cut RUN`: all images of a run. */
const ONLY = /^power-cut (\d+)(?:\.(\d+))?$/.exec(process.env['PROVE_CASE'] ?? '');

test(
  'whatever part of the unsynced writes a power cut leaves, every acknowledged step is there',
  { timeout: 3_600_000 },
  async () => {
    const harness = await openLedgerHarness();
    const cases = ONLY === null ? casesOf('power-cut') : 1;
    const startedMs = performance.now();
    const violations: string[] = [];
    let ran = 0;
    let recovered = 0;
    for (let run = Number(ONLY?.[1] ?? 0); ran < cases; run += 1) {
      const report = await runImages(
        harness,
        run,
        IMAGES_A_RUN,
        ONLY?.[2] === undefined ? null : Number(ONLY[2]),
      );
      ran += report.images;
      recovered += report.recovered;
      violations.push(...report.wrong);
    }
    recordLane({
      lane: 'power-cut',
      cases: ran,
      violations: violations.length,
      seconds: (performance.now() - startedMs) / 1000,
      counted: { 'recovered with Stripe': recovered },
    });
    expect(violations).toEqual([]);
    expect(ran).toBeGreaterThanOrEqual(cases);
  },
);

test('a ledger in folders that were just made is there after a power cut, as soon as the first charge is', async () => {
  const harness = await openLedgerHarness();
  const recording = await record(harness, COMMANDS[0]!, {
    step: Number.MAX_SAFE_INTEGER,
    when: 'after',
  });
  const { entries, folder } = recording;
  const image = Disk.after(entries, folder).image('nothing', () => 0);
  expect([...image.keys()].filter((path) => !path.endsWith('-wal'))).toEqual([
    join('payments', 'data', 'ledger.db'),
  ]);
  expect(
    await checkImage(harness, {
      recording,
      promises: await promisesOf(harness, recording),
      after: entries.length,
      image,
    }),
  ).toEqual([]);
  await harness.end();
});
