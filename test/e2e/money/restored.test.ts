import { copyFile, rename, rm } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { targets, type Target } from '../../storage/targets.ts';
import { statement } from '../../support/statement.ts';
import { refusalOf } from '../exit-codes/refusals.ts';
import { aFixture, refusingUrl, type Fixture } from '../verdicts/fixture.ts';
import { A_DAY_LATER_MS, chargeOrder, expectPaidOnce, ORDER, paymentCalls } from './shop.ts';

/*
 * A backup is put back over the ledger. What was paid since then is at Stripe and not here, and a day
 * later Stripe has forgotten the keys: nothing is charged until the ledger has its payments again.
 */

/** Takes the ledger as it is now; the result puts that state back. */
type Backup = (fixture: Fixture, name?: string) => Promise<() => Promise<void>>;

interface Way {
  readonly how: string;
  readonly on: Target['name'];
  readonly backup: Backup;
}

function pathOf({ database }: Fixture): string {
  return database.url.slice('sqlite:'.length);
}

/** The journals belong to the file that is replaced. */
async function removeJournals(path: string): Promise<void> {
  for (const suffix of ['-wal', '-shm']) await rm(path + suffix, { force: true });
}

/** Then everything is in the one file, and a copy of it is a backup. */
async function checkpoint(fixture: Fixture): Promise<void> {
  await fixture.sql('pragma wal_checkpoint(truncate)');
}

const copiedOver: Backup = async (fixture, name = 'backup') => {
  const path = pathOf(fixture);
  await checkpoint(fixture);
  await copyFile(path, `${path}.${name}`);
  return async () => {
    await checkpoint(fixture);
    // Into the same file: nothing about it but its content is another.
    await copyFile(`${path}.${name}`, path);
    await removeJournals(path);
  };
};

const movedThere: Backup = async (fixture, name = 'backup') => {
  const path = pathOf(fixture);
  await checkpoint(fixture);
  await copyFile(path, `${path}.${name}`);
  return async () => {
    await copyFile(`${path}.${name}`, `${path}.restoring`);
    await removeJournals(path);
    await rename(`${path}.restoring`, path);
  };
};

const fromTemplate: Backup = async ({ database }, as = 'backup') => {
  const server = new URL(database.url);
  const name = server.pathname.slice(1);
  server.pathname = '/postgres';
  const copy = async (from: string, to: string): Promise<void> => {
    await statement(server.href, `drop database if exists ${to} with (force)`);
    await statement(server.href, `create database ${to} template ${from} strategy file_copy`);
  };
  await copy(name, `${name}_${as}`);
  return async () => {
    await copy(`${name}_${as}`, name);
  };
};

const WAYS: readonly Way[] = [
  { how: 'copied over the file of the ledger', on: 'sqlite', backup: copiedOver },
  { how: 'moved to the place of the ledger', on: 'sqlite', backup: movedThere },
  { how: 'restored into a new database', on: 'postgres', backup: fromTemplate },
];

/** The order is recorded, and not sent: Stripe could not be reached. */
async function recordedOnly(fixture: Fixture): Promise<void> {
  const run = await chargeOrder(fixture, ORDER, { env: { STRIPE_API_BASE: await refusingUrl() } });
  expect(run.exitCode).toBe(75);
  expect(run.json()).toMatchObject({ status: 'pending', step: 'recorded' });
}

async function paid(fixture: Fixture): Promise<void> {
  expect((await chargeOrder(fixture)).exitCode).toBe(0);
}

