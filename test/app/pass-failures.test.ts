import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { RENEW_EVERY_MS, holdLeases } from '../../src/app/reconcile/leases.ts';
import type { Claimed, Clock, Ledger } from '../../src/app/ports.ts';
import { exitCode } from '../../src/cli/exit-code.ts';
import { PayreconError } from '../../src/domain/errors.ts';
import { errorOf } from '../storage/errors-of.ts';
import { sqlite, targets } from '../storage/targets.ts';
import { aTransaction, NOW } from '../support/transactions.ts';
import {
  aPatientWorld,
  asRecorded,
  EVERYTHING_DUE,
  failingGate,
  isRecord,
  lostPayments,
  unconfirmedPayments,
  watchUnhandled,
} from './payments-left.ts';

const ROWS = 16;

/** E-mails stay queued: these cases are not about them. */
const NO_MAIL = { SENDGRID_API_KEY: '' };

/** Answers as they come: three at once, and the others while these are being recorded. */
const MOST_ANSWERS_ARE_SLOW = 'payment_intents.retrieve#4-99=slow:150';

describe.each(targets)('a database that fails in the middle of a pass, on $name', (target) => {
  it('ends the pass and not the process; what was recorded is said, and the next pass settles the rest', async () => {
    const world = await aPatientWorld(target, NO_MAIL);
    const left = await lostPayments(world, ROWS);
    const unhandled = watchUnhandled();
    let records = 0;
    const gate = failingGate(target, (sql) => isRecord(sql) && (records += 1) === 3);
    const payrecon = await world.open('reconcile', { overrides: { gate } });
    world.sandbox.setFaults(MOST_ANSWERS_ARE_SLOW);
    const error = await errorOf(payrecon.reconcile(EVERYTHING_DUE));
    expect(error).toMatchObject({ kind: 'unknown_outcome', code: 'database_io' });
    expect(error.message).toContain('the next pass goes on');
    expect(exitCode({ kind: 'failed', error }, null)).toBe(75);
    // The failure ended the look-ups, too.
    expect(world.sandbox.books.count('payment_intents.retrieve')).toBeLessThan(ROWS);
    await turn();
    expect(unhandled).toEqual([]);

    const raw = await world.database.raw();
    expect(await raw.rows('select id from transactions where lease_token is not null')).toEqual([]);
    world.sandbox.setFaults('');
    const settled = (await asRecorded(payrecon, left)).filter(
      ({ status }) => status === 'succeeded',
    ).length;
    expect(settled).toBeGreaterThanOrEqual(2);
    const next = await payrecon.reconcile(EVERYTHING_DUE);
    expect(next.report).toMatchObject({
      due: ROWS - settled,
      pending: 0,
      stuck: 0,
      outage: false,
      settled: { succeeded: ROWS - settled },
    });
    expect(
      (await asRecorded(payrecon, left)).map(({ status, attempts }) => [status, attempts]),
    ).toEqual(left.map(() => ['succeeded', 0]));
  });

  it('before anything was changed is "out of reach": nothing is changed', async () => {
    const world = await aPatientWorld(target, NO_MAIL);
    const left = await lostPayments(world, ROWS);
    const unhandled = watchUnhandled();
    let away = true;
    const payrecon = await world.open('reconcile', {
      overrides: { gate: failingGate(target, (sql) => away && isRecord(sql)) },
    });
    world.sandbox.setFaults(MOST_ANSWERS_ARE_SLOW);
    const error = await errorOf(payrecon.reconcile(EVERYTHING_DUE));
    expect(error).toMatchObject({ kind: 'unreachable', code: 'database_io' });
    expect(exitCode({ kind: 'failed', error }, null)).toBe(69);
    await turn();
    expect(unhandled).toEqual([]);
    expect(await asRecorded(payrecon, left)).toEqual(left);

    away = false;
    world.sandbox.setFaults('');
    expect((await payrecon.reconcile(EVERYTHING_DUE)).report).toMatchObject({
      due: ROWS,
      settled: { succeeded: ROWS },
    });
  });

  it('between two steps of one row is an unknown outcome: the first step stands, and Stripe was told', async () => {
    const world = await aPatientWorld(target, NO_MAIL);
    const [row] = await unconfirmedPayments(world, 1);
    const payrecon = await world.open('reconcile', {
      overrides: {
        gate: failingGate(
          target,
          (sql) => isRecord(sql) && world.sandbox.books.count('payment_intents.cancel') > 0,
        ),
      },
    });
    expect(await errorOf(payrecon.reconcile(EVERYTHING_DUE))).toMatchObject({
      kind: 'unknown_outcome',
      code: 'database_io',
    });
    expect(await asRecorded(payrecon, [row!])).toMatchObject([
      { status: 'pending', step: 'cancel_sent' },
    ]);
    expect(world.sandbox.books.paymentIntents).toMatchObject([{ status: 'canceled' }]);
  });
});

