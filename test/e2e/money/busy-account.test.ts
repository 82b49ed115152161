import { copyFile, rm } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { sqlite } from '../../storage/targets.ts';
import { aScene, type Scene } from '../verdicts/scene.ts';
import { A_DAY_LATER_MS, chargeOrder, expectPaidOnce, later } from './shop.ts';

/*
 * The account takes many more payments than the ledger knows of, by another program: the newest page of
 * the list shows nothing but these.
 */

const OTHERS = 250;

async function othersPay({ sandbox }: Scene, inSeconds = 600): Promise<void> {
  const to = Math.floor(sandbox.clock.now() / 1_000);
  const body = {
    count: OTHERS,
    created_from: to - inSeconds,
    created_to: to,
    statuses: { canceled: 1 },
  };
  const response = await fetch(`${sandbox.url}/_sandbox/seed`, {
    method: 'POST',
    body: JSON.stringify(body),
  });
  expect(response.ok).toBe(true);
}

describe('on a busy account', () => {
  it('a second ledger is still refused', async () => {
    const scene = await aScene(sqlite);
    expect((await chargeOrder(scene)).exitCode).toBe(0);
    await later([scene], { atStripeMs: A_DAY_LATER_MS });
    await othersPay(scene);
    const fresh = await aScene(sqlite, { beside: scene, isNew: true });
    const run = await chargeOrder(fresh);
    expect(run.exitCode).toBe(2);
    expect(run.stderr).toContain('another_ledger');
    expectPaidOnce(scene);
  });

  it.each(['charge', 'pass'])(
    'a ledger that was put back is still found, by a %s',
    async (first) => {
      const scene = await aScene(sqlite);
      const path = scene.database.url.slice('sqlite:'.length);
      expect((await scene.charge('earlier')).exitCode).toBe(0);
      await scene.sql('pragma wal_checkpoint(truncate)');
      await copyFile(path, `${path}.backup`);
      expect((await chargeOrder(scene)).exitCode).toBe(0);
      await later([scene], { atStripeMs: A_DAY_LATER_MS });
      await othersPay(scene);
      await scene.sql('pragma wal_checkpoint(truncate)');
      await copyFile(`${path}.backup`, path);
      for (const suffix of ['-wal', '-shm']) await rm(path + suffix, { force: true });
      if (first === 'pass') expect((await scene.pass()).exitCode).toBe(5);
      const run = await chargeOrder(scene);
      expect(run.exitCode).toBe(2);
      expect(run.stderr).toContain('ledger_rolled_back');
      expect(scene.sandbox.books.succeededCount()).toBe(2);
    },
  );

  it('a payment that the search does not show yet is found in the list', async () => {
    const scene = await aScene(sqlite);
    const path = scene.database.url.slice('sqlite:'.length);
    expect((await scene.charge('earlier')).exitCode).toBe(0);
    await scene.sql('pragma wal_checkpoint(truncate)');
    await copyFile(path, `${path}.backup`);
    expect((await chargeOrder(scene)).exitCode).toBe(0);
    await later([scene], { atStripeMs: 40_000 });
    await othersPay(scene, 20);
    await scene.sql('pragma wal_checkpoint(truncate)');
    await copyFile(`${path}.backup`, path);
    for (const suffix of ['-wal', '-shm']) await rm(path + suffix, { force: true });
    const run = await scene.charge('later');
    expect(run.exitCode).toBe(2);
    expect(run.stderr).toContain('ledger_rolled_back');
    expect(scene.sandbox.books.succeededCount()).toBe(2);
  });
});
