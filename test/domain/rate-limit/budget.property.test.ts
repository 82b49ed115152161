import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  FRESH_BUDGET,
  PASS_AHEAD_MS,
  budgetAfter429,
  takeTurns,
  LIVE_AHEAD_MS,
  type BudgetState,
  type Priority,
} from '../../../src/domain/rate-limit/budget.ts';

const NOW = 1_790_000_000_000;

/** What the database keeps, and when each turn that was taken begins. */
class Shared {
  readonly #states = new Map<string, BudgetState>();
  readonly begun: { readonly name: string; readonly atMs: number }[] = [];

  take(
    rates: Readonly<Record<string, number>>,
    wanted: { readonly count: number; readonly priority: Priority },
    now: number,
  ): number {
    const names = Object.keys(rates);
    const { turns, next } = takeTurns(
      names.map((name) => ({
        state: this.#states.get(name) ?? FRESH_BUDGET,
        perSecond: rates[name]!,
      })),
      wanted,
      now,
    );
    names.forEach((name, index) => this.#states.set(name, next[index]!));
    for (let n = 0; n < turns.count; n += 1)
      for (const name of names)
        this.begun.push({ name, atMs: now - NOW + turns.startInMs + n * turns.apartMs });
    return turns.count;
  }

  slowDown(name: string, now: number): void {
    this.#states.set(name, budgetAfter429(this.#states.get(name) ?? FRESH_BUDGET, now));
  }

  mostInOneSecond(name: string): number {
    const sorted = this.begun
      .filter((turn) => turn.name === name)
      .map(({ atMs }) => atMs)
      .sort((a, b) => a - b);
    return Math.max(
      0,
      ...sorted.map(
        (begin, index) => sorted.slice(index).filter((at) => at < begin + 999.999).length,
      ),
    );
  }
}

const taking = fc.record({
  endpoint: fc.constantFrom('create', 'confirm', 'cancel', 'retrieve', 'list', 'account-of-stripe'),
  count: fc.integer({ min: 1, max: 6 }),
  priority: fc.constantFrom<Priority>('live', 'pass'),
  gapMs: fc.integer({ min: 0, max: 60 }),
});

describe('a budget', () => {
  it('never lets more than its rate begin within any second, whoever takes however many turns', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 30 }),
        fc.integer({ min: 1, max: 120 }),
        fc.array(taking, { minLength: 1, maxLength: 150 }),
        (perEndpoint, perAccount, takings) => {
          const shared = new Shared();
          let now = NOW;
          for (const { endpoint, count, priority, gapMs } of takings) {
            now += gapMs;
            shared.take(
              { account: perAccount, [endpoint]: perEndpoint },
              { count: Math.min(count, Math.max(1, Math.floor(perEndpoint / 5))), priority },
              now,
            );
          }
          expect(shared.mostInOneSecond('account')).toBeLessThanOrEqual(perAccount);
          for (const name of new Set(takings.map(({ endpoint }) => endpoint)))
            expect(shared.mostInOneSecond(name)).toBeLessThanOrEqual(perEndpoint);
        },
      ),
      { numRuns: 300 },
    );
  });

  it.each([
    { account: 25, endpoints: 1, atLeast: 25 },
    { account: 100, endpoints: 2, atLeast: 50 },
    { account: 100, endpoints: 3, atLeast: 70 },
  ])(
    'lets its rate through: $endpoints endpoints, $account for the account',
    ({ account, endpoints, atLeast }) => {
      const shared = new Shared();
      for (let ms = 0; ms < 60_000; ms += 20) {
        for (let endpoint = 0; endpoint < endpoints; endpoint += 1)
          shared.take(
            { account, [`endpoint-${String(endpoint)}`]: 25 },
            { count: 5, priority: 'pass' },
            NOW + ms,
          );
      }
      expect(
        shared.begun.filter(({ name }) => name === 'account').length / 60,
      ).toBeGreaterThanOrEqual(atLeast);
    },
  );

  it('keeps a charge waiting behind passes for a quarter of a second and one turn at most', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 5, max: 100 }),
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 60 }),
        (perSecond, counts) => {
          let state = FRESH_BUDGET;
          for (const count of counts)
            state = takeTurns([{ state, perSecond }], { count, priority: 'pass' }, NOW).next[0]!;
          const { turns } = takeTurns([{ state, perSecond }], { count: 1, priority: 'live' }, NOW);
          expect(turns.count).toBe(1);
          expect(turns.startInMs).toBeLessThanOrEqual(PASS_AHEAD_MS + 1_000 / perSecond + 0.001);
        },
      ),
    );
  });

  it('tells a pass that gets none when to come again, and then it gets some', () => {
    const state = { ...FRESH_BUDGET, nextAtMicros: (NOW + 1_000) * 1_000 };
    const { turns, next } = takeTurns(
      [{ state, perSecond: 25 }],
      { count: 5, priority: 'pass' },
      NOW,
    );
    expect(turns).toEqual({ count: 0, startInMs: 875, apartMs: 40 });
    expect(next).toEqual([state]);
    expect(
      takeTurns([{ state, perSecond: 25 }], { count: 5, priority: 'pass' }, NOW + 875).turns,
    ).toEqual({ count: 4, startInMs: 125, apartMs: 40 });
  });

  it('lets charges queue up for half a minute', () => {
    const shared = new Shared();
    let taken = 0;
    for (let n = 0; n < 2_000; n += 1)
      taken += shared.take({ create: 25 }, { count: 1, priority: 'live' }, NOW);
    expect(taken).toBe((LIVE_AHEAD_MS / 1_000) * 25 + 1);
  });
});

