import { expect, test } from 'vitest';
import { exitCode } from '../../../src/cli/exit-code.ts';
import {
  aCard,
  aPatientWorld,
  AT_ONCE,
  EVERYTHING_DUE,
  failingGate,
  isRecord,
  lostPayments,
} from '../../app/payments-left.ts';
import { errorOf } from '../../storage/errors-of.ts';
import { targets } from '../../storage/targets.ts';
import { behindProxy } from './behind-proxy.ts';

/* What the lanes of this folder have found. */

const NO_MAIL = { SENDGRID_API_KEY: '' };

// Found by postgres-commit, seed 1: giving back the leases failed as well, and its "nothing was changed" was all that was said.
test.each(['cut_before', 'cut_after'] as const)(
  'a pass whose only write is %s, by a database that stays away, does not say that nothing was changed',
  async (fate) => {
    const { target, proxy } = behindProxy();
    const world = await aPatientWorld(target, NO_MAIL);
    await lostPayments(world, 1);
    const payrecon = await world.open('reconcile');
    proxy().onStatement = (sql) => {
      if (!isRecord(sql)) return 'pass';
      proxy().refusing = true;
      return fate;
    };
    const error = await errorOf(payrecon.reconcile(EVERYTHING_DUE));
    expect(error).toMatchObject({ kind: 'unknown_outcome', code: 'database_write_unknown' });
    expect(error.message).not.toContain('Nothing was changed');
    expect(exitCode({ kind: 'failed', error }, null)).toBe(75);

    Object.assign(proxy(), { refusing: false, onStatement: () => 'pass' });
    await payrecon.reconcile(EVERYTHING_DUE);
    const settled = fate === 'cut_after' ? 'succeeded' : 'pending';
    expect(await (await world.database.raw()).rows('select status from transactions')).toEqual([
      { status: settled },
    ]);
  },
);

// Found by postgres-commit, seed 1: the create that was sent again is a change, too, though nothing of it is recorded first.
test.each(targets)(
  'a pass that sent a create again, and cannot record what came of it, does not say that nothing was changed, on $name',
  async (target) => {
    const world = await aPatientWorld(target, NO_MAIL);
    world.sandbox.setFaults('payment_intents.create#*=html_502');
    await (await world.open('charge')).charge(aCard('left'), AT_ONCE);
    world.sandbox.setFaults('');
    const sentBefore = world.sandbox.books.count('payment_intents.create');
    const sentAgain = (): boolean =>
      world.sandbox.books.count('payment_intents.create') > sentBefore;
    const payrecon = await world.open('reconcile', {
      overrides: { gate: failingGate(target, (sql) => isRecord(sql) && sentAgain()) },
    });
    const error = await errorOf(payrecon.reconcile(EVERYTHING_DUE));
    expect(sentAgain()).toBe(true);
    expect(exitCode({ kind: 'failed', error }, null)).toBe(75);
  },
);
