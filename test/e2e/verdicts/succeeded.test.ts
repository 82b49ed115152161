import { describe, expect, it } from 'vitest';
import { targets } from '../../storage/targets.ts';
import { AMOUNT, aFixture } from './fixture.ts';

/** What was asked for, and received. */
const SUM = {
  amount: AMOUNT,
  currency: 'usd',
  amount_decimal: '49.99',
  amount_received: AMOUNT,
  currency_received: 'usd',
};

describe.each(targets)('a payment that succeeded, on $name', (target) => {
  it('is recorded as succeeded, and the customer is told once', async () => {
    const fixture = await aFixture(target);
    expect(await fixture.charge('paid')).toMatchObject({ exitCode: 0, stderr: '' });
    // One page of the list a pass: whether the ledger has all of its payments.
    expect(await fixture.pass()).toMatchObject({
      exitCode: 0,
      report: { due: 0, stripe_calls: { list: 1, retrieve: 0, other: 0 } },
    });

    const { row, intents, mails } = await fixture.look('paid');
    expect(row).toMatchObject({
      status: 'succeeded',
      step: 'settled',
      stripe_status: 'succeeded',
      attempt: 1,
      ...SUM,
      attempts: 0,
      review: null,
      next_attempt_at: null,
    });
    expect(row.audit.map(({ action }) => action)).toEqual(['opened', 'confirm_sent', 'settled']);
    expect(intents).toEqual([
      {
        id: row.payment_intent,
        status: 'succeeded',
        amount: AMOUNT,
        currency: 'usd',
        amount_received: AMOUNT,
      },
    ]);
    expect(mails).toEqual(['customer_succeeded']);
    expect(fixture.mails()).toEqual([
      { to: 'paid@example.com', subject: 'Your payment of $49.99 went through' },
    ]);
    expect(fixture.sandbox.books.counts).toEqual({
      'payment_intents.create': 1,
      'payment_intents.confirm': 1,
      'payment_intents.list': 1,
      'mail.send': 1,
    });
    await fixture.verifyAudit();
  });

  it('is found by the next pass when the answer to the confirm was lost', async () => {
    const fixture = await aFixture(target);
    expect(
      await fixture.charge('lost', { faults: 'payment_intents.confirm#1-2=drop_after' }),
    ).toMatchObject({ exitCode: 75 });
    expect(await fixture.pass()).toMatchObject({
      exitCode: 0,
      report: {
        due: 1,
        settled: { succeeded: 1 },
        stripe_calls: { list: 1, retrieve: 1, other: 0 },
      },
    });

    const { row, intents, mails } = await fixture.look('lost');
    expect(row).toMatchObject({ status: 'succeeded', step: 'settled', ...SUM });
    expect(intents).toEqual([
      {
        id: row.payment_intent,
        status: 'succeeded',
        amount: AMOUNT,
        currency: 'usd',
        amount_received: AMOUNT,
      },
    ]);
    expect(mails).toEqual(['customer_succeeded']);
    await fixture.verifyAudit();
  });

  it.each([
    {
      name: 'amount',
      settlement: { amount: 5999 },
      took: { amount: 5999, currency: 'usd' },
      shown: '$59.99',
    },
    {
      name: 'currency',
      settlement: { currency: 'eur' },
      took: { amount: AMOUNT, currency: 'eur' },
      shown: '€49.99',
    },
  ])(
    'with another $name is stuck, and the operator is told; what a person accepts is shown and told',
    async ({ settlement, took, shown }) => {
      const fixture = await aFixture(target);
      await fixture.charge('first');
      // The request to confirm never arrived; somebody has changed the payment and confirmed it.
      await fixture.charge('other', { faults: 'payment_intents.confirm=html_502' });
      const intent = fixture.sandbox.books.paymentIntents.at(-1);
      await fixture.settleAtStripe(intent!.id, { outcome: 'succeeded', late: true, ...settlement });
      expect(await fixture.pass()).toMatchObject({
        exitCode: 5,
        report: { due: 1, stuck: 1, settled: { succeeded: 0 } },
      });

      const { row, intents, mails } = await fixture.look('other');
      const received = { amount_received: took.amount, currency_received: took.currency };
      expect(row).toMatchObject({
        status: 'stuck',
        amount: AMOUNT,
        currency: 'usd',
        ...received,
        settled_at: null,
      });
      expect(row.review).toMatchObject({
        reason: 'amount_mismatch',
        message: `Stripe took ${shown}, but $49.99 was asked for`,
        evidence: {
          payment_intent: intent!.id,
          ...took,
          expected_amount: AMOUNT,
          expected_currency: 'usd',
        },
        resolution: null,
      });
      expect(intents).toEqual([
        { id: row.payment_intent, status: 'succeeded', ...took, amount_received: took.amount },
      ]);
      expect(mails).toEqual(['operator_stuck']);
      const told = (): readonly string[] =>
        fixture
          .mails()
          .map(({ to, subject }) => `${to}: ${subject}`)
          .filter((mail) => !mail.startsWith('first@'));
      expect(told()).toEqual([
        `operator@example.com: A payment needs your decision: ${shown} received, $49.99 asked for, other`,
      ]);

      // Looking again finds the same, and tells nobody twice.
      expect(await fixture.pass()).toMatchObject({ exitCode: 5, report: { due: 1, stuck: 1 } });
      expect(told()).toHaveLength(1);
      expect(await fixture.charge('other')).toMatchObject({ exitCode: 5 });

      // From the decision on every view names what was taken.
      const resolved = await fixture.run([
        'stuck',
        'resolve',
        'other',
        '--as',
        'succeeded',
        '--reason',
        'the customer agreed',
        '--yes',
      ]);
      expect(resolved).toMatchObject({
        exitCode: 0,
        stdout: expect.stringContaining(`✓ succeeded  ${shown} (asked for $49.99)\n`) as string,
      });
      const listed = await fixture.run(['list', '--status', 'succeeded']);
      expect(listed.stdout).toContain(`${shown} (asked for $49.99)`);
      const repeated = await fixture.charge('other');
      expect(repeated).toMatchObject({ exitCode: 0 });
      expect(repeated.json()).toMatchObject({
        status: 'succeeded',
        amount: AMOUNT,
        currency: 'usd',
        ...received,
      });
      expect(await fixture.pass()).toMatchObject({ exitCode: 0 });
      expect(told().at(-1)).toBe(`other@example.com: Your payment of ${shown} went through`);
      expect(fixture.sandbox.books.mails.at(-1)?.text).toContain(
        `$49.99 was asked for, and ${shown} was charged.`,
      );
      await fixture.verifyAudit();
    },
  );
});
