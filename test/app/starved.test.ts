import { describe, expect, it } from 'vitest';
import type { Gateway } from '../../src/app/ports.ts';
import { sqlite, targets } from '../storage/targets.ts';
import { sawUnknown } from '../support/transactions.ts';
import { aPatientWorld, asRecorded, EVERYTHING_DUE, lostPayments } from './payments-left.ts';

const BAD = 8;
const GOOD = 20;

const FAILS = sawUnknown({
  reason: 'server_error',
  answered: true,
  httpStatus: 500,
  message: 'Stripe answered 500',
});

/** Stripe cannot tell of these, whatever else it can do. */
function failingFor(gateway: Gateway, isBad: (transactionId: string) => boolean): Gateway {
  return {
    ...gateway,
    async *lookUp(queries, signal) {
      for (const query of queries) {
        if (signal?.aborted === true) return;
        if (isBad(query.transactionId)) yield { query, answer: FAILS };
        else yield* gateway.lookUp([query], signal);
      }
    },
  };
}

describe.each(targets)('rows that fail for ever, on $name', (target) => {
  it('ahead of others do not starve them, and are no outage: an attempt is counted on each', async () => {
    const world = await aPatientWorld(target);
    const left = await lostPayments(world, BAD + GOOD);
    const bad = new Set(left.slice(0, BAD).map(({ id }) => id));
    const payrecon = await world.open('reconcile', {
      overrides: { wrapGateway: (gateway) => failingFor(gateway, (id) => bad.has(id)) },
    });
    const { report } = await payrecon.reconcile(EVERYTHING_DUE);
    expect(report).toMatchObject({
      due: BAD + GOOD,
      settled: { succeeded: GOOD, failed: 0, canceled: 0 },
      pending: BAD,
      stuck: 0,
      outage: false,
    });
    const rows = await asRecorded(payrecon, left);
    expect(rows.slice(0, BAD).map(({ status, attempts }) => [status, attempts])).toEqual(
      Array.from({ length: BAD }, () => ['pending', 1]),
    );
    expect(rows.slice(BAD).map(({ status, attempts }) => [status, attempts])).toEqual(
      Array.from({ length: GOOD }, () => ['succeeded', 0]),
    );
    // A probe, and not the rows behind, told that Stripe is there.
    expect(world.sandbox.books.count('account')).toBeGreaterThan(0);
    expect(world.sandbox.books.mails.flatMap(({ to }) => to)).not.toContain('operator@example.com');
    expect(world.sandbox.books.mails).toHaveLength(GOOD);
    expect((await payrecon.status()).lastPass).toMatchObject({ outage: false });
  });
});

describe('rows that fail for ever', () => {
  it('become questions to a person when they alone go on failing', async () => {
    const world = await aPatientWorld(sqlite);
    const [bad] = await lostPayments(world, 1);
    const payrecon = await world.open('reconcile', {
      env: { PAYRECON_MAX_ATTEMPTS: '2' },
      overrides: { wrapGateway: (gateway) => failingFor(gateway, () => true) },
    });
    expect((await payrecon.reconcile(EVERYTHING_DUE)).report).toMatchObject({
      pending: 1,
      stuck: 0,
      outage: false,
    });
    expect((await payrecon.reconcile(EVERYTHING_DUE)).report).toMatchObject({
      pending: 0,
      stuck: 1,
      outage: false,
    });
    expect(await asRecorded(payrecon, [bad!])).toMatchObject([
      { status: 'stuck', attempts: 2, review: { reason: 'undecided' } },
    ]);
  });

  it('together with everything else, the probe as well, are an outage: nothing is counted', async () => {
    const world = await aPatientWorld(sqlite);
    const left = await lostPayments(world, BAD + GOOD);
    const payrecon = await world.open('reconcile', {
      overrides: { wrapGateway: (gateway) => failingFor(gateway, () => true) },
    });
    world.sandbox.setFaults('account#*=500_before');
    const { report } = await payrecon.reconcile(EVERYTHING_DUE);
    expect(report).toMatchObject({
      due: BAD + GOOD,
      settled: { succeeded: 0, failed: 0, canceled: 0 },
      pending: BAD + GOOD,
      stuck: 0,
      outage: true,
    });
    expect(
      (await asRecorded(payrecon, left)).map(({ version, attempts, nextAttemptAt }) => ({
        version,
        attempts,
        nextAttemptAt,
      })),
    ).toEqual(left.map(({ version, nextAttemptAt }) => ({ version, attempts: 0, nextAttemptAt })));
    expect(world.sandbox.books.mails.map(({ to }) => to)).toEqual([['operator@example.com']]);
  });
});
