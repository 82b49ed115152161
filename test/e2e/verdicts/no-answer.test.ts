import { describe, expect, it } from 'vitest';
import { targets } from '../../storage/targets.ts';
import { transactionDocument } from './documents.ts';
import { AMOUNT, aFixture } from './fixture.ts';

/*
 * Every way in which the confirm may go without a usable answer. All of them are pending: whether money
 * moved is what the next pass finds out, by the id that was stored before.
 */

const SHORT = { PAYRECON_STRIPE_DEADLINE: '1s' };

const BROKEN = [
  // The connection breaks; the stripe package asks once more by itself, so both requests are hit.
  { name: 'reset', fault: '#1-2=reset_before', step: 'confirm_sent', truth: 'canceled' },
  { name: 'dropped', fault: '#1-2=drop_after', step: 'confirm_sent', truth: 'succeeded' },
  { name: 'cut', fault: '#1-2=cut_body', step: 'confirm_sent', truth: 'succeeded' },
  { name: 'hanging', fault: '=hang', step: 'confirm_sent', truth: 'succeeded', env: SHORT },
  { name: 'dripping', fault: '=drip', step: 'confirm_sent', truth: 'succeeded', env: SHORT },
] as const;

/** Refused for the moment: tried again within the wait (test/e2e/money/passing.test.ts), so here nobody waits. */
const AT_ONCE = ['--wait', '0s'];

const UNDECIDING = [
  { name: 'server-error', fault: '=500_before', step: 'confirm_sent', truth: 'canceled' },
  { name: 'server-error-after', fault: '=500_after', step: 'confirm_sent', truth: 'succeeded' },
  // This request was not executed, but its twin may be.
  { name: 'conflict', fault: '=409', step: 'confirm_sent', truth: 'canceled' },
  // Refused before anything was executed, and for the first send: the step is taken back.
  { name: 'rate-limited', fault: '=429', step: 'created', truth: 'canceled' },
  { name: 'locked', fault: '=429_lock', step: 'created', truth: 'canceled' },
  { name: 'proxy', fault: '=html_502', step: 'confirm_sent', truth: 'canceled' },
  { name: 'proxy-after', fault: '=html_502_after', step: 'confirm_sent', truth: 'succeeded' },
] as const;

describe.each(targets)('a payment whose confirm got no usable answer, on $name', (target) => {
  it.each([
    { name: 'a broken connection', all: BROKEN },
    { name: 'an answer that decides nothing', all: UNDECIDING },
  ])('because of $name stays pending, and the next pass records what is true', async ({ all }) => {
    const fixture = await aFixture(target);
    for (const lost of all) {
      const run = await fixture.charge(lost.name, {
        faults: `payment_intents.confirm${lost.fault}`,
        more: AT_ONCE,
        ...('env' in lost ? { env: lost.env } : {}),
      });
      expect(transactionDocument.parse(run.json())).toMatchObject({
        status: 'pending',
        step: lost.step,
        attempts: 0,
        settled_at: null,
      });
      expect({ name: lost.name, exitCode: run.exitCode, stderr: run.stderr }).toEqual({
        name: lost.name,
        exitCode: 75,
        stderr: '',
      });
    }
    const succeeded = all.filter(({ truth }) => truth === 'succeeded').length;
    const canceled = all.length - succeeded;
    expect(await fixture.pass()).toMatchObject({
      exitCode: 0,
      report: {
        due: all.length,
        settled: { succeeded, failed: 0, canceled },
        pending: 0,
        stuck: 0,
      },
    });

    for (const { name, step, truth } of all) {
      const { row, intents, mails } = await fixture.look(name);
      expect({ name, status: row.status, step: row.step, attempts: row.attempts }).toEqual({
        name,
        status: truth,
        step: 'settled',
        attempts: 0,
      });
      expect(intents).toEqual([
        {
          id: row.payment_intent,
          status: truth,
          amount: AMOUNT,
          currency: 'usd',
          amount_received: truth === 'succeeded' ? AMOUNT : 0,
        },
      ]);
      // Nobody is told of a payment that was provably never confirmed.
      expect({ name, mails }).toEqual({
        name,
        mails: step === 'created' ? [] : [`customer_${truth}`],
      });
    }
    expect(fixture.mails()).toHaveLength(all.filter(({ step }) => step !== 'created').length);
    await fixture.verifyAudit();
  });

  it('goes on when the caller runs the same command again, and is charged once', async () => {
    const fixture = await aFixture(target);
    const faults = [
      'payment_intents.confirm=html_502',
      'payment_intents.confirm=html_502_after',
      'payment_intents.confirm=429',
    ];
    for (const [index, fault] of faults.entries()) {
      const key = `again-${String(index)}`;
      expect(await fixture.charge(key, { faults: fault, more: AT_ONCE })).toMatchObject({
        exitCode: 75,
      });
      expect(await fixture.charge(key)).toMatchObject({ exitCode: 0 });
    }
    await fixture.pass();
    for (const index of faults.keys()) {
      const { row, intents, mails } = await fixture.look(`again-${String(index)}`);
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
    }
    expect(fixture.sandbox.books.paymentIntents).toHaveLength(faults.length);
    await fixture.verifyAudit();
  });

  it('is fenced off: a confirm that arrives after the cancel charges nobody', async () => {
    const fixture = await aFixture(target);
    await fixture.charge('late', { faults: 'payment_intents.confirm=hang_before', env: SHORT });
    expect(await fixture.pass()).toMatchObject({
      exitCode: 0,
      report: { settled: { succeeded: 0, canceled: 1 } },
    });
    const [intent] = fixture.sandbox.books.paymentIntents;
    await expect(fixture.elsewhere(`/${intent!.id}/confirm`)).rejects.toThrow(
      'payment_intent_unexpected_state',
    );
    expect(fixture.sandbox.books.charges).toEqual([]);
    const { row, intents, mails } = await fixture.look('late');
    expect(row).toMatchObject({ status: 'canceled' });
    expect(intents).toMatchObject([{ status: 'canceled', amount_received: 0 }]);
    expect(mails).toEqual(['customer_canceled']);
    await fixture.verifyAudit();
  });
});
