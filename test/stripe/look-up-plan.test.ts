import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planLookUps } from '../../src/stripe/look-up.ts';
import { query } from './samples.ts';

describe('the plan', () => {
  const lookUp = fc
    .record({
      paymentIntent: fc.constantFrom(null, 'pi_1', 'pi_2'),
      createdFrom: fc.integer({ min: 0, max: 200_000_000 }),
      lengthMs: fc.integer({ min: 0, max: 10_000_000 }),
    })
    .map(({ lengthMs, ...rest }) => query({ ...rest, createdTo: rest.createdFrom + lengthMs }));

  it('covers every query once, and every window of an id-less one whole', () => {
    fc.assert(
      fc.property(fc.array(lookUp, { maxLength: 30 }), (queries) => {
        const tasks = planLookUps(queries);
        const planned = tasks.flatMap((task) => (task.kind === 'retrieve' ? [task.query] : task.queries));
        expect(new Set(planned)).toEqual(new Set(queries));
        expect(planned).toHaveLength(queries.length);
        for (const task of tasks) {
          if (task.kind === 'retrieve') {
            expect(task.paymentIntent).toBe(task.query.paymentIntent);
            continue;
          }
          for (const { paymentIntent, createdFrom, createdTo } of task.queries) {
            expect(paymentIntent).toBeNull();
            expect(task.range.fromSeconds * 1_000).toBeLessThanOrEqual(Math.max(0, createdFrom - 600_000));
            expect(task.range.toSeconds * 1_000).toBeGreaterThanOrEqual(createdTo + 600_000);
          }
        }
      }),
    );
  });

  it('reads no second of the list twice', () => {
    fc.assert(
      fc.property(fc.array(lookUp, { maxLength: 30 }), (queries) => {
        const ranges = planLookUps(queries)
          .flatMap((task) => (task.kind === 'scan' ? [task.range] : []))
          .sort((a, b) => a.fromSeconds - b.fromSeconds);
        for (const [n, range] of ranges.entries()) {
          if (n > 0) expect(range.fromSeconds).toBeGreaterThan(ranges[n - 1]!.toSeconds);
        }
      }),
    );
  });
});
