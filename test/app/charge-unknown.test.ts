import { describe, expect, it } from 'vitest';
import type { Payrecon } from '../../src/app/service.ts';
import { exitCode } from '../../src/cli/exit-code.ts';
import type { PayreconError } from '../../src/domain/errors.ts';
import type { Transaction } from '../../src/domain/transaction.ts';
import { errorOf } from '../storage/errors-of.ts';
import { sqlite, targets } from '../storage/targets.ts';
import type { PaymentWorld } from '../support/payment-world.ts';
import {
  aCard,
  aPatientWorld,
  asRecorded,
  AT_ONCE,
  EVERYTHING_DUE,
  failingGate,
  isRecord,
  lostPayments,
  unconfirmedPayments,
} from './payments-left.ts';

const NOT_KNOWN_YET = 75;
const USAGE = 2;

function exitOf(error: PayreconError): number {
  return exitCode({ kind: 'failed', error }, null);
}

function wasAsked(world: PaymentWorld, call: 'confirm' | 'cancel' | 'create'): boolean {
  return world.sandbox.books.count(`payment_intents.${call}`) > 0;
}

describe.each(targets)(
  'a charge whose database fails after the confirm went out, on $name',
  (target) => {
    it.each([
      { failing: 'the record of the outcome', strikes: isRecord },
      { failing: 'everything', strikes: () => true },
    ])(
      'at $failing: not known, with the transaction; the same command again finds out',
      async ({ strikes }) => {
        const world = await aPatientWorld(target);
        const gate = failingGate(target, (sql) => wasAsked(world, 'confirm') && strikes(sql));
        const error = await errorOf(
          (await world.open('charge', { overrides: { gate } })).charge(aCard('k'), AT_ONCE),
        );
        expect(error).toMatchObject({
          kind: 'unknown_outcome',
          code: 'database_io',
          transaction: { key: 'k', status: 'pending' },
        });
        expect(error.message).toContain('run the same command again');
        expect(exitOf(error)).toBe(NOT_KNOWN_YET);
        expect(world.sandbox.books.succeededCount()).toBe(1);

        // The lease of the charge that failed has run out by then.
        const later = await world.open('charge', { overrides: { nowOffsetMs: () => 120_000 } });
        const again = await later.charge(aCard('k'), AT_ONCE);
        expect(again).toMatchObject({
          repeated: true,
          transaction: { id: error.transaction?.id, status: 'succeeded' },
        });
        expect(world.sandbox.books.succeededCount()).toBe(1);
        expect(world.sandbox.books.paymentIntents).toHaveLength(1);
      },
    );

    it.each(['update transactions', 'select * from transactions'])(
      'while the caller waits for the outcome, at "%s"',
      async (statement) => {
        const world = await aPatientWorld(target);
        let waiting = false;
        const gate = failingGate(target, (sql) => waiting && sql.includes(statement));
        const payrecon = await world.open('charge', {
          overrides: {
            gate,
            clock: {
              monotonicMs: () => performance.now(),
              sleep: () => {
                waiting = true;
                return Promise.resolve();
              },
            },
          },
        });
        world.sandbox.setFaults('payment_intents.confirm=html_502_after');
        if (statement.startsWith('select')) await takenByAnother(world, target.name);
        const error = await errorOf(
          payrecon.charge(aCard('k'), { ...AT_ONCE, waitMs: 10_000, waitForOutcome: true }),
        );
        expect(error).toMatchObject({
          kind: 'unknown_outcome',
          code: 'database_io',
          transaction: { key: 'k', status: 'pending' },
        });
        expect(exitOf(error)).toBe(NOT_KNOWN_YET);
      },
    );
  },
);

describe('a charge that a signal stopped', () => {
  it('before anything was asked, and that cannot give its lease back, is an unknown outcome: it is recorded', async () => {
    const world = await aPatientWorld(sqlite);
    const payrecon = await world.open('charge', {
      overrides: { gate: failingGate(sqlite, (sql) => sql.includes('lease_token = null')) },
    });
    const error = await errorOf(
      payrecon.charge(aCard('k'), { ...AT_ONCE, signal: AbortSignal.abort() }),
    );
    expect(error).toMatchObject({
      kind: 'unknown_outcome',
      code: 'database_io',
      transaction: { key: 'k', status: 'pending' },
    });
    expect(exitOf(error)).toBe(NOT_KNOWN_YET);
    expect(wasAsked(world, 'create')).toBe(false);
  });
});

/** The payment is under way in another process, which holds its lease. */
async function takenByAnother(world: PaymentWorld, name: string): Promise<void> {
  await (await world.open('charge')).charge(aCard('k'), AT_ONCE);
  const until =
    name === 'sqlite'
      ? `cast(unixepoch('subsec') * 1000 as integer) + 60000`
      : `(extract(epoch from clock_timestamp()) * 1000)::bigint + 60000`;
  await (
    await world.database.raw()
  ).run(
    `update transactions set lease_token = 'another', lease_holder = '{}', lease_expires_at = ${until}`,
  );
}

