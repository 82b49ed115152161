import { describe, expect, it, vi } from 'vitest';
import type { Budgets, Clock } from '../../../src/app/ports.ts';
import {
  FRESH_BUDGET,
  budgetAfter429,
  takeTurns,
  type BudgetState,
  type Wanted,
  type Priority,
} from '../../../src/domain/rate-limit/budget.ts';
import { PayreconError } from '../../../src/domain/errors.ts';
import { ENDPOINTS, RequestLimiter } from '../../../src/stripe/rate-limit/local-limiter.ts';
import { SharedLimiter } from '../../../src/stripe/rate-limit/shared-limiter.ts';
import { realClock } from '../samples.ts';

const LIMITS = { requestsPerSecond: 100, endpointRequestsPerSecond: 25 };
const never = (): AbortSignal => new AbortController().signal;

/** What the database does, in memory, and what it was asked. */
class Board implements Budgets {
  readonly #states = new Map<string, BudgetState>();
  readonly asked: Wanted[] = [];
  readonly slowed: (readonly string[])[] = [];
  readonly named: (readonly string[])[] = [];
  away = false;

  async take(budgets: Parameters<Budgets['take']>[0], wanted: Wanted): ReturnType<Budgets['take']> {
    await Promise.resolve();
    this.asked.push(wanted);
    this.named.push(budgets.map(({ name }) => name));
    this.#reach();
    const { turns, next } = takeTurns(
      budgets.map(({ name, perSecond }) => ({
        state: this.#states.get(name) ?? FRESH_BUDGET,
        perSecond,
      })),
      wanted,
      Date.now(),
    );
    budgets.forEach(({ name }, index) => this.#states.set(name, next[index]!));
    return turns;
  }

  async slowDown(names: readonly string[]): Promise<void> {
    await Promise.resolve();
    this.#reach();
    this.slowed.push(names);
    for (const name of names)
      this.#states.set(name, budgetAfter429(this.#states.get(name) ?? FRESH_BUDGET, Date.now()));
  }

  #reach(): void {
    if (this.away) throw new PayreconError('database_unreachable', 'away');
  }
}

function limiterOn(
  board: Budgets,
  {
    priority = 'live',
    clock = realClock,
  }: { readonly priority?: Priority; readonly clock?: Clock } = {},
): SharedLimiter {
  const local = new RequestLimiter(LIMITS, clock);
  return new SharedLimiter(LIMITS, { budgets: board, clock, priority, local });
}

/** Milliseconds until each of so many turns. */
async function turnsOf(limiter: SharedLimiter, count: number): Promise<readonly number[]> {
  const begun = performance.now();
  return await Promise.all(
    Array.from({ length: count }, async () =>
      (await limiter.take('list', never())) ? performance.now() - begun : NaN,
    ),
  );
}