describe('a database that fails at the end of a pass', () => {
  it.each([
    { what: 'the end of the pass is recorded', statement: 'update passes' },
    { what: 'the e-mails are claimed', statement: 'update notifications' },
    { what: 'the totals are read', statement: 'count(' },
  ])('while $what is an unknown outcome: rows were settled', async ({ statement }) => {
    const world = await aPatientWorld(sqlite);
    const left = await lostPayments(world, 1);
    let settled = false;
    const strikes = (sql: string): boolean => {
      settled ||= isRecord(sql);
      return settled && sql.includes(statement);
    };
    const payrecon = await world.open('reconcile', {
      overrides: { gate: failingGate(sqlite, strikes) },
    });
    expect(await errorOf(payrecon.reconcile(EVERYTHING_DUE))).toMatchObject({
      kind: 'unknown_outcome',
      code: 'database_io',
    });
    expect(await asRecorded(await world.open('charge'), left)).toMatchObject([
      { status: 'succeeded' },
    ]);
  });
});

/** Sleeps only end when the test says so. */
function aClockByHand(): Clock & { wakeUp: () => Promise<void> } {
  let sleepers: (() => void)[] = [];
  return {
    monotonicMs: () => 0,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        expect(ms).toBe(RENEW_EVERY_MS);
        sleepers.push(resolve);
        signal?.addEventListener(
          'abort',
          () => {
            resolve();
          },
          { once: true },
        );
      }),
    async wakeUp() {
      const woken = sleepers;
      sleepers = [];
      for (const wake of woken) wake();
      await turn();
    },
  };
}

function unexpected(): never {
  throw new Error('a pass only renews and releases here');
}

const NOTHING_ELSE = {
  open: unexpected,
  claim: unexpected,
  claimDue: unexpected,
  takeOverInMs: unexpected,
  due: unexpected,
  record: unexpected,
  reopen: unexpected,
  conflict: unexpected,
  find: unexpected,
  now: unexpected,
};

describe('leases that are held by a pass', () => {
  it('outlive a renewal that fails: the next one extends them', async () => {
    const unhandled = watchUnhandled();
    const clock = aClockByHand();
    const claimed: Claimed = {
      transaction: aTransaction(),
      lease: { transactionId: aTransaction().id, token: 't', deadlineMs: 90_000 },
      now: NOW,
    };
    const renewed = { ...claimed.lease, deadlineMs: 150_000 };
    const said: string[] = [];
    const ledger: Ledger = {
      ...NOTHING_ELSE,
      renew(leases) {
        said.push(`renew ${leases.map(({ token }) => token).join()}`);
        return said.length === 1
          ? Promise.reject(new PayreconError('database_unreachable', 'away'))
          : Promise.resolve([renewed]);
      },
      release(leases) {
        said.push(`release until ${leases.map(({ deadlineMs }) => String(deadlineMs)).join()}`);
        return Promise.resolve();
      },
    };
    const leases = holdLeases(ledger, clock, [claimed]);
    await clock.wakeUp();
    expect(leases.leaseOf(claimed.transaction.id)).toEqual(claimed.lease);
    await clock.wakeUp();
    expect(leases.leaseOf(claimed.transaction.id)).toEqual(renewed);
    await leases.close();
    expect(said).toEqual(['renew t', 'renew t', 'release until 150000']);
    expect(unhandled).toEqual([]);
  });
});
