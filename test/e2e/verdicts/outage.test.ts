import { describe, expect, it } from 'vitest';
import { aRequest } from '../../storage/payments.ts';
import { targets } from '../../storage/targets.ts';
import { pageDocument } from './documents.ts';
import { AMOUNT, aFixture, type Fixture } from './fixture.ts';

const OUTAGE_MAIL = {
  to: 'operator@example.com',
  subject: 'Stripe is not answering; payments are kept as pending',
};

const KINDS = [
  { fault: '500_before', rows: 3, probes: 1 },
  // The stripe package tries a connection that breaks once more by itself.
  { fault: 'reset_before', rows: 3, probes: 2 },
  // A rate limit is taken for an outage only when five calls in a row meet it.
  { fault: '429', rows: 5, probes: 1 },
];

/** Charges whose answers were all lost: Stripe has the money, the ledger does not know. */
async function lostPayments(fixture: Fixture, rows: number): Promise<readonly string[]> {
  const keys = Array.from({ length: rows }, (_, index) => `lost-${String(index)}`);
  fixture.sandbox.setFaults('payment_intents.confirm#*=html_502_after');
  const payrecon = await fixture.open('charge');
  for (const key of keys) {
    const outcome = await payrecon.charge(
      aRequest({ key, amount: AMOUNT, paymentMethod: 'pm_card_visa', email: `${key}@example.com` }),
      { waitMs: 0, waitForOutcome: false, allowDuplicate: true },
    );
    expect(outcome.transaction).toMatchObject({ status: 'pending', step: 'confirm_sent' });
  }
  fixture.sandbox.setFaults('');
  return keys;
}

describe.each(targets)('an outage of Stripe, on $name', (target) => {
  it.each(KINDS)(
    'by $fault spends no attempt, is told once, is probed by the next pass, and ends',
    async ({ fault, rows, probes }) => {
      const fixture = await aFixture(target);
      const keys = await lostPayments(fixture, rows);
      const { books } = fixture.sandbox;
      fixture.sandbox.setFaults(`outage:${fault}`);
      expect(await fixture.pass()).toMatchObject({
        exitCode: 69,
        report: {
          due: rows,
          pending: rows,
          stuck: 0,
          settled: { succeeded: 0, failed: 0, canceled: 0 },
          outage: true,
        },
      });
      expect(fixture.mails()).toEqual([OUTAGE_MAIL]);

      // The next pass asks one question and leaves the payments alone; nobody is told again.
      const before = { ...books.counts };
      expect(await fixture.pass()).toMatchObject({
        exitCode: 69,
        report: { due: 0, outage: true, stripe_calls: { list: 0, retrieve: 0 } },
      });
      expect(books.count('payment_intents.retrieve')).toBe(before['payment_intents.retrieve']);
      expect(books.count('account') - (before['account'] ?? 0)).toBe(probes);
      expect(fixture.mails()).toEqual([OUTAGE_MAIL]);
      const waiting = await fixture.run(['list', '--status', 'pending', '--json']);
      const { data } = pageDocument.parse(waiting.json());
      expect(
        data.map(({ status, step, attempts, review }) => ({ status, step, attempts, review })),
      ).toEqual(
        keys.map(() => ({ status: 'pending', step: 'confirm_sent', attempts: 0, review: null })),
      );

      fixture.sandbox.setFaults('');
      expect(await fixture.pass()).toMatchObject({
        exitCode: 0,
        report: { due: rows, pending: 0, settled: { succeeded: rows }, outage: false },
      });
      for (const key of keys) {
        const { row, intents, mails } = await fixture.look(key);
        expect(row).toMatchObject({ status: 'succeeded', attempts: 0 });
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
      await fixture.verifyAudit();
    },
  );

  it('that comes back after it has ended is told again', async () => {
    const fixture = await aFixture(target);
    await fixture.charge('one', { faults: 'payment_intents.confirm=html_502_after' });
    for (const told of [1, 2]) {
      fixture.sandbox.setFaults('outage:500_before');
      expect(await fixture.pass()).toMatchObject({ exitCode: 69, report: { outage: true } });
      expect(fixture.mails().filter(({ subject }) => subject === OUTAGE_MAIL.subject)).toHaveLength(
        told,
      );
      fixture.sandbox.setFaults('');
      expect(await fixture.pass()).toMatchObject({
        exitCode: 0,
        report: { outage: false, settled: { succeeded: 1 } },
      });
      if (told === 1)
        await fixture.charge('two', { faults: 'payment_intents.confirm=html_502_after' });
    }
    expect((await fixture.look('one')).row).toMatchObject({ status: 'succeeded', attempts: 0 });
    expect((await fixture.look('two')).row).toMatchObject({ status: 'succeeded', attempts: 0 });
    expect(fixture.sandbox.books.succeededCount()).toBe(2);
    await fixture.verifyAudit();
  });
});