describe('the shared limiter', () => {
  it('draws one turn for one call, and blocks for many', async () => {
    const board = new Board();
    const limiter = limiterOn(board);
    await limiter.take('create', never());
    expect(board.asked).toEqual([{ count: 1, priority: 'live' }]);
    const times = await turnsOf(limiter, 20);
    expect(Math.max(...times)).toBeGreaterThan(19 * 40 - 30);
    expect(Math.max(...times)).toBeLessThan(19 * 40 + 300);
    expect(board.asked.slice(1).map(({ count }) => count)).toEqual([5, 5, 5, 5]);
  });

  it('keeps two processes inside one limit', async () => {
    const board = new Board();
    const times = (
      await Promise.all([
        turnsOf(limiterOn(board), 20),
        turnsOf(limiterOn(board, { priority: 'pass' }), 20),
      ])
    ).flat();
    expect(Math.max(...times)).toBeGreaterThan(39 * 40 - 30);
    expect(Math.max(...times)).toBeLessThan(39 * 40 + 400);
  });

  it('makes up for the repetitions that did not ask', async () => {
    const board = new Board();
    const limiter = limiterOn(board);
    limiter.spend('list');
    limiter.spend('list');
    const [first] = await turnsOf(limiter, 1);
    expect(board.asked).toEqual([{ count: 3, priority: 'live' }]);
    expect(first).toBeGreaterThan(75);
    await limiter.take('list', never());
    expect(board.asked.at(-1)).toEqual({ count: 1, priority: 'live' });
  });

  it('paces itself while the database is away, asks it seldom, and shares again once it is back', async () => {
    const board = new Board();
    let skippedMs = 0;
    const limiter = limiterOn(board, {
      clock: { ...realClock, monotonicMs: () => performance.now() + skippedMs },
    });
    board.away = true;
    const times = await turnsOf(limiter, 15);
    expect(Math.max(...times)).toBeGreaterThan(450);
    expect(times.every((at) => at < 1_500)).toBe(true);
    expect(board.asked.length).toBe(1);
    board.away = false;
    await limiter.take('list', never());
    expect(board.asked.length).toBe(1);
    skippedMs = 5_001;
    await limiter.take('list', never());
    expect(board.asked.length).toBe(2);
  });

  it('is ended by its signal while it waits for a turn, and leaves the turn to others', async () => {
    const board = new Board();
    const limiter = limiterOn(board);
    const before = turnsOf(limiter, 5);
    await new Promise(setImmediate);
    const stop = new AbortController();
    const waiting = Array.from({ length: 5 }, () => limiter.take('list', stop.signal));
    await new Promise(setImmediate);
    stop.abort();
    expect(await Promise.all(waiting)).toEqual([false, false, false, false, false]);
    expect(await limiter.take('list', never())).toBe(true);
    await before;
    expect(board.asked.length).toBe(2);
    expect(await limiter.take('list', AbortSignal.abort())).toBe(false);
  });

  it('is ended by its signal while the database does not answer', async () => {
    const silent: Budgets = {
      take: () => new Promise(() => undefined),
      slowDown: () => Promise.resolve(),
    };
    const stop = new AbortController();
    const waiting = limiterOn(silent).take('list', stop.signal);
    stop.abort();
    expect(await waiting).toBe(false);
  });

  it('lets turns lapse that nobody used in time', async () => {
    const board = new Board();
    let skippedMs = 0;
    const limiter = limiterOn(board, {
      clock: { ...realClock, monotonicMs: () => performance.now() + skippedMs },
    });
    const stop = new AbortController();
    await turnsOf(limiter, 1);
    const waiting = Array.from({ length: 5 }, () => limiter.take('list', stop.signal));
    await vi.waitFor(() => expect(board.asked.length).toBe(2));
    await new Promise(setImmediate);
    stop.abort();
    await Promise.all(waiting);
    skippedMs = 1_000;
    await limiter.take('list', never());
    expect(board.asked.length).toBe(3);
  });

  it('tells the others what Stripe said: about the endpoint, or about the account as well', async () => {
    const board = new Board();
    const limiter = limiterOn(board);
    limiter.slowDown('list', 'endpoint-rate');
    limiter.slowDown('list', 'global-rate');
    await vi.waitFor(() => expect(board.slowed).toEqual([['list'], ['all_endpoints', 'list']]));
    const times = await turnsOf(limiterOn(board), 3);
    expect(Math.max(...times)).toBeGreaterThan(130);
  });

  it('is slow by itself when it cannot tell the others', async () => {
    const board = new Board();
    board.away = true;
    const limiter = limiterOn(board);
    limiter.slowDown('list', null);
    await new Promise(setImmediate);
    const times = await turnsOf(limiter, 4);
    expect(board.asked).toEqual([]);
    expect(Math.max(...times)).toBeGreaterThan(200);
  });

  it('draws on two budgets for each endpoint, and no endpoint is taken for the account', async () => {
    const board = new Board();
    const limiter = limiterOn(board);
    for (const endpoint of ENDPOINTS) await limiter.take(endpoint, never());
    expect(board.named.every(([all]) => all === 'all_endpoints')).toBe(true);
    expect(new Set(board.named.flat()).size).toBe(ENDPOINTS.length + 1);
  });

  it('passes a bug on', async () => {
    const broken: Budgets = {
      take: () => Promise.reject(new TypeError('a bug')),
      slowDown: () => Promise.resolve(),
    };
    await expect(limiterOn(broken).take('list', never())).rejects.toThrow('a bug');
  });
});