describe('after a 429', () => {
  const apart = (state: BudgetState, now: number): number =>
    takeTurns([{ state, perSecond: 25 }], { count: 1, priority: 'live' }, now).turns.apartMs;

  it('is half as fast, and recovers evenly in five seconds', () => {
    const state = budgetAfter429(FRESH_BUDGET, NOW);
    expect(apart(state, NOW)).toBe(80);
    expect(apart(state, NOW + 2_500)).toBeCloseTo(40 / 0.75, 1);
    expect(apart(state, NOW + 5_000)).toBe(40);
    expect(apart(state, NOW + 3_600_000)).toBe(40);
  });

  it('takes those of one second for one, and is never slower than a sixteenth', () => {
    const once = budgetAfter429(FRESH_BUDGET, NOW);
    expect(budgetAfter429(once, NOW + 999)).toBe(once);
    const twice = budgetAfter429(once, NOW + 1_000);
    expect(twice.slowedToPerMille).toBe(300);
    let state = twice;
    for (let n = 2; n < 60; n += 1) state = budgetAfter429(state, NOW + n * 1_000);
    expect(apart(state, NOW + 59_000)).toBeLessThanOrEqual(40 / 0.062 + 1);
    expect(apart(state, NOW + 59_000)).toBeGreaterThan(160);
  });

  it('leaves turns that were taken before where they are', () => {
    const taken = { ...FRESH_BUDGET, nextAtMicros: (NOW + 120) * 1_000 };
    expect(budgetAfter429(taken, NOW).nextAtMicros).toBe(taken.nextAtMicros);
  });
});

describe('a clock that was wrong', () => {
  it.each([61_000, 86_400_000, 31_536_000_000])(
    'keeps nobody waiting that was %i ms ahead',
    (aheadMs) => {
      const shown = {
        nextAtMicros: (NOW + aheadMs + 5_000) * 1_000,
        slowedAt: NOW + aheadMs,
        slowedToPerMille: 62,
      };
      const { turns, next } = takeTurns(
        [{ state: shown, perSecond: 25 }],
        { count: 2, priority: 'pass' },
        NOW,
      );
      expect(turns).toEqual({ count: 2, startInMs: 0, apartMs: 40 });
      expect(next[0]!.nextAtMicros).toBe((NOW + 80) * 1_000);
    },
  );

  it('is slowed down from now on, whatever was written in the future', () => {
    const state = budgetAfter429(
      { ...FRESH_BUDGET, slowedAt: NOW + 86_400_000, slowedToPerMille: 62 },
      NOW,
    );
    expect(state).toMatchObject({ slowedAt: NOW, slowedToPerMille: 500 });
  });

  it('gives no turn that begins before now when it was behind', () => {
    const { turns } = takeTurns(
      [{ state: { ...FRESH_BUDGET, nextAtMicros: 5 }, perSecond: 25 }],
      { count: 1, priority: 'pass' },
      NOW,
    );
    expect(turns.startInMs).toBe(0);
  });
});
