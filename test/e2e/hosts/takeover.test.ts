import { setTimeout as wait } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { aCharge } from '../../faults/lane.ts';
import { endAll, startChild } from '../../prove/races/children.ts';
import { targets } from '../../storage/targets.ts';
import { aPaymentWorld } from '../../support/payment-world.ts';
import { temporaryFolder } from '../../support/temporary.ts';

/** What is left of the lease of a process that has died; a whole one is for the benchmark. */
const LEFT_MS = 2_000;
const WITHIN_MS = 15_000;
/** The pass with which a daemon begins is the only one on schedule. */
const NEVER_AGAIN = '0 0 29 2 *';

test.each(targets)(
  'what a dead process held is taken over when its lease ends, whatever the schedule says ($name)',
  { timeout: 60_000 },
  async (target) => {
    const world = await aPaymentWorld(target);
    world.sandbox.setFaults('payment_intents.confirm=html_502_after');
    await (
      await world.open('charge')
    ).charge(aCharge({ key: 'order-1' }), {
      waitMs: 0,
      waitForOutcome: false,
      allowDuplicate: false,
    });
    const raw = await world.database.raw();
    const endsAt = Date.now() + LEFT_MS;
    await raw.run(
      `update transactions set lease_token = 'of the dead', lease_holder = 'reconcile@dead:1', lease_expires_at = ${endsAt}`,
    );
    const daemon = startChild(['reconcile', '--daemon', '--schedule', NEVER_AGAIN], {
      name: 'survivor',
      home: await temporaryFolder(),
      env: world.env,
      skewMs: 0,
    });
    onTestFinished(() => endAll([daemon]));
    const passes = (): readonly string[] =>
      daemon.said.err.match(/^pass: \d+ due, \d+ succeeded/gm) ?? [];
    for (const giveUpAt = Date.now() + WITHIN_MS; passes().length < 2 && Date.now() < giveUpAt;)
      await wait(20);
    expect(passes(), daemon.said.err).toEqual([
      'pass: 0 due, 0 succeeded',
      'pass: 1 due, 1 succeeded',
    ]);
    const [row] = await raw.rows('select status, settled_at, lease_token from transactions');
    expect(row).toMatchObject({ status: 'succeeded', lease_token: null });
    expect(Number(row!['settled_at'])).toBeGreaterThanOrEqual(endsAt);
    expect(Number(row!['settled_at'])).toBeLessThan(endsAt + 5_000);
  },
);
