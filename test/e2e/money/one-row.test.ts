import { describe, expect, it } from 'vitest';
import { targets } from '../../storage/targets.ts';
import { refusalOf } from '../exit-codes/refusals.ts';
import { aFixture, HOUR_MS, type Fixture } from '../verdicts/fixture.ts';

/* One row never stops the others: what cannot be recorded becomes a question, and what a key may not do waits. */

const LOST = { faults: 'payment_intents.confirm=html_502_after' };
const UNCONFIRMED = { faults: 'payment_intents.confirm=html_502' };

/**
 * The first payment has gone through; of the second no id is known, and it never came to be. Somebody
 * copies its marks to the first one's intent, as "duplicate" in the Dashboard does.
 */
async function marksCopied(fixture: Fixture): Promise<void> {
  expect((await fixture.charge('first')).exitCode).toBe(0);
  expect(
    (await fixture.charge('second', { faults: 'payment_intents.create=html_502' })).exitCode,
  ).toBe(75);
  await fixture.age('second', 24 * HOUR_MS);
  const { row } = await fixture.look('second');
  await fixture.elsewhere(`/${fixture.sandbox.books.paymentIntents[0]!.id}`, {
    'metadata[payrecon_transaction]': row.id,
  });
}

describe.each(targets)('a row that cannot be recorded, on $name', (target) => {
  it('is a question to a person; the other rows are settled, and the e-mails go out', async () => {
    const fixture = await aFixture(target);
    await marksCopied(fixture);
    for (const key of ['third', 'fourth']) await fixture.charge(key, LOST);
    expect(await fixture.pass()).toMatchObject({
      exitCode: 5,
      report: { due: 3, stuck: 1, settled: { succeeded: 2 } },
    });

    const { row } = await fixture.look('second');
    expect(row).toMatchObject({
      status: 'stuck',
      payment_intent: null,
      review: { reason: 'not_recordable' },
    });
    expect(
      fixture
        .mails()
        .map(({ to }) => to)
        .sort(),
    ).toEqual([
      'first@example.com',
      'fourth@example.com',
      'operator@example.com',
      'third@example.com',
    ]);
    expect((await fixture.look('first')).row).toMatchObject({
      status: 'succeeded',
      payment_intent: fixture.sandbox.books.paymentIntents[0]?.id,
    });
    expect(fixture.sandbox.books.succeededCount()).toBe(3);

    // Nor does it end a later pass, or the daemon with it.
    await fixture.charge('fifth', LOST);
    await fixture.makeDue('second');
    expect(await fixture.pass()).toMatchObject({
      exitCode: 5,
      report: { settled: { succeeded: 1 } },
    });
    await fixture.verifyAudit();
  });
});

const RESTRICTED = 'rk_test_restricted0123456789';

describe.each(targets)('a key that may not make one kind of call, on $name', (target) => {
  it('settles everything that needs other calls; the rest waits without an attempt, and is settled with the right', async () => {
    const fixture = await aFixture(target, {
      sandbox: { keys: [{ key: RESTRICTED, forbidden: ['payment_intents.cancel'] }] },
    });
    // Those that need a cancel are older, and so come first.
    for (const key of ['cancel-1', 'cancel-2', 'cancel-3']) await fixture.charge(key, UNCONFIRMED);
    for (const key of ['look-1', 'look-2', 'look-3', 'look-4']) await fixture.charge(key, LOST);
    const run = await fixture.run(['reconcile', '--json'], {
      env: { STRIPE_SECRET_KEY: RESTRICTED },
    });
    expect(run.exitCode).toBe(2);
    expect(refusalOf({ ...run, stdout: '' })).toMatchObject({
      exitCode: 2,
      code: 'stripe_unauthorized',
      fields: ['STRIPE_SECRET_KEY'],
    });
    expect(run.stderr).toContain('403');
    for (const key of ['look-1', 'look-2', 'look-3', 'look-4'])
      expect((await fixture.look(key)).row).toMatchObject({ status: 'succeeded' });
    for (const key of ['cancel-1', 'cancel-2', 'cancel-3'])
      expect((await fixture.look(key)).row).toMatchObject({
        status: 'pending',
        attempts: 0,
        review: null,
      });
    // Found out once, and not by each row anew.
    expect(
      fixture.sandbox.books.requests.filter(({ status }) => status === 403).length,
    ).toBeLessThanOrEqual(8);
    expect(
      fixture
        .mails()
        .map(({ to }) => to)
        .filter((to) => to.startsWith('look')),
    ).toHaveLength(4);
    const [{ stopped_by: stoppedBy } = {}] = await fixture.sql(
      'select stopped_by from passes order by started_at desc, id desc limit 1',
    );
    expect(stoppedBy).toBe('key_forbidden');

    expect(await fixture.pass()).toMatchObject({
      exitCode: 0,
      report: { due: 3, settled: { canceled: 3 } },
    });
    await fixture.verifyAudit();
  });

  it('that may not list says so: nothing is charged on a ledger that nobody can find whole', async () => {
    const fixture = await aFixture(target, {
      isNew: true,
      sandbox: { keys: [{ key: RESTRICTED, forbidden: ['payment_intents.list'] }] },
    });
    const run = await fixture.charge('order', { env: { STRIPE_SECRET_KEY: RESTRICTED } });
    expect(run.exitCode).not.toBe(0);
    expect(fixture.sandbox.books.succeededCount()).toBe(0);
    expect(run.stderr).toMatch(/403|may not|permission/);
  });
});
