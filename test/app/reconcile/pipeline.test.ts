import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { fillLedger } from '../../../bench/fill-ledger.ts';
import type { Gateway, LookUp } from '../../../src/app/ports.ts';
import { sqlite } from '../../storage/targets.ts';
import { bindLedger } from '../../support/bound-ledger.ts';
import { aPaymentWorld, TEST_KEY, type PaymentWorld } from '../../support/payment-world.ts';
import { sawIntent } from '../../support/transactions.ts';
import { EVERYTHING_DUE } from '../payments-left.ts';

/** Of one claim. */
const BLOCK = 2_000;
/** A pass never holds more. */
const HELD = 7_000;
const PAGE = 100;

async function aBacklog(rows: number): Promise<PaymentWorld> {
  const world = await aPaymentWorld(sqlite, { env: { SENDGRID_API_KEY: '' }, ledger: false });
  // By another process: nothing here may have the file open while it is filled.
  expect(await world.run(['migrate', 'up'])).toMatchObject({ exitCode: 0 });
  await fillLedger(
    world.database.url,
    Array.from({ length: rows }, (_, n) => ({
      paymentIntent: `pi_${String(n)}`,
      createdAt: Date.now() - 3_600_000 + n,
      status: 'pending' as const,
    })),
  );
  await bindLedger(world.database, TEST_KEY);
  return world;
}

/** Stripe as this says it answers each block's questions. */
function answering(
  lookUp: (queries: readonly LookUp[], nth: number) => ReturnType<Gateway['lookUp']>,
): (gateway: Gateway) => Gateway {
  let blocks = 0;
  return (gateway) => ({
    ...gateway,
    lookUp: (queries) => lookUp(queries, (blocks += 1)),
  });
}

function succeeded(query: LookUp): {
  readonly query: LookUp;
  readonly answer: ReturnType<typeof sawIntent>;
} {
  return {
    query,
    answer: sawIntent({
      id: query.paymentIntent ?? '',
      status: 'succeeded',
      metadata: { payrecon_transaction: query.transactionId },
    }),
  };
}

describe('the blocks of a pass', () => {
  it('do not wait for the last answer of the one before', async () => {
    const world = await aBacklog(BLOCK + 500);
    let secondBegan = (): void => undefined;
    const second = new Promise<void>((resolve) => {
      secondBegan = resolve;
    });
    const wrapGateway = answering(async function* (queries, nth) {
      if (nth === 2) secondBegan();
      for (const query of queries) {
        if (nth === 1 && query === queries.at(-1)) await second;
        yield succeeded(query);
      }
    });
    const payrecon = await world.open('reconcile', { overrides: { wrapGateway } });
    const { report } = await payrecon.reconcile(EVERYTHING_DUE);
    expect(report).toMatchObject({
      due: BLOCK + 500,
      settled: { succeeded: BLOCK + 500 },
      pending: 0,
      outage: false,
    });
  });

  it('are as many as keep a slow Stripe busy, and no more', async () => {
    const world = await aBacklog(9_000);
    let held = 0;
    let most = 0;
    let atTheStart = 0;
    const wrapGateway = answering(async function* (queries, nth) {
      held += queries.length;
      most = Math.max(most, held);
      await sleep(300);
      if (nth === 1) atTheStart = held;
      for (const [index, query] of queries.entries()) {
        if (index % PAGE === 0) await sleep(100);
        yield succeeded(query);
      }
    });
    const payrecon = await world.open('reconcile', { overrides: { wrapGateway } });
    const { report } = await payrecon.reconcile({ ...EVERYTHING_DUE, onRow: () => (held -= 1) });
    expect(report).toMatchObject({ due: 9_000, settled: { succeeded: 9_000 } });
    expect(atTheStart).toBe(BLOCK);
    expect(most).toBeGreaterThan(HELD - BLOCK);
    expect(most).toBeLessThanOrEqual(HELD);
  });

  it('end together when one of them fails, and give back their leases', async () => {
    const world = await aBacklog(BLOCK + 500);
    const wrapGateway = answering(async function* (queries, nth) {
      for (const [index, query] of queries.entries()) {
        if (nth === 2 && index === 10) throw new RangeError('told to fail');
        if (nth === 1 && index === BLOCK - 1) await sleep(2_000);
        yield succeeded(query);
      }
    });
    const payrecon = await world.open('reconcile', { overrides: { wrapGateway } });
    await expect(payrecon.reconcile(EVERYTHING_DUE)).rejects.toThrow('told to fail');
    const raw = await world.database.raw();
    expect(
      await raw.rows('select count(*) as n from transactions where lease_token is not null'),
    ).toEqual([{ n: 0 }]);
    expect(
      await raw.rows(
        `select count(*) > ${String(BLOCK - 100)} as most from transactions where status = 'succeeded'`,
      ),
    ).toEqual([{ most: 1 }]);
  });

  it('take no more rows than the limit says', async () => {
    const world = await aBacklog(BLOCK + 500);
    const payrecon = await world.open('reconcile', {
      overrides: {
        wrapGateway: answering(async function* (queries) {
          for (const query of queries) yield await Promise.resolve(succeeded(query));
        }),
      },
    });
    const { report } = await payrecon.reconcile({ ...EVERYTHING_DUE, limit: BLOCK + 1 });
    expect(report).toMatchObject({ due: BLOCK + 1, settled: { succeeded: BLOCK + 1 } });
  });
});
