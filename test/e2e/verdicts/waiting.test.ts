import { describe, expect, it } from 'vitest';
import { targets } from '../../storage/targets.ts';
import { AMOUNT, aFixture, DAY_MS, HOUR_MS, type Fixture } from './fixture.ts';

/** The customer is there, and can authenticate the payment. */
const ON_SESSION = { method: 'pm_card_authenticationRequired', more: ['--on-session'] };

const BANK = { method: 'pm_usBankAccount', more: ['--method-type', 'us_bank_account'] };

/** Debited, but not decided: the bank takes four days. */
async function aDebit(fixture: Fixture, method = BANK.method): Promise<void> {
  expect(await fixture.charge('debit', { ...BANK, method })).toMatchObject({
    exitCode: 75,
    stderr: '',
  });
}

describe.each(targets)('a bank debit in processing, on $name', (target) => {
  it('stays pending without a failed attempt, however often it is asked about, until it succeeds', async () => {
    const fixture = await aFixture(target);
    await aDebit(fixture);
    for (let times = 1; times <= 6; times += 1) {
      expect(await fixture.pass()).toMatchObject({
        exitCode: 0,
        report: { due: 1, pending: 1, stuck: 0, stripe_calls: { list: 1, retrieve: 1, other: 0 } },
      });
    }
    const waiting = await fixture.look('debit');
    expect(waiting.row).toMatchObject({
      status: 'pending',
      step: 'confirm_sent',
      stripe_status: 'processing',
      attempts: 0,
      review: null,
    });
    expect(waiting.mails).toEqual([]);
    expect(await fixture.run(['stuck', 'list', '--json'])).toMatchObject({ exitCode: 0 });

    fixture.sandbox.clock.advance(5 * DAY_MS);
    expect(await fixture.pass()).toMatchObject({
      exitCode: 0,
      report: { due: 1, settled: { succeeded: 1 } },
    });
    const { row, intents, mails } = await fixture.look('debit');
    expect(row).toMatchObject({ status: 'succeeded', stripe_status: 'succeeded', attempts: 0 });
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

  it('is said to be overdue after its time, is never canceled for that, and may still succeed', async () => {
    const fixture = await aFixture(target);
    await aDebit(fixture);
    // Six days are normal for this method, weekend and holiday included; and far past the age ceiling.
    await fixture.age('debit', 6 * DAY_MS);
    expect(await fixture.pass()).toMatchObject({ exitCode: 0, report: { pending: 1, stuck: 0 } });
    await fixture.age('debit', 2 * DAY_MS);
    expect(await fixture.pass()).toMatchObject({
      exitCode: 5,
      report: { due: 1, pending: 1, stuck: 0, settled: { canceled: 0 } },
    });

    const overdue = await fixture.look('debit');
    expect(overdue.row).toMatchObject({
      status: 'pending',
      stripe_status: 'processing',
      attempts: 0,
    });
    expect(overdue.intents).toMatchObject([{ status: 'processing' }]);
    expect(await fixture.run(['stuck', 'list', '--json'])).toMatchObject({
      exitCode: 5,
      stdout: expect.stringContaining(overdue.row.id) as string,
    });
    expect((await fixture.run(['show', 'debit'])).stdout).toMatch(
      /It is overdue: a person\s+should look/,
    );
    expect(fixture.sandbox.books.count('payment_intents.cancel')).toBe(0);

    fixture.sandbox.clock.advance(5 * DAY_MS);
    expect(await fixture.pass()).toMatchObject({
      exitCode: 0,
      report: { due: 1, settled: { succeeded: 1 } },
    });
    const { row, intents, mails } = await fixture.look('debit');
    expect(row).toMatchObject({ status: 'succeeded', review: null });
    expect(intents).toMatchObject([{ status: 'succeeded', amount_received: AMOUNT }]);
    expect(mails).toEqual(['customer_succeeded']);
    await fixture.verifyAudit();
  });

  it('that the bank refuses after days is canceled at Stripe and has failed', async () => {
    const fixture = await aFixture(target);
    await aDebit(fixture, 'pm_usBankAccount_insufficientFunds');
    fixture.sandbox.clock.advance(5 * DAY_MS);
    expect(await fixture.pass()).toMatchObject({
      exitCode: 0,
      report: { due: 1, settled: { succeeded: 0, failed: 1 } },
    });

    const { row, intents, mails } = await fixture.look('debit');
    expect(row).toMatchObject({
      status: 'failed',
      failure_code: 'insufficient_funds',
      failure_message: "The customer's account has insufficient funds to cover this payment.",
    });
    expect(intents).toMatchObject([{ status: 'canceled', amount_received: 0 }]);
    expect(mails).toEqual(['customer_failed']);
    await fixture.verifyAudit();
  });
});

describe.each(targets)('a payment that waits for 3-D Secure, on $name', (target) => {
  it('stays pending without a failed attempt, is overdue after a day, and succeeds when the customer acts', async () => {
    const fixture = await aFixture(target);
    expect(await fixture.charge('secure', ON_SESSION)).toMatchObject({ exitCode: 75, stderr: '' });
    expect(await fixture.pass()).toMatchObject({ exitCode: 0, report: { due: 1, pending: 1 } });
    await fixture.age('secure', 25 * HOUR_MS);
    expect(await fixture.pass()).toMatchObject({
      exitCode: 5,
      report: { due: 1, pending: 1, stuck: 0 },
    });

    const waiting = await fixture.look('secure');
    expect(waiting.row).toMatchObject({
      status: 'pending',
      stripe_status: 'requires_action',
      attempts: 0,
      review: null,
    });
    expect(waiting.intents).toMatchObject([{ status: 'requires_action' }]);
    expect(waiting.mails).toEqual([]);

    await fixture.settleAtStripe(waiting.row.payment_intent!, { outcome: 'succeeded' });
    expect(await fixture.pass()).toMatchObject({
      exitCode: 0,
      report: { settled: { succeeded: 1 } },
    });
    const { row, intents, mails } = await fixture.look('secure');
    expect(row).toMatchObject({ status: 'succeeded' });
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

  it('that the customer fails is canceled at Stripe and has failed', async () => {
    const fixture = await aFixture(target);
    await fixture.charge('secure', ON_SESSION);
    const [intent] = fixture.sandbox.books.paymentIntents;
    await fixture.settleAtStripe(intent!.id, {
      outcome: 'failed',
      code: 'payment_intent_authentication_failure',
      decline_code: null,
      message: 'The provided PaymentMethod has failed authentication.',
    });
    expect(await fixture.pass()).toMatchObject({ exitCode: 0, report: { settled: { failed: 1 } } });

    const { row, intents, mails } = await fixture.look('secure');
    expect(row).toMatchObject({
      status: 'failed',
      failure_kind: 'authentication',
      failure_code: 'payment_intent_authentication_failure',
    });
    expect(intents).toMatchObject([{ status: 'canceled', amount_received: 0 }]);
    expect(mails).toEqual(['customer_authentication']);
    await fixture.verifyAudit();
  });
});
