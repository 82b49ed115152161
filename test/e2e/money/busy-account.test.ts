import { copyFile, rm } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { sqlite } from '../../storage/targets.ts';
import { aFixture, type Fixture } from '../verdicts/fixture.ts';
import { A_DAY_LATER_MS, chargeOrder, expectPaidOnce, later } from './shop.ts';

/*
 * The account takes many more payments than the ledger knows of, by another program: the newest page of
 * the list shows nothing but these.
 */

const OTHERS = 250;

async function othersPay({ sandbox }: Fixture, inSeconds = 600): Promise<void> {
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
    const fixture = await aFixture(sqlite);
    expect((await chargeOrder(fixture)).exitCode).toBe(0);
    await later([fixture], { atStripeMs: A_DAY_LATER_MS });
    await othersPay(fixture);
    const fresh = await aFixture(sqlite, { beside: fixture, isNew: true });
    const run = await chargeOrder(fresh);
    expect(run.exitCode).toBe(2);
    expect(run.stderr).toContain('another_ledger');
    expectPaidOnce(fixture);
  });

  it.each(['charge', 'pass'])(
    'a ledger that was put back is still found, by a %s',
    async (first) => {
      const fixture = await aFixture(sqlite);
      const path = fixture.database.url.slice('sqlite:'.length);
      expect((await fixture.charge('earlier')).exitCode).toBe(0);
      await fixture.sql('pragma wal_checkpoint(truncate)');
      await copyFile(path, `${path}.backup`);
      expect((await chargeOrder(fixture)).exitCode).toBe(0);
      await later([fixture], { atStripeMs: A_DAY_LATER_MS });
      await othersPay(fixture);
      await fixture.sql('pragma wal_checkpoint(truncate)');
      await copyFile(`${path}.backup`, path);
      for (const suffix of ['-wal', '-shm']) await rm(path + suffix, { force: true });
      if (first === 'pass') expect((await fixture.pass()).exitCode).toBe(5);
      const run = await chargeOrder(fixture);
      expect(run.exitCode).toBe(2);
      expect(run.stderr).toContain('ledger_rolled_back');
      expect(fixture.sandbox.books.succeededCount()).toBe(2);
    },
  );

  it('a payment that the search does not show yet is found in the list', async () => {
    const fixture = await aFixture(sqlite);
    const path = fixture.database.url.slice('sqlite:'.length);
    expect((await fixture.charge('earlier')).exitCode).toBe(0);
    await fixture.sql('pragma wal_checkpoint(truncate)');
    await copyFile(path, `${path}.backup`);
    expect((await chargeOrder(fixture)).exitCode).toBe(0);
    await later([fixture], { atStripeMs: 40_000 });
    await othersPay(fixture, 20);
    await fixture.sql('pragma wal_checkpoint(truncate)');
    await copyFile(`${path}.backup`, path);
    for (const suffix of ['-wal', '-shm']) await rm(path + suffix, { force: true });
    const run = await fixture.charge('later');
    expect(run.exitCode).toBe(2);
    expect(run.stderr).toContain('ledger_rolled_back');
    expect(fixture.sandbox.books.succeededCount()).toBe(2);
  });
});