describe.each(WAYS)('a backup of a ledger on $on that is $how', ({ on, backup }) => {
  const target = targets.find(({ name }) => name === on)!;

  describe('and says that the order was never sent, while it has been paid since', () => {
    it.each([
      { later: 'at once', ms: 0 },
      { later: 'a day later', ms: A_DAY_LATER_MS },
    ])('charges nothing again, whichever command comes first: a charge, $later', async ({ ms }) => {
      const fixture = await aFixture(target);
      await recordedOnly(fixture);
      const restore = await backup(fixture);
      await paid(fixture);
      await restore();
      fixture.sandbox.clock.advance(ms);
      if (ms > 0) await fixture.age(ORDER, ms);
      const run = await chargeOrder(fixture);
      // Stripe is asked about this row, or refuses to charge on a ledger that has lost something: both are right.
      expect([0, 2]).toContain(run.exitCode);
      if (run.exitCode === 2) expect(refusalOf(run).code).toBe('ledger_rolled_back');
      else expect(run.json()).toMatchObject({ status: 'succeeded' });
      expectPaidOnce(fixture);
      expect([0, 5]).toContain((await fixture.pass()).exitCode);
      expect(await fixture.pass()).toMatchObject({ exitCode: 0 });
      await expectSettled(fixture);
    });

    it.each([
      { later: 'at once', ms: 0 },
      { later: 'a day later', ms: A_DAY_LATER_MS },
    ])(
      'is found by a pass, $later: the payment is recorded, and charging goes on',
      async ({ ms }) => {
        const fixture = await aFixture(target);
        await recordedOnly(fixture);
        const restore = await backup(fixture);
        await paid(fixture);
        await restore();
        fixture.sandbox.clock.advance(ms);
        if (ms > 0) await fixture.age(ORDER, ms);
        const sent = fixture.sandbox.books.summary().requests;
        expect(await fixture.pass()).toMatchObject({
          exitCode: 5,
          report: { settled: { succeeded: 1, canceled: 0 } },
        });
        expect(paymentCalls(fixture, sent)).toEqual([]);
        // The next pass finds that nothing is missing any more.
        expect(await fixture.pass()).toMatchObject({ exitCode: 0 });
        expect((await fixture.charge('another-order')).exitCode).toBe(0);
        await expectSettled(fixture);
      },
    );
  });

  describe('and lacks an order that has been paid since', () => {
    it('is charged nothing, whichever command comes first: a charge', async () => {
      const fixture = await aFixture(target);
      await fixture.charge('earlier');
      const restore = await backup(fixture);
      await paid(fixture);
      await restore();
      await expectStopped(fixture);
    });

    it('is charged nothing, whichever command comes first: a pass', async () => {
      const fixture = await aFixture(target);
      await fixture.charge('earlier');
      const restore = await backup(fixture);
      await paid(fixture);
      await restore();
      expect(await fixture.pass()).toMatchObject({
        exitCode: 5,
        report: { settled: { succeeded: 0, failed: 0, canceled: 0 } },
      });
      await expectStopped(fixture);
    });

    it('is charged again once its newest copy is there', async () => {
      const fixture = await aFixture(target);
      await fixture.charge('earlier');
      const restore = await backup(fixture);
      await paid(fixture);
      const restoreNewest = await backup(fixture, 'newest');
      await restore();
      await expectStopped(fixture);
      await restoreNewest();
      expect(await fixture.pass()).toMatchObject({ exitCode: 0 });
      expect((await fixture.charge('another-order')).exitCode).toBe(0);
      await expectSettled(fixture);
    });
  });
});

/** Also a day later, when Stripe has forgotten the key. */
async function expectStopped(fixture: Fixture): Promise<void> {
  const { books, clock } = fixture.sandbox;
  for (const ms of [0, A_DAY_LATER_MS]) {
    clock.advance(ms);
    const sent = books.summary().requests;
    expect(refusalOf(await chargeOrder(fixture))).toMatchObject({
      exitCode: 2,
      code: 'ledger_rolled_back',
      transaction: null,
    });
    expect(refusalOf(await fixture.charge('another-order'))).toMatchObject({
      exitCode: 2,
      code: 'ledger_rolled_back',
      transaction: null,
    });
    expect(paymentCalls(fixture, sent)).toEqual([]);
    expect((await fixture.pass()).exitCode).toBe(5);
  }
  expect(books.paymentIntents.filter(({ status }) => status === 'succeeded')).toHaveLength(2);
  // The operator is told, once.
  expect(fixture.mails().filter(({ to }) => to === 'operator@example.com')).toHaveLength(1);
}

async function expectSettled(fixture: Fixture): Promise<void> {
  expect((await chargeOrder(fixture)).exitCode).toBe(0);
  const { row, intents } = await fixture.look(ORDER);
  expect(row).toMatchObject({ status: 'succeeded', amount_received: 4999 });
  expect(intents).toMatchObject([{ id: row.payment_intent, status: 'succeeded' }]);
  await fixture.verifyAudit();
}
