import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planScans } from '../../src/stripe/look-up.ts';
import { query } from './samples.ts';

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
        expect(new Set(planned)).toEqual(new Set(queries.filter(({ paymentIntent }) => paymentIntent === null)));
        expect(planned).toHaveLength(new Set(planned).size);
        for (const scan of scans) {
          for (const { createdFrom, createdTo } of scan.queries) {
            expect(scan.range.fromSeconds * 1_000).toBeLessThanOrEqual(Math.max(0, createdFrom - 600_000));
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
