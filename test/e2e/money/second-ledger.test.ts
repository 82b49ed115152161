import { readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { sqlite, targets } from '../../storage/targets.ts';
import { runPayrecon, type RunResult } from '../../support/binary.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { refusalOf } from '../exit-codes/refusals.ts';
import { aFixture, chargeFlags, type Fixture } from '../verdicts/fixture.ts';
import { A_DAY_LATER_MS, chargeOrder, expectPaidOnce, later, ORDER, paymentCalls } from './shop.ts';

/*
 * The order is paid, and a day later the same command finds another, empty ledger, because of one
 * setting: Stripe has forgotten the key by then, so that only payrecon can refuse.
 */

/** The order is charged on the right ledger, and a day goes by. */
async function paidYesterday(fixture: Fixture): Promise<void> {
  expect((await chargeOrder(fixture)).exitCode).toBe(0);
  await later([fixture], { atStripeMs: A_DAY_LATER_MS });
}

const SAME_COMMAND = [...chargeFlags(ORDER), '--reference', ORDER];

/** With the settings of the fixture, but for its ledger's address. */
async function elsewhere(
  fixture: Fixture,
  args: readonly string[],
  place: { readonly home: string; readonly env?: Readonly<Record<string, string>> },
): Promise<RunResult> {
  const { DATABASE_URL: _, ...env } = fixture.env;
  return await runPayrecon(args, {
    home: place.home,
    cwd: place.home,
    env: { ...env, ...place.env },
  });
}

async function filesIn(folder: string): Promise<readonly string[]> {
  return (await readdir(folder, { recursive: true })).filter((name) => /\.db|ledger/.test(name));
}

describe('an address of the ledger that', () => {
  it.each([
    { what: 'is set but empty', url: '', says: 'DATABASE_URL: it is set but empty' },
    { what: 'is relative', url: 'sqlite:ledger.db', says: 'the path must be absolute' },
  ])('$what is refused: no ledger is made, and nothing is asked', async ({ url, says }) => {
    const fixture = await aFixture(sqlite);
    await paidYesterday(fixture);
    const sent = fixture.sandbox.books.summary().requests;
    const home = await temporaryFolder();
    for (const args of [
      SAME_COMMAND,
      ['reconcile', '--json'],
      ['migrate', '--json'],
      ['list', '--json'],
    ]) {
      const refused = refusalOf(
        await elsewhere(fixture, args, { home, env: { DATABASE_URL: url } }),
      );
      expect({ args, ...refused }).toMatchObject({
        exitCode: 2,
        fields: ['DATABASE_URL'],
        transaction: null,
      });
      expect(refused.message).toContain(says);
    }
    expect(await filesIn(home)).toEqual([]);
    expect(fixture.sandbox.books.summary().requests).toBe(sent);
    expectPaidOnce(fixture);
  });
});

describe('another home', () => {
  it('has another ledger, which is refused before anything is sent, unless it is meant', async () => {
    const fixture = await aFixture(sqlite);
    await paidYesterday(fixture);
    const home = await temporaryFolder();
    const sent = fixture.sandbox.books.summary().requests;
    for (const attempt of [1, 2]) {
      const said = await elsewhere(fixture, SAME_COMMAND, { home });
      expect({ attempt, exit: said.exitCode, stdout: said.stdout }).toEqual({
        attempt,
        exit: 2,
        stdout: '',
      });
      const { error } = JSON.parse(said.stderr.trim().split('\n').at(-1) ?? '') as {
        error: { code: string; message: string };
      };
      expect(error).toMatchObject({ code: 'another_ledger', fields: ['DATABASE_URL'] });
      expect(error.message).toContain('--new-ledger');
      expect(error.message).toContain('Point DATABASE_URL at that ledger');
    }
    expect(paymentCalls(fixture, sent)).toEqual([]);
    expectPaidOnce(fixture);

    // Meant: another order.
    const meant = await elsewhere(
      fixture,
      [...chargeFlags('order-1-of-the-new-shop'), '--new-ledger'],
      { home },
    );
    expect(meant.exitCode).toBe(0);
    // From then on it is a ledger like any other, and needs to be told no more.
    expect(
      (await elsewhere(fixture, chargeFlags('order-2-of-the-new-shop'), { home })).exitCode,
    ).toBe(0);
  });

  it('holds no ledger for the commands that make none: they say so, and leave no file', async () => {
    const fixture = await aFixture(sqlite);
    await paidYesterday(fixture);
    const home = await temporaryFolder();
    const commands = [
      ['reconcile'],
      ['list'],
      ['show', ORDER],
      ['status'],
      ['stuck', 'list'],
      ['audit', 'verify'],
      ['notifications', 'list'],
      ['notifications', 'send'],
    ];
    for (const args of commands) {
      const refused = refusalOf(await elsewhere(fixture, [...args, '--json'], { home }));
      expect({ args, ...refused }).toMatchObject({
        exitCode: 2,
        code: 'no_ledger',
        transaction: null,
      });
    }
    expect(await filesIn(home)).toEqual([]);
  });

  it('of another shop on the account keeps apart by its namespace: the same key is another order', async () => {
    const fixture = await aFixture(sqlite);
    await paidYesterday(fixture);
    const home = await temporaryFolder();
    const env = { PAYRECON_NAMESPACE: 'shop-2' };
    const other = await elsewhere(fixture, SAME_COMMAND, { home, env });
    expect(other.exitCode).toBe(0);
    const intents = fixture.sandbox.books.paymentIntents;
    expect(intents.map(({ metadata }) => metadata['payrecon_namespace'])).toEqual([
      undefined,
      'shop-2',
    ]);
    // Each knows its own, and neither takes the other's for a payment that it has lost.
    expect((await elsewhere(fixture, SAME_COMMAND, { home, env })).exitCode).toBe(0);
    expect((await elsewhere(fixture, ['reconcile', '--json'], { home, env })).exitCode).toBe(0);
    expect((await chargeOrder(fixture)).exitCode).toBe(0);
    expect((await fixture.pass()).exitCode).toBe(0);
    expect(fixture.sandbox.books.succeededCount()).toBe(2);
    // The namespace belongs to the ledger for good.
    expect(refusalOf(await elsewhere(fixture, SAME_COMMAND, { home }))).toMatchObject({
      exitCode: 2,
      code: 'other_namespace',
    });
  });
});

describe.each(targets)('a new ledger on $name', (target) => {
  it('is refused where another one has charged, on the same day as well', async () => {
    const fixture = await aFixture(sqlite);
    const fresh = await aFixture(target, { beside: fixture, isNew: true });
    expect((await chargeOrder(fixture)).exitCode).toBe(0);
    const sent = fixture.sandbox.books.summary().requests;
    for (const after of ['at once', 'a day later']) {
      const { error } = JSON.parse(
        (await chargeOrder(fresh)).stderr.trim().split('\n').at(-1) ?? '',
      ) as { error: { code: string } };
      expect({ after, code: error.code }).toEqual({ after, code: 'another_ledger' });
      await later([fixture], { atStripeMs: A_DAY_LATER_MS });
    }
    expect(paymentCalls(fixture, sent)).toEqual([]);
    expectPaidOnce(fixture);
    const raw = await fresh.database.raw();
    expect(await raw.rows('select id from transactions')).toEqual([]);
  });

  it('is no second one where nobody has charged through payrecon: it says whose it is, and charges', async () => {
    const fresh = await aFixture(target, { isNew: true });
    const made = await fresh.elsewhere('', {
      amount: '100',
      currency: 'usd',
      payment_method: 'pm_card_visa',
      'allowed_payment_method_types[0]': 'card',
      confirm: 'true',
    });
    expect(made.status).toBe('succeeded');
    const run = await fresh.charge('first');
    expect(run.exitCode).toBe(0);
    expect(run.stderr).toContain(
      '{"notice":"this ledger belongs to account acct_1SandboxLkdIwHu7 in test mode from now on"}\n',
    );
    // Whose the key is, and whether another ledger has charged, which also tells that this one has lost nothing: asked once.
    expect(fresh.sandbox.books.counts).toEqual({
      account: 1,
      'payment_intents.list': 1,
      'payment_intents.create': 2,
      'payment_intents.confirm': 1,
    });
    expect(await fresh.charge('second')).toMatchObject({ exitCode: 0, stderr: '' });
    expect(fresh.sandbox.books.counts).toEqual({
      account: 1,
      'payment_intents.list': 1,
      'payment_intents.create': 3,
      'payment_intents.confirm': 2,
    });
  });
});
