import { describe, expect, it } from 'vitest';
import { targets, type Target } from '../../storage/targets.ts';
import { TEST_KEY } from '../../support/payment-world.ts';
import { refusalOf } from '../exit-codes/refusals.ts';
import { aFixture, chargeFlags, type Fixture } from '../verdicts/fixture.ts';
import { chargeOrder, ORDER, paymentCalls } from './shop.ts';

/* A ledger belongs to one Stripe account and mode: nothing is read as paid, sent, counted or concluded under another. */

const OTHER_ACCOUNT = 'acct_1AnotherShop';
const OTHER_KEY = 'sk_test_ofAnotherShop0123';
const LIVE = { STRIPE_SECRET_KEY: TEST_KEY.replace('test', 'live'), PAYRECON_LIVE: '1' };
const OTHER = { STRIPE_SECRET_KEY: OTHER_KEY };

async function aShop(target: Target): Promise<Fixture> {
  return await aFixture(target, {
    sandbox: { keys: [{ key: OTHER_KEY, account: OTHER_ACCOUNT }], liveKeys: true },
  });
}

/** Everything that would send, count or conclude something. */
const ACTING = [
  [...chargeFlags(ORDER), '--reference', ORDER],
  chargeFlags('another-order'),
  ['reconcile', '--json'],
  ['reconcile', '--dry-run', '--json'],
  ['stuck', 'resolve', 'stuck', '--as', 'retry', '--reason', 'r', '--yes', '--json'],
];

/** A paid order, one whose outcome is not known, and one that waits for a person. */
async function withWork(fixture: Fixture): Promise<void> {
  expect((await chargeOrder(fixture)).exitCode).toBe(0);
  await fixture.charge('stuck', { faults: 'payment_intents.confirm=html_502' });
  fixture.sandbox.setFaults('payment_intents.retrieve=500_before');
  expect((await fixture.pass({ PAYRECON_MAX_ATTEMPTS: '1' })).exitCode).toBe(5);
  fixture.sandbox.setFaults('');
  expect(
    (await fixture.charge('lost', { faults: 'payment_intents.confirm=html_502_after' })).exitCode,
  ).toBe(75);
}

async function everythingStored(fixture: Fixture): Promise<unknown> {
  return [
    await fixture.sql(
      'select id, status, step, version, attempts, next_attempt_at, review from transactions order by id',
    ),
    await fixture.sql('select count(*) as n from audit_events'),
    await fixture.sql('select id, state from notifications order by id'),
    await fixture.sql('select count(*) as n from passes'),
  ];
}

describe.each(targets)('a ledger on $name', (target) => {
  it('of test mode does nothing with a live key, and asks nothing: a test payment never answers for a live one', async () => {
    const fixture = await aShop(target);
    await withWork(fixture);
    const before = await everythingStored(fixture);
    const sent = fixture.sandbox.books.summary().requests;
    for (const args of ACTING) {
      const run = await fixture.run(args, { env: LIVE });
      expect({ args, ...refusalOf({ ...run, stderr: lastLine(run.stderr) }) }).toMatchObject({
        exitCode: 2,
        code: 'other_mode',
        transaction: null,
      });
    }
    expect(fixture.sandbox.books.summary().requests).toBe(sent);
    expect(await everythingStored(fixture)).toEqual(before);
    expect(fixture.sandbox.books.of('acct_1SandboxLkdIwHu7', 'live').paymentIntents).toEqual([]);
  });

  it('of one account does nothing with the key of another, whose account is all that is asked, once', async () => {
    const fixture = await aShop(target);
    await withWork(fixture);
    const before = await everythingStored(fixture);
    const sent = fixture.sandbox.books.summary().requests;
    for (const args of ACTING) {
      const run = await fixture.run(args, { env: OTHER });
      const refused = refusalOf({ ...run, stderr: lastLine(run.stderr) });
      expect({ args, ...refused }).toMatchObject({
        exitCode: 2,
        code: 'other_account',
        fields: ['STRIPE_SECRET_KEY', 'DATABASE_URL'],
        transaction: null,
      });
      expect(refused.message).toContain(OTHER_ACCOUNT);
    }
    expect(fixture.sandbox.books.requests.slice(sent).map(({ endpoint }) => endpoint)).toEqual([
      'account',
    ]);
    expect(await everythingStored(fixture)).toEqual(before);
    expect(fixture.sandbox.books.of(OTHER_ACCOUNT, 'test').paymentIntents).toEqual([]);

    // With the right key at once, without any backoff in between: what was not known is found.
    expect(await fixture.pass()).toMatchObject({ report: { settled: { succeeded: 1 } } });
    expect((await fixture.look('lost')).row).toMatchObject({ status: 'succeeded', attempts: 0 });
  });

  it('is of one account from its first use on: a key that was tried there first decides it', async () => {
    const fixture = await aFixture(target, {
      isNew: true,
      sandbox: { keys: [{ key: OTHER_KEY, account: OTHER_ACCOUNT }] },
    });
    expect((await fixture.charge('first', { env: OTHER })).exitCode).toBe(0);
    const sent = fixture.sandbox.books.summary().requests;
    const refused = await fixture.charge('second');
    expect(refusalOf({ ...refused, stderr: lastLine(refused.stderr) })).toMatchObject({
      exitCode: 2,
      code: 'other_account',
    });
    expect(paymentCalls(fixture, sent)).toEqual([]);
    expect(fixture.sandbox.books.of(OTHER_ACCOUNT, 'test').succeededCount()).toBe(1);
    expect(fixture.sandbox.books.succeededCount()).toBe(1);
  });
});

/** The banner of live mode and notices come before. */
function lastLine(text: string): string {
  return `${text.trim().split('\n').at(-1) ?? ''}\n`;
}
