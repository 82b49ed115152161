import { expect, test } from 'vitest';
import { EXIT } from '../../../src/cli/exit-code.ts';
import { openGround, type Ground } from '../ground.ts';
import { charging } from './charging.ts';
import { type Ended } from './ending.ts';
import { lost } from './outage-lane.ts';
import { serverPair } from './own-servers.ts';

/*
 * Outside the fault model, and shown for that: a standby that commits do not wait for. It also shows that the lane of
 * the synchronous standby would see a charge that is lost.
 */

async function chargeOnce(ground: Ground, key: string): Promise<Ended> {
  const customer = await ground.open('charge');
  const ended = await charging(customer).charge(key, 'pm_card_visa');
  await customer.close();
  return ended;
}

test('with an asynchronous standby an acknowledged charge can be lost, and Stripe keeps the second one away', { timeout: 120_000 }, async () => {
  const servers = await serverPair('asynchronous');
  const ground = await openGround(servers.target);
  await servers.ready();
  const [kept, gone] = ['replicated-1', 'not-replicated-1'];
  const first = await chargeOnce(ground, kept);
  await servers.cutStandbyOff();
  const second = await chargeOnce(ground, gone);
  expect([first.exitCode, second.exitCode]).toEqual([EXIT.done, EXIT.done]);
  await servers.down();
  await servers.up();

  const told = [{ key: kept, ended: first }, { key: gone, ended: second }].map((each) => ({ ...each, startedMs: 0, endedMs: 0 }));
  expect(await lost(servers, told)).toEqual([expect.stringMatching(new RegExp(`^lost: ${gone} .* the ledger has undefined`)) as string]);
  expect((await chargeOnce(ground, kept)).transaction).toMatchObject({ id: first.transaction?.id, status: 'succeeded' });
  // The ledger takes it for a new one. Stripe knows the idempotency key, and that it was used for another request.
  const repeated = await chargeOnce(ground, gone);
  expect(repeated.exitCode).toBe(EXIT.findings);
  const rows = await servers.query(`select status, review::json ->> 'reason' as reason from transactions where key = '${gone}'`);
  expect(rows).toEqual([{ status: 'stuck', reason: 'key_used_elsewhere' }]);
  expect(ground.sandbox.books.paymentIntents.filter(({ status }) => status === 'succeeded').map(({ id }) => id).sort()).toEqual([first, second].map(({ transaction }) => transaction?.paymentIntent).sort());
  await ground.end();
});
