import { describe, expect, it, onTestFinished } from 'vitest';
import { startSandbox } from '../../../src/sandbox/server.ts';
import { refusalOf } from '../exit-codes/refusals.ts';
import type { RunResult } from '../../support/binary.ts';
import { targets } from '../../storage/targets.ts';
import { transactionDocument } from './documents.ts';
import { AMOUNT, aFixture, type Fixture } from './fixture.ts';

/** Another Stripe, empty, that takes the same key for the same account; asked there, the payment is stuck. */
async function elsewhereIsAsked(fixture: Fixture): Promise<Readonly<Record<string, string>>> {
  const other = await startSandbox();
  onTestFinished(() => other.close());
  const env = { STRIPE_API_BASE: other.url };
  expect(await fixture.pass({ ...env, PAYRECON_MAX_ATTEMPTS: '1' })).toMatchObject({
    exitCode: 5,
    report: { stuck: 1 },
  });
  return env;
}

/** Stuck because the Stripe that is asked knows nothing of it; there a person decides, wrongly. */
async function decidedByHand(fixture: Fixture, as: string): Promise<void> {
  const env = await elsewhereIsAsked(fixture);
  const run = await fixture.run(
    ['stuck', 'resolve', 'decided', '--as', as, '--reason', 'the bank said so', '--yes', '--json'],
    { env },
  );
  expect(run).toMatchObject({ exitCode: 0, stderr: '' });
  expect(transactionDocument.parse(run.json())).toMatchObject({
    status: as,
    step: 'settled',
    review: {
      reason: 'resolved_by_hand',
      resolution: { as, reason: 'the bank said so', operator: 'tester' },
    },
  });
}

