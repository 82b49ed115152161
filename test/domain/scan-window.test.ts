import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scanWindow, UNNOTICED_AHEAD_MS } from '../../src/domain/scan-window.ts';
import { aConfirmSent, aTransaction, NOW } from '../support/transactions.ts';

const DAY_MS = 86_400_000;
const YEARS_MS = 3 * 365 * DAY_MS;

/** Sent at that instant, stamped by a clock that was ahead by so much. */
function stamped(sentAt: number, aheadMs: number): { createdAt: number; createSentAt: number } {
  return { createdAt: sentAt + aheadMs, createSentAt: sentAt + aheadMs };
}

describe('the range of the list that is read for a row without an id', () => {
  it('holds the instant of the send, however old, and however far behind or ahead its clock was', () => {
    const ages = fc.integer({ min: 0, max: YEARS_MS });
    const ahead = fc.integer({ min: -YEARS_MS, max: YEARS_MS });
    fc.assert(
      fc.property(ages, ahead, fc.constantFrom(1, 2), (ageMs, aheadMs, attempt) => {
        // Beyond eight days it is seen as long as the row's time has not come.
        fc.pre(aheadMs <= UNNOTICED_AHEAD_MS || aheadMs > ageMs);
        const { from, to } = scanWindow(
          aTransaction({ ...stamped(NOW - ageMs, aheadMs), attempt }),
          NOW,
        );
        expect(from).toBeLessThanOrEqual(NOW - ageMs);
        expect(to).toBe(NOW);
      }),
      { numRuns: 1_000 },
    );
  });

  it('begins with the first attempt, though a later one is asked about', () => {
    const { from } = scanWindow(
      aTransaction({ createdAt: NOW - 90 * DAY_MS, createSentAt: NOW - DAY_MS, attempt: 2 }),
      NOW,
    );
    expect(from).toBeLessThanOrEqual(NOW - 90 * DAY_MS);
  });

  it('begins with the row where the ledger says that nothing was sent', () => {
    const { from } = scanWindow(
      aTransaction({ createdAt: NOW - 90 * DAY_MS, createSentAt: null, step: 'recorded' }),
      NOW,
    );
    expect(from).toBeLessThanOrEqual(NOW - 90 * DAY_MS);
  });

  it.each([
    ['settled', aConfirmSent({ ...stamped(NOW - 90 * DAY_MS, 0), status: 'succeeded' })],
    [
      "a person's to decide, for its key was used elsewhere",
      aTransaction({ ...stamped(NOW - 90 * DAY_MS, 0), keyConflictAt: NOW }),
    ],
  ])('is eight days where the row is %s: what it does not show decides nothing', (_why, row) => {
    expect(scanWindow(row, NOW)).toEqual({ from: NOW - 8 * DAY_MS, to: NOW });
  });
});