describe('a key that Stripe refuses', () => {
  it('on the first create is a setting to correct: nothing was charged', async () => {
    const world = await aPatientWorld(sqlite);
    const payrecon = await world.open('charge');
    world.sandbox.setFaults('payment_intents.create=401');
    const error = await errorOf(payrecon.charge(aCard('k'), AT_ONCE));
    expect(error).toMatchObject({
      kind: 'configuration',
      code: 'stripe_unauthorized',
      transaction: { key: 'k', status: 'pending', step: 'recorded' },
    });
    expect(error.message).toContain('Nothing was charged');
    expect(exitOf(error)).toBe(USAGE);
    expect(world.sandbox.books.paymentIntents).toEqual([]);
  });

  it('after a confirm whose answer was lost is an unknown outcome: it may have been charged', async () => {
    const world = await aPatientWorld(sqlite);
    const [lost] = await lostPayments(world, 1);
    const payrecon = await world.open('charge');
    world.sandbox.setFaults('payment_intents.retrieve=401');
    const error = await errorOf(payrecon.charge(aCard(lost!.key), AT_ONCE));
    expect(error).toMatchObject({
      kind: 'unknown_outcome',
      code: 'stripe_unauthorized',
      transaction: { id: lost!.id, status: 'pending', step: 'confirm_sent' },
    });
    expect(error.message).not.toContain('Nothing was charged');
    expect(error.problems).toMatchObject([{ field: 'STRIPE_SECRET_KEY' }]);
    expect(exitOf(error)).toBe(NOT_KNOWN_YET);
    expect(world.sandbox.books.succeededCount()).toBe(1);
    expect((await payrecon.charge(aCard(lost!.key), AT_ONCE)).transaction).toMatchObject({
      id: lost!.id,
      status: 'succeeded',
    });
  });
});

/** Its intent is there and unconfirmed, and could still succeed. */
async function aStuckPayment(world: PaymentWorld): Promise<Transaction> {
  const [left] = await unconfirmedPayments(world, 1);
  world.sandbox.setFaults('payment_intents.retrieve=500_before');
  const payrecon = await world.open('reconcile', { env: { PAYRECON_MAX_ATTEMPTS: '1' } });
  expect((await payrecon.reconcile(EVERYTHING_DUE)).report).toMatchObject({ stuck: 1 });
  world.sandbox.setFaults('');
  return left!;
}

const CANCEL = { as: 'canceled', reason: 'the customer called', cancelAtStripe: true } as const;

async function expectStuck(payrecon: Payrecon, transaction: Transaction): Promise<void> {
  expect(await asRecorded(payrecon, [transaction])).toMatchObject([
    { status: 'stuck', step: 'cancel_sent', review: { resolution: null } },
  ]);
}

describe('a decision that cancels at Stripe', () => {
  it('and gets no answer is an unknown outcome; it can be taken again', async () => {
    const world = await aPatientWorld(sqlite);
    const stuck = await aStuckPayment(world);
    const payrecon = await world.open('resolve');
    world.sandbox.setFaults('payment_intents.cancel=html_502_after');
    const error = await errorOf(payrecon.resolve(stuck.id, CANCEL));
    expect(error).toMatchObject({
      kind: 'unknown_outcome',
      code: 'cancel_failed',
      transaction: { id: stuck.id, status: 'stuck' },
    });
    expect(exitOf(error)).toBe(NOT_KNOWN_YET);
    expect(world.sandbox.books.paymentIntents).toMatchObject([{ status: 'canceled' }]);
    await expectStuck(payrecon, stuck);
    world.sandbox.setFaults('');
    expect(await payrecon.resolve(stuck.id, CANCEL)).toMatchObject({
      status: 'canceled',
      review: { resolution: { as: 'canceled', operator: 'tester' } },
    });
  });

  it.each([
    { failing: 'the record of the decision', strikes: isRecord, answer: '' },
    { failing: 'everything', strikes: () => true, answer: '' },
    {
      failing: 'everything, and gets no answer,',
      strikes: () => true,
      answer: 'payment_intents.cancel=html_502_after',
    },
  ])('while the database fails at $failing is an unknown outcome', async ({ strikes, answer }) => {
    const world = await aPatientWorld(sqlite);
    const stuck = await aStuckPayment(world);
    const payrecon = await world.open('resolve', {
      overrides: { gate: failingGate(sqlite, (sql) => wasAsked(world, 'cancel') && strikes(sql)) },
    });
    world.sandbox.setFaults(answer);
    const error = await errorOf(payrecon.resolve(stuck.id, CANCEL));
    expect(error).toMatchObject({
      kind: 'unknown_outcome',
      transaction: { id: stuck.id, status: 'stuck' },
    });
    expect(exitOf(error)).toBe(NOT_KNOWN_YET);
    await expectStuck(await world.open('resolve'), stuck);
    expect(world.sandbox.books.paymentIntents).toMatchObject([{ status: 'canceled' }]);
  });
});
