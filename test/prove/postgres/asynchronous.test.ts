import { expect, test } from 'vitest';
import { EXIT } from '../../../src/cli/exit-code.ts';
import { openHarness, type Harness } from '../harness.ts';
import { charging } from './charging.ts';
import type { Ended } from './ending.ts';
import { lost } from './outage-lane.ts';
import { serverPair } from './own-servers.ts';

/*
 * Outside the fault model, and shown for that: a standby that commits do not wait for. It also shows that the lane of
 * the synchronous standby would see a charge that is lost.
 */

async function chargeOnce(harness: Harness, key: string): Promise<Ended> {
  const customer = await harness.open('charge');
  const ended = await charging(customer).charge(key, 'pm_card_visa');
  await customer.close();
  return ended;
}

test(
  'with an asynchronous standby an acknowledged charge can be lost, and then nothing is charged any more',
  { timeout: 120_000 },
  async () => {
    const servers = await serverPair('asynchronous');
    const harness = await openHarness(servers.target);
    await servers.ready();
    const kept = 'replicated-1';
    const gone = 'not-replicated-1';
    const first = await chargeOnce(harness, kept);
    await servers.cutStandbyOff();
    const second = await chargeOnce(harness, gone);
    expect([first.exitCode, second.exitCode]).toEqual([EXIT.done, EXIT.done]);
    await servers.down();
    await servers.up();

    const told = [
      { key: kept, ended: first },
      { key: gone, ended: second },
    ].map((each) => ({ ...each, startedMs: 0, endedMs: 0 }));
    expect(await lost(servers, told)).toEqual([
      expect.stringMatching(new RegExp(`^lost: ${gone} .* the ledger has undefined`)) as string,
    ]);
    // The server is another one than it was, so the ledger is held against Stripe's list before anything is charged.
    for (const key of [gone, 'never-charged-1']) {
      const refused = await chargeOnce(harness, key);
      expect({ exit: refused.exitCode, transaction: refused.transaction }).toEqual({
        exit: EXIT.usage,
        transaction: null,
      });
    }
    expect(await servers.query(`select key from transactions where key <> '${kept}'`)).toEqual([]);
    const [ledger] = await servers.query('select rolled_back_at from ledger');
    expect(ledger?.['rolled_back_at']).not.toBeNull();
    expect(
      harness.sandbox.books.paymentIntents
        .filter(({ status }) => status === 'succeeded')
        .map(({ id }) => id)
        .sort(),
    ).toEqual([first, second].map(({ transaction }) => transaction?.paymentIntent).sort());
    await harness.end();
  },
);
