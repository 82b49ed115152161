import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Clock, Gateway, LookUp } from '../../../src/app/ports.ts';
import { systemClock } from '../../../src/compose/system.ts';
import { aCharge } from '../../faults/lane.ts';
import { targets } from '../../storage/targets.ts';
import { openHarness, type Harness } from '../harness.ts';
import { WRITING } from './late-writer.ts';

/*
 * The other side of the late writer: a process that lives and is only slow keeps what it holds, for as long as it
 * takes. A lease that nobody renewed would pass under its hands.
 */

const SLEEPS_CUT_BELOW_MS = 10_000;
const RENEWED_WITHIN_MS = 300;

/** Time that goes by in jumps: the database's, Stripe's and the process's own, and who sleeps wakes up in it. */
function jumpingTime(harness: Harness): {
  readonly clock: Clock;
  readonly goesBy: (ms: number) => Promise<void>;
} {
  let jumpedMs = 0;
  const sleeping: { readonly atMs: number; readonly wake: () => void }[] = [];
  const monotonicMs = (): number => systemClock.monotonicMs() + jumpedMs;
  const clock: Clock = {
    monotonicMs,
    sleep(ms, signal) {
      if (ms < SLEEPS_CUT_BELOW_MS) return systemClock.sleep(1, signal);
      return new Promise((wake) => {
        sleeping.push({ atMs: monotonicMs() + ms, wake });
        signal?.addEventListener('abort', () => wake(), { once: true });
      });
    },
  };
  return {
    clock,
    async goesBy(ms) {
      const before = await expiry(harness);
      harness.advance(ms);
      jumpedMs += ms;
      for (const { atMs, wake } of sleeping) if (atMs <= monotonicMs()) wake();
      // Who woke up to renew its lease has the time for it.
      for (
        let waitedMs = 0;
        waitedMs < RENEWED_WITHIN_MS && (await expiry(harness)) === before;
        waitedMs += 5
      )
        await wait(5);
    },
  };
}

async function expiry(harness: Harness): Promise<number> {
  const [row] = await harness.raw().rows('select lease_expires_at from transactions');
  return Number(row?.['lease_expires_at'] ?? 0);
}

async function actors(harness: Harness): Promise<readonly unknown[]> {
  const rows = await harness.raw().rows('select actor from audit_events order by seq');
  return rows.map(({ actor }) => (JSON.parse(String(actor)) as { operator: unknown }).operator);
}

describe.each(targets)('a slow process that lives ($name)', (target) => {
  test('keeps its lease through a pass of two minutes, and settles', async () => {
    const harness = await openHarness(target);
    await harness.begin(false);
    await WRITING.find(({ name }) => name === 'reconcile, confirm_sent, paid')!.prepare(harness);
    harness.advance(1_000);
    const time = jumpingTime(harness);
    const other = await harness.open('reconcile', {}, { PAYRECON_OPERATOR: 'other' });
    const taken: number[] = [];
    const slowly = (gateway: Gateway): Gateway => ({
      ...gateway,
      async *lookUp(queries: readonly LookUp[], signal?: AbortSignal) {
        for (let count = 0; count < 4; count += 1) {
          await time.goesBy(31_000);
          taken.push((await other.reconcile({ limit: null, dryRun: false })).report.due);
        }
        yield* gateway.lookUp(queries, signal);
      },
    });
    const slow = await harness.open(
      'reconcile',
      { clock: time.clock, wrapGateway: slowly },
      { PAYRECON_OPERATOR: 'slow' },
    );
    const { report } = await slow.reconcile({ limit: null, dryRun: false });
    expect({ taken, settled: report.settled }).toEqual({
      taken: [0, 0, 0, 0],
      settled: { succeeded: 1, failed: 0, canceled: 0 },
    });
    expect((await actors(harness)).at(-1)).toBe('slow');
    await harness.end();
  });

  test('renews its lease before a call that might outlive it', async () => {
    const harness = await openHarness(target);
    await harness.begin(false);
    const time = jumpingTime(harness);
    const other = await harness.open('charge', {}, { PAYRECON_OPERATOR: 'other' });
    const ask = aCharge({ key: 'order-1' });
    const options = { waitMs: 0, waitForOutcome: false, allowDuplicate: false };
    const meanwhile: string[] = [];
    const slowly = (gateway: Gateway): Gateway => ({
      ...gateway,
      async create(transaction) {
        const answer = await gateway.create(transaction);
        await time.goesBy(75_000);
        return answer;
      },
      async confirm(transaction) {
        await time.goesBy(60_000);
        meanwhile.push((await other.charge(ask, options)).situation);
        return await gateway.confirm(transaction);
      },
    });
    const slow = await harness.open(
      'charge',
      { clock: time.clock, wrapGateway: slowly },
      { PAYRECON_OPERATOR: 'slow' },
    );
    const { transaction } = await slow.charge(ask, options);
    expect({ status: transaction.status, meanwhile }).toEqual({
      status: 'succeeded',
      meanwhile: ['in_progress'],
    });
    expect(harness.sandbox.books.count('payment_intents.confirm')).toBe(1);
    expect(await actors(harness)).not.toContain('other');
    await harness.end();
  });
});
