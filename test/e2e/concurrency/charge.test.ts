import { describe, expect, test } from 'vitest';
import { targets, type Target } from '../../storage/targets.ts';
import { bindLedger } from '../../support/bound-ledger.ts';
import { evidenceSource } from '../../support/evidence.ts';
import { expectInvariants } from '../../support/invariants.ts';
import { aPaymentWorld, TEST_KEY, type PaymentWorld } from '../../support/payment-world.ts';
import { DEFAULT_ACCOUNT } from '../../../src/sandbox/stripe/owner.ts';
import { chargeCommand, errorCodeOf, runAtOnce, transactionOf } from './wave.ts';

const PROCESSES = 20;
/** So that none of them takes a busy machine for a lost answer. */
const env = { PAYRECON_STRIPE_DEADLINE: '15s' };
const numbers = Array.from({ length: PROCESSES }, (_, index) => index + 1);

function codes(
  results: readonly { readonly exitCode: number | undefined }[],
): readonly (number | undefined)[] {
  return [...new Set(results.map(({ exitCode }) => exitCode))].sort();
}

async function expectOnePayment(world: PaymentWorld): Promise<void> {
  expect(world.sandbox.books.paymentIntents.map(({ status }) => status)).toEqual(['succeeded']);
  expect(world.sandbox.books.charges).toHaveLength(1);
  const source = await evidenceSource(world.sandbox.books, world.database);
  await expectInvariants(source, { atRest: false });
  expect(await source.raw.rows('select status, lease_token from transactions')).toEqual([
    { status: 'succeeded', lease_token: null },
  ]);
}

/** A ledger in use: what a first use asks and says is another test's. */
async function aKnownWorld(
  target: Target,
  settings: Readonly<Record<string, string>>,
): Promise<PaymentWorld> {
  const world = await aPaymentWorld(target, { env: settings });
  await bindLedger(world.database, TEST_KEY);
  return world;
}

describe.each(targets)('twenty processes on $name', (target) => {
  test(
    'with one key and a ledger that none of them has seen: one payment, one answer',
    { timeout: 120_000 },
    async () => {
      const world = await aPaymentWorld(target, { env });
      const results = await runAtOnce(
        world,
        numbers.map(() => chargeCommand('order-1', '--email', 'ada@example.com')),
      );
      // Each that found it unbound says whose it is from now on, and nothing else.
      const notices = results.flatMap(({ stderr }) =>
        stderr.split('\n').filter((line) => line !== ''),
      );
      expect(notices.length).toBeGreaterThan(0);
      expect(new Set(notices)).toEqual(
        new Set([
          JSON.stringify({
            notice: `this ledger belongs to account ${DEFAULT_ACCOUNT} in test mode from now on`,
          }),
        ]),
      );
      expect([[0], [0, 75]]).toContainEqual(codes(results));
      const said = results.map(transactionOf);
      expect(new Set(said.map(({ id }) => id)).size).toBe(1);
      for (const [index, { status }] of said.entries())
        expect({ status, exit: results[index]?.exitCode }).toEqual(
          status === 'succeeded' ? { status, exit: 0 } : { status: 'pending', exit: 75 },
        );

      const again = await Promise.all(
        [1, 2, 3].map(() => world.run(chargeCommand('order-1', '--email', 'ada@example.com'))),
      );
      expect(codes(again)).toEqual([0]);
      expect(new Set([...said, ...again.map(transactionOf)].map(({ id }) => id)).size).toBe(1);
      await expectOnePayment(world);
    },
  );

  test(
    'with one key, while Stripe takes its time and nobody waits: one payment, the others say pending',
    { timeout: 120_000 },
    async () => {
      const world = await aKnownWorld(target, env);
      world.sandbox.setFaults('payment_intents.confirm#*=slow:3000');
      const results = await runAtOnce(
        world,
        numbers.map(() => chargeCommand('order-1', '--wait', '0s')),
      );
      expect(results.map(({ stderr }) => stderr).filter((said) => said !== '')).toEqual([]);
      expect(results.filter(({ exitCode }) => exitCode === 75).length).toBeGreaterThan(0);
      expect([[0, 75], [75]]).toContainEqual(codes(results));
      expect(new Set(results.map((result) => transactionOf(result).id)).size).toBe(1);
      // Whoever does not hold the payment asks Stripe nothing about it.
      expect(world.sandbox.books.counts).toEqual({
        'payment_intents.create': 1,
        'payment_intents.confirm': 1,
      });
      world.sandbox.setFaults('');
      expect((await world.run(chargeCommand('order-1', '--wait', '0s'))).exitCode).toBe(0);
      await expectOnePayment(world);
    },
  );

  test(
    'with twenty keys and one reference: one payment, the others are refused',
    { timeout: 120_000 },
    async () => {
      const world = await aKnownWorld(target, { ...env, PAYRECON_DUPLICATE_WINDOW: '0' });
      const results = await runAtOnce(
        world,
        numbers.map((number) => chargeCommand(`order-${number}`, '--reference', 'basket 7')),
      );
      expect(results.map(({ exitCode }) => exitCode).sort()).toEqual([
        0,
        ...numbers.slice(1).map(() => 4),
      ]);
      expect(results.map(errorCodeOf).filter((code) => code !== null)).toEqual(
        numbers.slice(1).map(() => 'reference_taken'),
      );
      expect(new Set(results.map((result) => transactionOf(result).id)).size).toBe(1);
      await expectOnePayment(world);
    },
  );

  test(
    'with twenty keys and the same customer, card and amount: the guard lets one through',
    { timeout: 120_000 },
    async () => {
      const world = await aKnownWorld(target, env);
      const results = await runAtOnce(
        world,
        numbers.map((number) =>
          chargeCommand(
            `order-${number}`,
            '--email',
            number % 2 === 0 ? 'Ada@Example.com' : 'ada@example.com',
          ),
        ),
      );
      expect(results.map(({ exitCode }) => exitCode).sort()).toEqual([
        0,
        ...numbers.slice(1).map(() => 4),
      ]);
      expect(results.map(errorCodeOf).filter((code) => code !== null)).toEqual(
        numbers.slice(1).map(() => 'duplicate_suspected'),
      );
      expect(new Set(results.map((result) => transactionOf(result).id)).size).toBe(1);
      await expectOnePayment(world);
    },
  );

  test(
    'with one key and twenty amounts: the first is charged, the others are told what differs',
    { timeout: 120_000 },
    async () => {
      const world = await aKnownWorld(target, env);
      const results = await runAtOnce(
        world,
        numbers.map((number) =>
          chargeCommand('order-1').map((argument) =>
            argument === '49.99' ? `${number}.00` : argument,
          ),
        ),
      );
      expect(results.map(({ exitCode }) => exitCode).sort()).toEqual([
        0,
        ...numbers.slice(1).map(() => 4),
      ]);
      expect(results.map(errorCodeOf).filter((code) => code !== null)).toEqual(
        numbers.slice(1).map(() => 'key_reused'),
      );
      for (const refused of results.filter(({ exitCode }) => exitCode === 4))
        expect(JSON.parse(refused.stderr)).toMatchObject({ error: { fields: ['amount'] } });
      await expectOnePayment(world);
    },
  );
});
