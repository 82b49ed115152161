import { expect, onTestFinished, test } from 'vitest';
import { chance, clock, postgres } from './targets.ts';
import { openStorage } from '../../src/storage/open.ts';

const BUDGETS = [
  { name: 'account', perSecond: 100 },
  { name: 'list', perSecond: 25 },
];
/** The server lets go after a second; a lock is waited for ten times as long. */
const SOON_MS = 4_000;

test('a process that stands still while it takes turns does not keep the others from theirs', async () => {
  const database = await postgres.fresh();
  const other = await database.open();
  await other.budgets.take(BUDGETS, { count: 1, priority: 'live' });
  let goOn = (): void => undefined;
  let standsStill = (): void => undefined;
  const still = new Promise<void>((resolve) => (standsStill = resolve));
  const asked: string[] = [];
  const gate = {
    before: () => undefined,
    async after(_kind: string, sql: string): Promise<void> {
      if (!sql.includes('for update')) return;
      asked.push(sql);
      if (asked.length > 1) return;
      standsStill();
      await new Promise<void>((resolve) => (goOn = resolve));
    },
  };
  const slow = await openStorage({ url: database.url, clock, chance, mayCreate: true, gate });
  onTestFinished(() => slow.close());
  const taken = slow.budgets.take(BUDGETS, { count: 1, priority: 'live' });
  await still;
  const startedMs = performance.now();
  expect(await other.budgets.take(BUDGETS, { count: 1, priority: 'live' })).toMatchObject({
    count: 1,
  });
  expect(performance.now() - startedMs).toBeLessThan(SOON_MS);
  goOn();
  expect(await taken).toMatchObject({ count: 1 });
  // What it had begun was undone, and was begun again.
  expect(asked).toHaveLength(2);
});
