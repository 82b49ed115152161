import { describe, expect, it } from 'vitest';
import { targets } from '../../storage/targets.ts';
import { AMOUNT, aFixture, type Fixture } from './fixture.ts';

/* Whose fault it was, when it was no bank's: the customer is needed, or the request was not right. */

const AUTHENTICATION = 'pm_card_authenticationRequired';

/** Everything that is stored, as one text. */
async function stored(fixture: Fixture): Promise<string> {
  const raw = await fixture.database.raw();
  const tables = await Promise.all(
    ['transactions', 'audit_events', 'notifications', 'outages'].map((table) =>
      raw.rows(`select * from ${table}`),
    ),
  );
  return JSON.stringify(tables, (_name, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
}

describe.each(targets)('a card whose bank wants the customer, on $name', (target) => {
  it('fails at once without the customer, whose reference is free to be paid on-session', async () => {
    const fixture = await aFixture(target);
    const run = await fixture.charge('renewal', {
      method: AUTHENTICATION,
      more: ['--reference', 'order-7'],
    });
    expect(run.exitCode).toBe(3);
    expect(run.json()).toMatchObject({
      status: 'failed',
      failure_kind: 'authentication',
      failure_code: 'authentication_required',
      stripe_status: 'canceled',
    });
    expect(run.json()).not.toHaveProperty('client_secret');
    expect(await fixture.pass()).toMatchObject({ exitCode: 0 });
    expect(fixture.mails()).toEqual([
      { to: 'renewal@example.com', subject: 'Your payment of $49.99 needs your confirmation' },
    ]);
    // The key is used up.
    expect(
      await fixture.charge('renewal', { method: AUTHENTICATION, more: ['--reference', 'order-7'] }),
    ).toMatchObject({ exitCode: 3 });

    const onSession = await fixture.charge('by-hand', {
      method: AUTHENTICATION,
      more: ['--reference', 'order-7', '--on-session'],
    });
    expect(onSession.exitCode).toBe(75);
    const { books } = fixture.sandbox;
    const intent = books.paymentIntents.at(-1)!;
    expect(onSession.json()).toMatchObject({
      status: 'pending',
      stripe_status: 'requires_action',
      client_secret: expect.stringMatching(`^${intent.id}_secret_`) as string,
    });
    expect((onSession.json() as { next_action: unknown }).next_action).toMatchObject({
      type: expect.any(String) as string,
    });

    await fixture.settleAtStripe(intent.id, { outcome: 'succeeded' });
    const settled = await fixture.charge('by-hand', {
      method: AUTHENTICATION,
      more: ['--reference', 'order-7', '--on-session'],
    });
    expect(settled.exitCode).toBe(0);
    expect(settled.json()).toMatchObject({ status: 'succeeded', amount_received: AMOUNT });
    expect(settled.json()).not.toHaveProperty('client_secret');

    // What lets a page act for the customer is kept nowhere.
    expect(await stored(fixture)).not.toContain('_secret_');
    for (const command of [['show', 'by-hand'], ['list']]) {
      const { stdout, stderr } = await fixture.run([...command, '--json']);
      expect(stdout + stderr).not.toMatch(/_secret_|client_secret/);
    }
    expect(books.paymentIntents.filter(({ status }) => status === 'succeeded')).toHaveLength(1);
    await fixture.verifyAudit();
  });
});

describe.each(targets)('a request that Stripe refuses, on $name', (target) => {
  it('blames nobody but the request, tells the operator once, and leaves the key to a corrected one', async () => {
    const fixture = await aFixture(target);
    for (const key of ['wrong', 'wrong-too']) {
      const run = await fixture.charge(key, { method: 'pm_1NoSuchMethod' });
      expect(run.exitCode).toBe(2);
      expect(run.json()).toMatchObject({
        status: 'failed',
        attempt: 1,
        failure_kind: 'request',
        failure_code: 'resource_missing',
        payment_intent: null,
      });
    }
    expect(await fixture.pass()).toMatchObject({ exitCode: 0 });
    expect(fixture.mails()).toEqual([
      { to: 'operator@example.com', subject: 'Stripe refuses charges: resource_missing' },
    ]);
    const shown = await fixture.run(['show', 'wrong']);
    expect(shown.stdout).toContain(
      'No bank was asked, nothing was charged. Correct it and charge again with the same key.',
    );
    expect(shown.stdout).not.toMatch(/declined/i);

    const corrected = await fixture.charge('wrong');
    expect(corrected.exitCode).toBe(0);
    expect(corrected.json()).toMatchObject({
      status: 'succeeded',
      attempt: 2,
      failure_kind: null,
      failure_code: null,
      amount_received: AMOUNT,
    });
    const { row, intents, mails } = await fixture.look('wrong');
    expect(row.audit.map(({ action }) => action)).toContain('new_attempt');
    expect(intents).toHaveLength(1);
    expect(mails).toEqual([]);
    expect(await fixture.pass()).toMatchObject({ exitCode: 0 });
    expect(fixture.mails().at(-1)).toEqual({
      to: 'wrong@example.com',
      subject: 'Your payment of $49.99 went through',
    });
    await fixture.verifyAudit();
  });
});
