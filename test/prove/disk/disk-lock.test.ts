import { expect, test } from 'vitest';
import { recordLane } from '../../support/proving.ts';
import { LOCK_CASES, runLockCase } from './disk-lock.ts';
import { openLedgerHarness } from './ledger-harness.ts';
import { startLockHolder } from './lock-holder.ts';

test(
  'another process holds the write lock: waited for, and no longer than the limit',
  { timeout: 120_000 },
  async () => {
    const harness = await openLedgerHarness();
    const holder = startLockHolder();
    const startedMs = performance.now();
    const violations: string[] = [];
    for (const each of LOCK_CASES) {
      const { exit, wrong } = await runLockCase(harness, holder, each);
      const unexpected = exit === each.exit ? [] : [`ended with ${exit} instead of ${each.exit}`];
      violations.push(
        ...[...unexpected, ...wrong].map(
          (what) => `${each.fixture}, locked from ${each.from}, released ${each.released}: ${what}`,
        ),
      );
    }
    recordLane({
      lane: 'disk',
      cases: LOCK_CASES.length,
      violations: violations.length,
      seconds: (performance.now() - startedMs) / 1000,
    });
    expect(violations).toEqual([]);
  },
);
