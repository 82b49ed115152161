import { describe, expect, it } from 'vitest';
import { aRequest } from '../../storage/payments.ts';
import { targets } from '../../storage/targets.ts';
import { pageDocument } from './documents.ts';
import { AMOUNT, aScene, type Scene } from './scene.ts';

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
async function lostPayments(scene: Scene, rows: number): Promise<readonly string[]> {
  const keys = Array.from({ length: rows }, (_, index) => `lost-${String(index)}`);
  scene.sandbox.setFaults('payment_intents.confirm#*=html_502_after');
  const payrecon = await scene.open('charge');
  for (const key of keys) {
    const outcome = await payrecon.charge(
      aRequest({ key, amount: AMOUNT, paymentMethod: 'pm_card_visa', email: `${key}@example.com` }),
      { waitMs: 0, waitForOutcome: false, allowDuplicate: true },
    );
    expect(outcome.transaction).toMatchObject({ status: 'pending', step: 'confirm_sent' });
  }
  scene.sandbox.setFaults('');
  return keys;
}

describe.each(targets)('an outage of Stripe, on $name', (target) => {
  it.each(KINDS)(
    'by $fault spends no attempt, is told once, is probed by the next pass, and ends',
    async ({ fault, rows, probes }) => {
      const scene = await aScene(target);
      const keys = await lostPayments(scene, rows);
      const { books } = scene.sandbox;
      scene.sandbox.setFaults(`outage:${fault}`);
      expect(await scene.pass()).toMatchObject({
        exitCode: 69,
        report: {
          due: rows,
          pending: rows,
          stuck: 0,
          settled: { succeeded: 0, failed: 0, canceled: 0 },
          outage: true,
        },
      });
      expect(scene.mails()).toEqual([OUTAGE_MAIL]);

      // The next pass asks one question and leaves the payments alone; nobody is told again.
      const before = { ...books.counts };
      expect(await scene.pass()).toMatchObject({
        exitCode: 69,
        report: { due: 0, outage: true, stripe_calls: { list: 0, retrieve: 0 } },
      });
      expect(books.count('payment_intents.retrieve')).toBe(before['payment_intents.retrieve']);
      expect(books.count('account') - (before['account'] ?? 0)).toBe(probes);
      expect(scene.mails()).toEqual([OUTAGE_MAIL]);
      const waiting = await scene.run(['list', '--status', 'pending', '--json']);
      const { data } = pageDocument.parse(waiting.json());
      expect(
        data.map(({ status, step, attempts, review }) => ({ status, step, attempts, review })),
      ).toEqual(
        keys.map(() => ({ status: 'pending', step: 'confirm_sent', attempts: 0, review: null })),
      );

      scene.sandbox.setFaults('');
      expect(await scene.pass()).toMatchObject({
        exitCode: 0,
        report: { due: rows, pending: 0, settled: { succeeded: rows }, outage: false },
      });
      for (const key of keys) {
        const { row, intents, mails } = await scene.look(key);
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
      await scene.verifyAudit();
    },
  );

  it('that comes back after it has ended is told again', async () => {
    const scene = await aScene(target);
    await scene.charge('one', { faults: 'payment_intents.confirm=html_502_after' });
    for (const told of [1, 2]) {
      scene.sandbox.setFaults('outage:500_before');
      expect(await scene.pass()).toMatchObject({ exitCode: 69, report: { outage: true } });
      expect(scene.mails().filter(({ subject }) => subject === OUTAGE_MAIL.subject)).toHaveLength(
        told,
      );
      scene.sandbox.setFaults('');
      expect(await scene.pass()).toMatchObject({
        exitCode: 0,
        report: { outage: false, settled: { succeeded: 1 } },
      });
      if (told === 1)
        await scene.charge('two', { faults: 'payment_intents.confirm=html_502_after' });
    }
    expect((await scene.look('one')).row).toMatchObject({ status: 'succeeded', attempts: 0 });
    expect((await scene.look('two')).row).toMatchObject({ status: 'succeeded', attempts: 0 });
    expect(scene.sandbox.books.succeededCount()).toBe(2);
    await scene.verifyAudit();
  });
});
