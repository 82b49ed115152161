import { describe, expect, it } from 'vitest';
import type { Priority, Turns } from '../../../src/domain/rate-limit/budget.ts';
import type { Storage } from '../../../src/storage/open.ts';
import { targets } from '../targets.ts';

const PER_SECOND = 25;
const BUDGETS = [
  { name: 'account', perSecond: 100 },
  { name: 'list', perSecond: PER_SECOND },
];
const APART_MS = 1_000 / PER_SECOND;
/** Between two takings a database may have been busy. */
const BUSY_MS = 2_000;

/** When turns begin, from the first of them. */
async function begin(
  { budgets }: Storage,
  count: number,
  priority: Priority,
): Promise<{ readonly turns: Turns; readonly atMs: number }> {
  const turns = await budgets.take(BUDGETS, { count, priority });
  return { turns, atMs: turns.startInMs };
}

describe.each(targets)('budgets of calls on $name', (target) => {
  it('give a turn at once, and the next one after it', async () => {
    const database = await target.fresh();
    const storage = await database.open();
    const first = await begin(storage, 5, 'live');
    expect(first.turns).toEqual({ count: 5, startInMs: 0, apartMs: APART_MS });
    const second = await begin(storage, 1, 'live');
    expect(second.atMs).toBeGreaterThan(0);
    expect(second.atMs).toBeLessThanOrEqual(5 * APART_MS);
    const raw = await database.raw();
    expect(
      await raw.rows(
        'select name, slowed_at, slowed_to_per_mille from stripe_budgets order by name',
      ),
    ).toEqual(
      ['account', 'list'].map((name) => ({ name, slowed_at: null, slowed_to_per_mille: 1_000 })),
    );
  });

  it('never give one turn twice, even the first of all, to many who take at the same moment', async () => {
    const database = await target.fresh();
    const hosts = await Promise.all(Array.from({ length: 6 }, () => database.open()));
    const taken = await Promise.all(
      Array.from({ length: 60 }, (_, n) => begin(hosts[n % hosts.length]!, 1, 'live')),
    );
    expect(taken.every(({ turns }) => turns.count === 1)).toBe(true);
    // 60 turns are booked one after the other: from the first one's beginning, whenever that was.
    const raw = await database.raw();
    const [row] = await raw.rows(`select next_at_micros from stripe_budgets where name = 'list'`);
    const endMs = Number(row?.['next_at_micros']) / 1_000;
    const startedMs = endMs - 60 * APART_MS;
    const now = Date.now();
    expect(now - startedMs).toBeGreaterThanOrEqual(0);
    expect(now - startedMs).toBeLessThan(BUSY_MS);
  });

  it('give a pass only what begins soon, and a charge whatever comes next', async () => {
    const storage = await (await target.fresh()).open();
    const pass = await begin(storage, 1_000, 'pass');
    expect(pass.turns).toMatchObject({ count: 7, startInMs: 0 });
    const refused = await begin(storage, 5, 'pass');
    // Either there is none yet, or a little later one or two.
    expect(refused.turns.count).toBeLessThan(5);
    const charge = await begin(storage, 1, 'live');
    expect(charge.turns.count).toBe(1);
    expect(charge.atMs).toBeLessThanOrEqual(300);
  });

  it('are slower for everybody once somebody was told so', async () => {
    const database = await target.fresh();
    const one = await database.open();
    const other = await database.open();
    await one.budgets.slowDown(['account', 'list']);
    const { turns } = await begin(other, 1, 'live');
    expect(turns.apartMs).toBeGreaterThan(1.5 * APART_MS);
    expect(turns.apartMs).toBeLessThanOrEqual(2 * APART_MS);
    // Those that were under way together are one.
    await other.budgets.slowDown(['account', 'list']);
    expect((await begin(other, 1, 'live')).turns.apartMs).toBeLessThanOrEqual(2 * APART_MS);
    const confirm = await one.budgets.take([{ name: 'confirm', perSecond: PER_SECOND }], {
      count: 1,
      priority: 'live',
    });
    expect(confirm.apartMs).toBe(APART_MS);
  });

  it('survive a clock that was an hour ahead', async () => {
    const database = await target.fresh();
    let offsetMs = 3_600_000;
    const wrong = await database.open({ nowOffsetMs: () => offsetMs });
    await begin(wrong, 5, 'live');
    await wrong.budgets.slowDown(['account', 'list']);
    offsetMs = 0;
    expect(await begin(wrong, 5, 'pass')).toMatchObject({
      turns: { count: 5, startInMs: 0, apartMs: APART_MS },
    });
  });

  it('do not wait for each other when they are taken in any order', async () => {
    const database = await target.fresh();
    const hosts = await Promise.all(Array.from({ length: 4 }, () => database.open()));
    const reversed = [...BUDGETS].reverse();
    const taken = await Promise.all(
      hosts.flatMap(({ budgets }) =>
        [BUDGETS, reversed].map((order) => budgets.take(order, { count: 1, priority: 'live' })),
      ),
    );
    expect(new Set(taken.map(({ count }) => count))).toEqual(new Set([1]));
  });
});
