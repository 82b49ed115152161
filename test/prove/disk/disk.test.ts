import { expect, test } from 'vitest';
import { casesOf, recordLane } from '../../support/proving.ts';
import { SCENES } from './disk-case.ts';
import { caseNamed, countCalls, planCases, runDiskCase } from './disk-lane.ts';
import { LOCK_CASES } from './disk-lock.ts';
import { FAILURES, type Failure } from './failing-disk.ts';
import { openLedgerHarness } from './ledger-harness.ts';

const NAMED = process.env['PROVE_CASE'];
const ONLY = NAMED?.startsWith('disk | ') === true ? NAMED : undefined;

test(
  'a disk that fails at any call: nothing is charged twice, nothing is lost, and the exit code is true',
  { timeout: 3_600_000 },
  async () => {
    const harness = await openLedgerHarness();
    const startedMs = performance.now();
    const asked = casesOf('disk') - LOCK_CASES.length;
    const cases = ONLY === undefined ? await planCases(harness, asked) : [caseNamed(ONLY)];
    const violations: string[] = [];
    const counted: Record<string, number> = {};
    for (const each of cases) {
      const { exit, wrong } = await runDiskCase(harness, each);
      counted[`exit ${exit}`] = (counted[`exit ${exit}`] ?? 0) + 1;
      violations.push(...wrong);
    }
    recordLane({
      lane: 'disk',
      cases: cases.length,
      violations: violations.length,
      seconds: (performance.now() - startedMs) / 1000,
      counted,
    });
    expect(violations).toEqual([]);
    expect(cases).toHaveLength(ONLY === undefined ? asked : 1);
  },
);

const LOG_READ: Failure = {
  ...FAILURES.find(({ name }) => name === 'I/O error at a read')!,
  hits: ({ call, path }) => call === 'read' && path.endsWith('-wal'),
};
const CHARGE = SCENES.find(({ name }) => name === 'charge')!;

// The driver's layer for encrypted files took it for a success, and the log was thrown away.
test(
  'a read error while the log is moved into the ledger leaves the log where it is',
  { timeout: 60_000 },
  async () => {
    const harness = await openLedgerHarness();
    const calls = await countCalls(harness, CHARGE, LOG_READ);
    expect(calls).toBeGreaterThan(5);
    for (let from = 1; from <= calls; from += 3)
      expect(
        await runDiskCase(harness, { fixture: CHARGE, failure: LOG_READ, lasting: 'once', from }),
      ).toEqual({ exit: 0, wrong: [] });
  },
);

// It ended with 69, "nothing was recorded", and the next process found the row in the log.
test(
  'an fsync that fails at the first commit leaves a question, not a promise that nothing was recorded',
  { timeout: 60_000 },
  async () => {
    const harness = await openLedgerHarness();
    const failing = FAILURES.find(({ name }) => name === 'I/O error at an fsync')!;
    const first = await countCalls(
      harness,
      { ...CHARGE, run: (payrecon) => payrecon.status() },
      failing,
    );
    const firstOfCommit = first + 1;
    expect(
      await runDiskCase(harness, {
        fixture: CHARGE,
        failure: failing,
        lasting: 'until mended',
        from: firstOfCommit,
      }),
    ).toEqual({ exit: 75, wrong: [] });
    expect(
      await runDiskCase(harness, {
        fixture: CHARGE,
        failure: failing,
        lasting: 'once',
        from: firstOfCommit,
      }),
    ).toEqual({ exit: 0, wrong: [] });
  },
);
