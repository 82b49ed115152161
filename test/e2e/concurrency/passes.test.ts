import { describe, expect, test } from 'vitest';
import { MIGRATIONS } from '../../../migrations/list.ts';
import { postgres, targets } from '../../storage/targets.ts';
import { evidenceSource } from '../../support/evidence.ts';
import { expectInvariants } from '../../support/invariants.ts';
import { aPaymentWorld, type PaymentWorld } from '../../support/payment-world.ts';
import { aCharge } from '../../faults/lane.ts';
import { chargeCommand, runAtOnce, transactionOf } from './wave.ts';

const PAYMENTS = 24;
const PASSES = 4;
const env = { PAYRECON_STRIPE_DEADLINE: '15s', PAYRECON_DUPLICATE_WINDOW: '0' };

/** Payments whose confirm went through, was declined, or never arrived; of none of them has the answer come. */
async function loseAnswers(world: PaymentWorld): Promise<void> {
  const payrecon = await world.open('charge');
  const faults = ['html_502_after', 'html_502_after', 'html_502'];
  for (let number = 0; number < PAYMENTS; number += 1) {
    world.sandbox.setFaults(`payment_intents.confirm=${faults[number % faults.length] ?? ''}`);
    const paymentMethod = number % 3 === 1 ? 'pm_card_chargeDeclined' : 'pm_card_visa';
    const { transaction } = await payrecon.charge(
      aCharge({ key: `order-${number}`, paymentMethod }),
      { waitMs: 0, waitForOutcome: false, allowDuplicate: false },
    );
    expect(transaction.status).toBe('pending');
  }
  world.sandbox.setFaults('');
}

describe.each(targets)('at the same moment on $name', (target) => {
  test(
    'several passes settle every payment once, and send one e-mail each',
    { timeout: 120_000 },
    async () => {
      const world = await aPaymentWorld(target, { env });
      await loseAnswers(world);
      const results = await runAtOnce(
        world,
        Array.from({ length: PASSES }, () => ['reconcile', '--json']),
      );
      expect(results.map(({ exitCode }) => exitCode)).toEqual(results.map(() => 0));
      expect(results.map(({ stderr }) => stderr)).toEqual(results.map(() => ''));
      const settled = results.map(
        (result) =>
          (result.json() as { settled: { succeeded: number; failed: number; canceled: number } })
            .settled,
      );
      const sum = (name: 'succeeded' | 'failed' | 'canceled'): number =>
        settled.reduce((total, each) => total + each[name], 0);
      expect({
        succeeded: sum('succeeded'),
        failed: sum('failed'),
        canceled: sum('canceled'),
      }).toEqual({ succeeded: PAYMENTS / 3, failed: PAYMENTS / 3, canceled: PAYMENTS / 3 });
      expect(world.sandbox.books.mails).toHaveLength(PAYMENTS);
      await expectInvariants(await evidenceSource(world.sandbox.books, world.database), {
        atRest: true,
      });
    },
  );

  test(
    'passes and the customers who try again agree on every payment',
    { timeout: 120_000 },
    async () => {
      const world = await aPaymentWorld(target, { env });
      await loseAnswers(world);
      const customers = [0, 2, 3, 5, 6, 8].map((number) =>
        chargeCommand(`order-${number}`, '--email', 'ada@example.com'),
      );
      const results = await runAtOnce(world, [
        ...customers,
        ['reconcile', '--json'],
        ['reconcile', '--json'],
      ]);
      const answers = results
        .slice(0, customers.length)
        .map((result) => ({ exit: result.exitCode, status: transactionOf(result).status }));
      const honest = [
        { exit: 0, status: 'succeeded' },
        { exit: 3, status: 'canceled' },
        { exit: 75, status: 'pending' },
      ];
      for (const answer of answers) expect(honest).toContainEqual(answer);
      expect(results.slice(customers.length).map(({ exitCode }) => exitCode)).toEqual([0, 0]);
      expect((await world.run(['reconcile'])).exitCode).toBe(0);
      await expectInvariants(await evidenceSource(world.sandbox.books, world.database), {
        atRest: true,
      });
    },
  );
});

test(
  'twenty processes that migrate one PostgreSQL database make one schema',
  { timeout: 120_000 },
  async () => {
    const { url } = await postgres.fresh();
    const results = await runAtOnce(
      { env: { DATABASE_URL: url } },
      Array.from({ length: 20 }, () => ['migrate', '--json']),
    );
    expect(results.map(({ exitCode }) => exitCode)).toEqual(results.map(() => 0));
    // Whoever found nothing there says that it made the ledger, and where; nothing else is said.
    const notices = results.flatMap(({ stderr }) =>
      stderr.split('\n').filter((line) => line !== ''),
    );
    expect(notices.length).toBeGreaterThan(0);
    expect(new Set(notices)).toEqual(
      new Set([JSON.stringify({ notice: `made a new ledger at ${url}` })]),
    );
    const made = results
      .map((result) => (result.json() as { migrations: readonly string[] }).migrations)
      .filter((names) => names.length > 0);
    expect(made).toEqual([MIGRATIONS.map(({ name }) => name)]);
  },
);
