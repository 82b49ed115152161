import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planScans } from '../../../src/stripe/look-up/run.ts';
import { stretchesBehind } from '../../../src/stripe/look-up/scan.ts';
import { query } from '../samples.ts';

describe('the scans for payments without an id', () => {
  const lookUp = fc
    .record({
      paymentIntent: fc.constantFrom(null, 'pi_1', 'pi_2'),
      createdFrom: fc.integer({ min: 0, max: 200_000_000 }),
      lengthMs: fc.integer({ min: 0, max: 10_000_000 }),
    })
    .map(({ lengthMs, ...rest }) => query({ ...rest, createdTo: rest.createdFrom + lengthMs }));

  it('cover each of them once, and its window whole', () => {
    fc.assert(
      fc.property(fc.array(lookUp, { maxLength: 30 }), (queries) => {
        const scans = planScans(queries);
        const planned = scans.flatMap((scan) => scan.queries);
        expect(new Set(planned)).toEqual(
          new Set(queries.filter(({ paymentIntent }) => paymentIntent === null)),
        );
        expect(planned).toHaveLength(new Set(planned).size);
        for (const scan of scans) {
          for (const { createdFrom, createdTo } of scan.queries) {
            expect(scan.range.fromSeconds * 1_000).toBeLessThanOrEqual(
              Math.max(0, createdFrom - 600_000),
            );
            expect(scan.range.toSeconds * 1_000).toBeGreaterThanOrEqual(createdTo + 600_000);
          }
        }
      }),
    );
  });

  it('read no second of the list twice', () => {
    fc.assert(
      fc.property(fc.array(lookUp, { maxLength: 30 }), (queries) => {
        const ranges = planScans(queries)
          .map(({ range }) => range)
          .sort((a, b) => a.fromSeconds - b.fromSeconds);
        for (const [n, range] of ranges.entries()) {
          if (n > 0) expect(range.fromSeconds).toBeGreaterThan(ranges[n - 1]!.toSeconds);
        }
      }),
    );
  });
});

describe('the stretches of a long scan', () => {
  it('have every second behind the first page in one of them, and go on behind that page', () => {
    const first = fc.record({
      fromSeconds: fc.integer({ min: 0, max: 10_000 }),
      leftSeconds: fc.integer({ min: 0, max: 100_000 }),
      pageSeconds: fc.integer({ min: 0, max: 5_000 }),
      moreSeconds: fc.integer({ min: 0, max: 1_000 }),
    });
    fc.assert(
      fc.property(first, ({ fromSeconds, leftSeconds, pageSeconds, moreSeconds }) => {
        const oldest = fromSeconds + leftSeconds;
        const rows = Array.from({ length: 100 }, (_, n) => ({
          id: `pi_${n}`,
          created: oldest + Math.floor((pageSeconds * (99 - n)) / 99),
        }));
        const toSeconds = oldest + pageSeconds + moreSeconds;
        const stretches = stretchesBehind(rows, { fromSeconds, toSeconds });
        expect(stretches[0]).toMatchObject({ after: 'pi_99', toSeconds });
        expect(stretches[0]!.fromSeconds).toBeLessThanOrEqual(oldest);
        for (const [n, stretch] of stretches.entries())
          if (n > 0)
            expect(stretch).toMatchObject({
              after: null,
              toSeconds: stretches[n - 1]!.fromSeconds - 1,
            });
        for (const stretch of stretches)
          expect(stretch.fromSeconds).toBeLessThanOrEqual(stretch.toSeconds);
        expect(stretches.at(-1)!.fromSeconds).toBe(fromSeconds);
        expect(stretches.length).toBeLessThanOrEqual(8);
      }),
    );
  });
});