describe.each(targets)('a payment that was decided by hand, on $name', (target) => {
  it('as succeeded is corrected when Stripe shows it canceled, and everybody is told', async () => {
    const [as, truth] = ['succeeded', 'canceled'] as const;
    const told = [
      'customer_canceled',
      'customer_succeeded',
      'operator_stuck',
      'operator_truth_changed',
    ];
    const fixture = await aFixture(target);
    expect(
      await fixture.charge('decided', { faults: 'payment_intents.confirm=html_502' }),
    ).toMatchObject({ exitCode: 75 });
    await decidedByHand(fixture, as);
    await fixture.makeDue('decided');
    // Somebody has to know of it: the money is not as it was told.
    expect(await fixture.pass()).toMatchObject({
      exitCode: 5,
      report: { due: 1, settled: { [truth]: 1 } },
    });

    const { row, intents, mails } = await fixture.look('decided');
    expect(row).toMatchObject({ status: truth, step: 'settled', stripe_status: truth });
    expect(row.review).toMatchObject({
      reason: 'truth_changed',
      message: `was ${as}, but Stripe shows ${truth}`,
      resolution: { as, reason: 'the bank said so', operator: 'tester' },
    });
    expect(row.audit.slice(-2).some(({ action }) => action === 'truth_corrected')).toBe(true);
    expect(row.audit.find(({ action }) => action === 'resolved')).toMatchObject({
      actor: { operator: 'tester' },
      detail: { as, reason: 'the bank said so' },
    });
    expect(intents).toEqual([
      {
        id: row.payment_intent,
        status: truth,
        amount: AMOUNT,
        currency: 'usd',
        amount_received: 0,
      },
    ]);
    expect(mails.toSorted()).toEqual(told);
    expect(fixture.mails()).toContainEqual({
      to: 'operator@example.com',
      subject: 'A recorded outcome changed: $49.99, decided',
    });
    await fixture.verifyAudit();
  });

  it('and corrected stays on the work list until somebody acknowledges it', async () => {
    const fixture = await aFixture(target);
    await fixture.charge('decided', { faults: 'payment_intents.confirm=html_502' });
    await decidedByHand(fixture, 'succeeded');
    expect(await fixture.run(['stuck', 'list'])).toMatchObject({ exitCode: 0 });
    await fixture.makeDue('decided');
    await fixture.pass();
    const { row } = await fixture.look('decided');

    expect(await fixture.pass()).toMatchObject({ exitCode: 5, report: { due: 0 } });
    const list = await fixture.run(['stuck', 'list', '--json']);
    expect(list).toMatchObject({ exitCode: 5 });
    expect(list.json()).toMatchObject({ data: [{ key: 'decided', status: 'canceled' }] });
    const status = await fixture.run(['status', '--json']);
    expect(status).toMatchObject({ exitCode: 5 });
    expect(status.json()).toMatchObject({ stuck: 0, overdue: 0, truth_changed: 1 });

    const decide = async (as: string): Promise<Pick<RunResult, 'exitCode' | 'stderr'>> =>
      await fixture.run([
        'stuck',
        'resolve',
        'decided',
        '--as',
        as,
        '--reason',
        'told the customer',
        '--yes',
      ]);
    const wrong = await decide('succeeded');
    expect(wrong.exitCode).toBe(4);
    expect(wrong.stderr).toContain('What is possible now: acknowledge.');
    expect((await fixture.look('decided')).row).toEqual(row);

    expect(await decide('acknowledge')).toMatchObject({ exitCode: 0 });
    const { row: after, mails } = await fixture.look('decided');
    expect(after).toMatchObject({
      status: 'canceled',
      settled_at: row.settled_at,
      review: {
        reason: 'truth_changed',
        resolution: { as: 'acknowledge', reason: 'told the customer', operator: 'tester' },
      },
    });
    expect(after.audit.at(-1)).toMatchObject({
      action: 'acknowledged',
      from: { status: 'canceled', step: 'settled' },
      to: { status: 'canceled', step: 'settled' },
      detail: { reason: 'told the customer' },
    });
    expect(mails.filter((kind) => kind.startsWith('customer'))).toHaveLength(2);
    expect(await fixture.run(['stuck', 'list'])).toMatchObject({ exitCode: 0 });
    expect(await fixture.pass()).toMatchObject({ exitCode: 0 });
    expect(await decide('acknowledge')).toMatchObject({ exitCode: 4 });
    await fixture.verifyAudit();
  });

  it.each(['canceled', 'failed'])(
    'is never %s while Stripe does not know an id that was confirmed: the money may have been taken',
    async (as) => {
      const fixture = await aFixture(target);
      await fixture.charge('decided', { faults: 'payment_intents.confirm=html_502_after' });
      const env = await elsewhereIsAsked(fixture);
      const refused = refusalOf(
        await fixture.run(
          [
            'stuck',
            'resolve',
            'decided',
            '--as',
            as,
            '--reason',
            'Stripe has no such payment',
            '--yes',
            '--json',
          ],
          { env },
        ),
      );
      expect(refused).toMatchObject({
        exitCode: 4,
        code: 'illegal_resolution',
        transaction: { status: 'stuck' },
      });
      expect(refused.message).toContain('What is possible now: retry, succeeded.');

      await fixture.makeDue('decided');
      expect(await fixture.pass()).toMatchObject({
        exitCode: 0,
        report: { settled: { succeeded: 1 } },
      });
      const { row, mails } = await fixture.look('decided');
      expect(row).toMatchObject({ status: 'succeeded', amount_received: AMOUNT });
      expect(mails.toSorted()).toEqual([
        'customer_succeeded',
        'operator_stuck',
        'operator_truth_changed',
      ]);
      await fixture.verifyAudit();
    },
  );

  it('and that Stripe confirms stays as it was decided, and nobody is told again', async () => {
    const fixture = await aFixture(target);
    await fixture.charge('decided', { faults: 'payment_intents.confirm=html_502_after' });
    await decidedByHand(fixture, 'succeeded');
    await fixture.makeDue('decided');
    expect(await fixture.pass()).toMatchObject({
      exitCode: 0,
      report: { due: 1, settled: { succeeded: 1 } },
    });
    const { row, mails } = await fixture.look('decided');
    expect(row).toMatchObject({
      status: 'succeeded',
      stripe_status: 'succeeded',
      next_attempt_at: null,
      review: { reason: 'resolved_by_hand' },
    });
    expect(mails.toSorted()).toEqual(['customer_succeeded', 'operator_stuck']);
    expect(await fixture.pass()).toMatchObject({ report: { due: 0 } });
    await fixture.verifyAudit();
  });
});
