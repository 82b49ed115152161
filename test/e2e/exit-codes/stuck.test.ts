import { describe, expect, it } from 'vitest';
import { sqlite } from '../../storage/targets.ts';
import { pageDocument } from '../verdicts/documents.ts';
import { aFixture, type Fixture } from '../verdicts/fixture.ts';
import { onlyDocument, outcomeOf, refusalOf } from './refusals.ts';
import { startPayrecon } from './running.ts';

/** The intent is there and unconfirmed, and Stripe's answers about it were of no use. */
async function aStuckPayment(fixture: Fixture): Promise<void> {
  await fixture.charge('stuck', { faults: 'payment_intents.confirm=html_502' });
  fixture.sandbox.setFaults('payment_intents.retrieve=500_before');
  expect(await fixture.pass({ PAYRECON_MAX_ATTEMPTS: '1' })).toMatchObject({
    exitCode: 5,
    report: { stuck: 1 },
  });
  fixture.sandbox.setFaults('');
}

function resolve(as: string, ...more: readonly string[]): string[] {
  return [
    'stuck',
    'resolve',
    'stuck',
    '--as',
    as,
    '--reason',
    'looked at it',
    '--yes',
    '--json',
    ...more,
  ];
}

describe('stuck list ends with', () => {
  it('5 while something waits for a person, and 0 when nothing does; status says the same', async () => {
    const fixture = await aFixture(sqlite);
    const empty = await fixture.run(['stuck', 'list', '--json']);
    expect(empty).toMatchObject({ exitCode: 0, stderr: '' });
    expect(pageDocument.parse(onlyDocument(empty.stdout))).toEqual({
      data: [],
      has_more: false,
      next_cursor: null,
    });
    expect(await fixture.run(['status', '--json'])).toMatchObject({ exitCode: 0, stderr: '' });
    await aStuckPayment(fixture);
    const list = await fixture.run(['stuck', 'list', '--json']);
    expect(list).toMatchObject({ exitCode: 5, stderr: '' });
    expect(pageDocument.parse(onlyDocument(list.stdout))).toMatchObject({
      data: [{ key: 'stuck', status: 'stuck' }],
      has_more: false,
    });
    const status = await fixture.run(['status', '--json']);
    expect(status).toMatchObject({ exitCode: 5, stderr: '' });
    expect(onlyDocument(status.stdout)).toMatchObject({ stuck: 1 });
  });
});

describe('stuck resolve ends with', () => {
  it('2 when flags are missing or wrong, naming each; nothing is asked or changed', async () => {
    const fixture = await aFixture(sqlite);
    await aStuckPayment(fixture);
    const sent = fixture.sandbox.books.summary().requests;
    expect(refusalOf(await fixture.run(['stuck', 'resolve', 'stuck', '--json']))).toMatchObject({
      exitCode: 2,
      fields: ['as', 'reason', 'yes'],
      transaction: null,
    });
    expect(refusalOf(await fixture.run(resolve('suceeded')))).toMatchObject({
      exitCode: 2,
      fields: ['as'],
    });
    expect(fixture.sandbox.books.summary().requests).toBe(sent);
    // It could still succeed, and whether it may be canceled for that was not said.
    expect(refusalOf(await fixture.run(resolve('canceled')))).toMatchObject({
      exitCode: 2,
      code: 'cancel_needed',
      fields: ['cancel_at_stripe'],
    });
    expect((await fixture.look('stuck')).row).toMatchObject({ status: 'stuck' });
  });

  it('4 for what Stripe does not allow and for what is not stuck, 6 for what is not there', async () => {
    const fixture = await aFixture(sqlite);
    await aStuckPayment(fixture);
    const illegal = refusalOf(await fixture.run(resolve('succeeded')));
    expect(illegal).toMatchObject({
      exitCode: 4,
      code: 'illegal_resolution',
      fields: ['as'],
      transaction: { key: 'stuck', status: 'stuck' },
    });
    expect(illegal.message).toContain('requires_confirmation');
    expect((await fixture.look('stuck')).row).toMatchObject({
      status: 'stuck',
      review: { resolution: null },
    });
    expect(
      refusalOf(
        await fixture.run([
          'stuck',
          'resolve',
          'nobody',
          '--as',
          'failed',
          '--reason',
          'r',
          '--yes',
          '--json',
        ]),
      ),
    ).toMatchObject({ exitCode: 6, code: 'no_such_transaction', transaction: null });

    const resolved = outcomeOf(await fixture.run(resolve('canceled', '--cancel-at-stripe')));
    expect(resolved).toMatchObject({
      exitCode: 0,
      transaction: {
        status: 'canceled',
        review: { resolution: { as: 'canceled', reason: 'looked at it', operator: 'tester' } },
      },
    });
    expect(fixture.sandbox.books.paymentIntents).toMatchObject([{ status: 'canceled' }]);
    expect(refusalOf(await fixture.run(resolve('failed')))).toMatchObject({
      exitCode: 4,
      code: 'not_stuck',
      transaction: { status: 'canceled' },
    });
    await fixture.verifyAudit();
  });

  it('69 when Stripe does not answer and nothing is changed, 75 when the fence was sent', async () => {
    const fixture = await aFixture(sqlite);
    await aStuckPayment(fixture);
    fixture.sandbox.setFaults('outage:500_before');
    expect(refusalOf(await fixture.run(resolve('retry')))).toMatchObject({
      exitCode: 69,
      code: 'stripe_unreachable',
      transaction: { status: 'stuck' },
    });
    fixture.sandbox.setFaults('payment_intents.cancel=html_502');
    expect(refusalOf(await fixture.run(resolve('failed', '--cancel-at-stripe')))).toMatchObject({
      exitCode: 75,
      code: 'cancel_failed',
      transaction: { status: 'stuck' },
    });
    fixture.sandbox.setFaults('');
    expect(outcomeOf(await fixture.run(resolve('retry')))).toMatchObject({
      exitCode: 0,
      transaction: { status: 'pending', attempts: 0 },
    });
    expect(await fixture.pass()).toMatchObject({
      exitCode: 0,
      report: { settled: { canceled: 1 } },
    });
    await fixture.verifyAudit();
  });

  it('75 while another process works on it, and nothing is changed by this one', async () => {
    const fixture = await aFixture(sqlite);
    await aStuckPayment(fixture);
    fixture.sandbox.setFaults('payment_intents.cancel=slow:2500');
    const first = await startPayrecon(resolve('canceled', '--cancel-at-stripe'), fixture.env);
    await expect
      .poll(() => fixture.sandbox.books.count('payment_intents.cancel'), {
        timeout: 15_000,
        interval: 20,
      })
      .toBe(1);
    expect(refusalOf(await fixture.run(resolve('canceled')))).toMatchObject({
      exitCode: 75,
      code: 'in_progress',
      transaction: { key: 'stuck' },
    });
    expect(await first.end).toMatchObject({ exitCode: 0, stderr: '' });
    expect((await fixture.look('stuck')).row).toMatchObject({ status: 'canceled' });
    expect(await fixture.charge('stuck')).toMatchObject({ exitCode: 3 });
  });
});
