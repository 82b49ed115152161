import { describe, expect, it } from 'vitest';
import { targets } from '../../storage/targets.ts';
import { AMOUNT, aFixture } from './fixture.ts';

const DECLINES = [
  { method: 'pm_card_chargeDeclined', code: 'generic_decline', message: 'Your card was declined.' },
  {
    method: 'pm_card_chargeDeclinedInsufficientFunds',
    code: 'insufficient_funds',
    message: 'Your card has insufficient funds.',
  },
  {
    method: 'pm_card_chargeDeclinedLostCard',
    code: 'lost_card',
    message: 'Your card was declined.',
  },
  // These have no decline code of their own; Stripe's error code says it.
  {
    method: 'pm_card_chargeDeclinedExpiredCard',
    code: 'expired_card',
    message: 'Your card has expired.',
  },
  {
    method: 'pm_card_chargeDeclinedIncorrectCvc',
    code: 'incorrect_cvc',
    message: "Your card's security code is incorrect.",
  },
];

const CANCELED = { status: 'canceled', amount: AMOUNT, currency: 'usd', amount_received: 0 };

describe.each(targets)('a payment that was declined, on $name', (target) => {
  it('has failed with the decline code once it is canceled at Stripe, and the customer is told', async () => {
    const fixture = await aFixture(target);
    for (const { method, code } of DECLINES)
      expect(await fixture.charge(code, { method })).toMatchObject({ exitCode: 3, stderr: '' });
    expect(await fixture.pass()).toMatchObject({ exitCode: 0, report: { due: 0 } });

    for (const { code, message } of DECLINES) {
      const { row, intents, mails } = await fixture.look(code);
      expect(row).toMatchObject({
        status: 'failed',
        step: 'settled',
        failure_kind: 'declined',
        failure_code: code,
        failure_message: message,
        stripe_status: 'canceled',
        next_attempt_at: null,
      });
      expect(row.audit.map(({ action }) => action)).toEqual([
        'opened',
        'confirm_sent',
        'cancel_sent',
        'settled',
      ]);
      expect(row.audit[2]?.detail).toMatchObject({ because: 'declined' });
      expect(intents).toEqual([{ id: row.payment_intent, ...CANCELED }]);
      expect(mails).toEqual(['customer_failed']);
    }
    expect(fixture.mails()).toContainEqual({
      to: 'lost_card@example.com',
      subject: 'Your payment of $49.99 did not go through',
    });
    // The bank's word is the customer's: what it says about stolen cards is not passed on.
    expect(fixture.sandbox.books.mails.map(({ text }) => text).join()).not.toMatch(
      /lost_card|lost card/,
    );
    expect(fixture.sandbox.books.count('payment_intents.confirm')).toBe(DECLINES.length);
    await fixture.verifyAudit();
  });

  it('stays pending while the cancel is lost, and has failed after the next pass', async () => {
    const fixture = await aFixture(target);
    const faults = 'payment_intents.cancel=html_502';
    expect(
      await fixture.charge('declined', {
        method: 'pm_card_chargeDeclinedInsufficientFunds',
        faults,
      }),
    ).toMatchObject({ exitCode: 75 });

    const before = await fixture.look('declined');
    expect(before.row).toMatchObject({
      status: 'pending',
      step: 'cancel_sent',
      failure_code: 'insufficient_funds',
      settled_at: null,
    });
    expect(before.intents).toEqual([
      { ...CANCELED, id: before.row.payment_intent, status: 'requires_payment_method' },
    ]);

    expect(await fixture.pass()).toMatchObject({
      exitCode: 0,
      report: { due: 1, settled: { succeeded: 0, failed: 1, canceled: 0 } },
    });
    const { row, intents, mails } = await fixture.look('declined');
    expect(row).toMatchObject({
      status: 'failed',
      step: 'settled',
      failure_code: 'insufficient_funds',
      failure_message: 'Your card has insufficient funds.',
    });
    expect(intents).toEqual([{ id: row.payment_intent, ...CANCELED }]);
    expect(mails).toEqual(['customer_failed']);
    await fixture.verifyAudit();
  });

  it('keeps its decline code when the cancel had worked and only its answer was lost', async () => {
    const fixture = await aFixture(target);
    const faults = 'payment_intents.cancel=html_502_after';
    expect(
      await fixture.charge('declined', { method: 'pm_card_chargeDeclined', faults }),
    ).toMatchObject({ exitCode: 75 });
    expect(await fixture.pass()).toMatchObject({
      exitCode: 0,
      report: { settled: { failed: 1 }, stripe_calls: { list: 1, retrieve: 1, other: 0 } },
    });

    const { row, intents, mails } = await fixture.look('declined');
    expect(row).toMatchObject({ status: 'failed', failure_code: 'generic_decline' });
    expect(intents).toEqual([{ id: row.payment_intent, ...CANCELED }]);
    expect(mails).toEqual(['customer_failed']);
    await fixture.verifyAudit();
  });

  it('keeps the decline when the answer to the confirm was lost: the next pass reads it from the intent', async () => {
    const fixture = await aFixture(target);
    const faults = 'payment_intents.confirm=html_502_after';
    expect(
      await fixture.charge('declined', { method: 'pm_card_chargeDeclinedExpiredCard', faults }),
    ).toMatchObject({ exitCode: 75 });
    expect(await fixture.pass()).toMatchObject({ exitCode: 0, report: { settled: { failed: 1 } } });

    const { row, intents, mails } = await fixture.look('declined');
    expect(row).toMatchObject({
      status: 'failed',
      failure_code: 'expired_card',
      failure_message: 'Your card has expired.',
    });
    expect(intents).toEqual([{ id: row.payment_intent, ...CANCELED }]);
    expect(mails).toEqual(['customer_failed']);
    await fixture.verifyAudit();
  });
});

describe.each(targets)(
  'a payment that somebody else has canceled at Stripe, on $name',
  (target) => {
    it('is recorded as canceled, and the customer is told', async () => {
      const fixture = await aFixture(target);
      expect(
        await fixture.charge('canceled', {
          method: 'pm_card_authenticationRequired',
          more: ['--on-session'],
        }),
      ).toMatchObject({ exitCode: 75 });
      const [intent] = fixture.sandbox.books.paymentIntents;
      await fixture.elsewhere(`/${intent!.id}/cancel`, {
        cancellation_reason: 'requested_by_customer',
      });
      expect(await fixture.pass()).toMatchObject({
        exitCode: 0,
        report: { due: 1, settled: { succeeded: 0, failed: 0, canceled: 1 } },
      });

      const { row, intents, mails } = await fixture.look('canceled');
      expect(row).toMatchObject({
        status: 'canceled',
        step: 'settled',
        stripe_status: 'canceled',
        canceled_by: 'person',
        failure_kind: null,
        failure_code: null,
      });
      expect(row.audit.at(-1)).toMatchObject({
        action: 'settled',
        detail: { cancellation_reason: 'requested_by_customer' },
      });
      expect(intents).toEqual([{ id: row.payment_intent, ...CANCELED }]);
      expect(mails).toEqual(['customer_canceled']);
      expect(fixture.mails()).toEqual([
        { to: 'canceled@example.com', subject: 'Your payment of $49.99 was canceled' },
      ]);
      expect(
        await fixture.charge('canceled', {
          method: 'pm_card_authenticationRequired',
          more: ['--on-session'],
        }),
      ).toMatchObject({ exitCode: 3 });
      await fixture.verifyAudit();
    });
  },
);
