import { describe, expect, it } from 'vitest';
import { targets } from '../../storage/targets.ts';
import { AMOUNT, aScene } from './scene.ts';

describe.each(targets)('a payment that succeeded, on $name', (target) => {
  it('is recorded as succeeded, and the customer is told once', async () => {
    const scene = await aScene(target);
    expect(await scene.charge('paid')).toMatchObject({ exitCode: 0, stderr: '' });
    expect(await scene.pass()).toMatchObject({ exitCode: 0, report: { due: 0, stripe_calls: { list: 0, retrieve: 0, other: 0 } } });

    const { row, intents, mails } = await scene.look('paid');
    expect(row).toMatchObject({ status: 'succeeded', step: 'settled', stripe_status: 'succeeded', amount: AMOUNT, currency: 'usd', attempts: 0, review: null, next_attempt_at: null });
    expect(row.audit.map(({ action }) => action)).toEqual(['opened', 'confirm_sent', 'settled']);
    expect(intents).toEqual([{ id: row.payment_intent, status: 'succeeded', amount: AMOUNT, currency: 'usd', amount_received: AMOUNT }]);
    expect(mails).toEqual(['customer_succeeded']);
    expect(scene.mails()).toEqual([{ to: 'paid@example.com', subject: 'Your payment of $49.99 went through' }]);
    expect(scene.sandbox.books.counts).toEqual({ 'payment_intents.create': 1, 'payment_intents.confirm': 1, 'mail.send': 1 });
    await scene.verifyAudit();
  });

  it('is found by the next pass when the answer to the confirm was lost', async () => {
    const scene = await aScene(target);
    expect(await scene.charge('lost', { faults: 'payment_intents.confirm#1-2=drop_after' })).toMatchObject({ exitCode: 75 });
    expect(await scene.pass()).toMatchObject({ exitCode: 0, report: { due: 1, settled: { succeeded: 1 }, stripe_calls: { list: 0, retrieve: 1, other: 0 } } });

    const { row, intents, mails } = await scene.look('lost');
    expect(row).toMatchObject({ status: 'succeeded', step: 'settled', amount: AMOUNT, currency: 'usd' });
    expect(intents).toEqual([{ id: row.payment_intent, status: 'succeeded', amount: AMOUNT, currency: 'usd', amount_received: AMOUNT }]);
    expect(mails).toEqual(['customer_succeeded']);
    await scene.verifyAudit();
  });

  it.each([
    { name: 'amount', settlement: { amount: 5999 }, took: { amount: 5999, currency: 'usd' }, said: 'Stripe took $59.99, but $49.99 was asked for' },
    { name: 'currency', settlement: { currency: 'eur' }, took: { amount: AMOUNT, currency: 'eur' }, said: 'Stripe took €49.99, but $49.99 was asked for' },
  ])('with another $name is stuck, and the operator is told', async ({ settlement, took, said }) => {
    const scene = await aScene(target);
    // The request to confirm never arrived; somebody has changed the payment and confirmed it.
    await scene.charge('other', { faults: 'payment_intents.confirm=html_502' });
    const [intent] = scene.sandbox.books.paymentIntents;
    await scene.settleAtStripe(intent!.id, { outcome: 'succeeded', late: true, ...settlement });
    expect(await scene.pass()).toMatchObject({ exitCode: 5, report: { due: 1, stuck: 1, settled: { succeeded: 0 } } });

    const { row, intents, mails } = await scene.look('other');
    expect(row).toMatchObject({ status: 'stuck', amount: AMOUNT, currency: 'usd', settled_at: null });
    expect(row.review).toMatchObject({
      reason: 'amount_mismatch',
      message: said,
      evidence: { payment_intent: intent!.id, ...took, expected_amount: AMOUNT, expected_currency: 'usd' },
      resolution: null,
    });
    expect(intents).toEqual([{ id: row.payment_intent, status: 'succeeded', ...took, amount_received: took.amount }]);
    expect(mails).toEqual(['operator_stuck']);
    expect(scene.mails()).toEqual([{ to: 'operator@example.com', subject: 'A payment needs your decision: $49.99, other' }]);

    // Looking again finds the same, and tells nobody twice.
    expect(await scene.pass()).toMatchObject({ exitCode: 5, report: { due: 1, stuck: 1 } });
    expect(scene.mails()).toHaveLength(1);
    expect(await scene.charge('other')).toMatchObject({ exitCode: 5 });
    await scene.verifyAudit();
  });
});
