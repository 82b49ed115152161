import { describe, expect, it } from 'vitest';
import { sqlite, targets } from '../../storage/targets.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { join } from 'node:path';
import { writeFile } from 'node:fs/promises';
import { AMOUNT, aFixture } from '../verdicts/fixture.ts';

/*
 * What passes by itself ends no payment: a refusal for the moment, which Stripe did not carry out, is
 * tried again within the wait, and waiting in our own queue is nothing that Stripe did.
 */

const CALLS = ['payment_intents.create', 'payment_intents.confirm'] as const;
const PASSING = ['429', '429_lock', '409'] as const;

describe.each(targets)('a refusal for the moment, on $name', (target) => {
  it.each(CALLS)(
    'of %s is tried again within the wait that is the default, and the payment succeeds',
    async (call) => {
      const fixture = await aFixture(target);
      for (const fault of PASSING) {
        const run = await fixture.charge(fault, { faults: `${call}=${fault}` });
        expect({ fault, exit: run.exitCode, stderr: run.stderr }).toEqual({
          fault,
          exit: 0,
          stderr: '',
        });
        const { row, intents } = await fixture.look(fault);
        expect(row).toMatchObject({ status: 'succeeded', attempt: 1, attempts: 0 });
        expect(intents).toMatchObject([{ status: 'succeeded', amount_received: AMOUNT }]);
      }
      expect(fixture.sandbox.books.paymentIntents).toHaveLength(PASSING.length);
      await fixture.pass();
      expect(
        fixture
          .mails()
          .map(({ to }) => to)
          .sort(),
      ).toEqual(PASSING.map((fault) => `${fault}@example.com`).sort());
      await fixture.verifyAudit();
    },
  );

  it('that does not pass leaves the payment pending and says what happened; the same command goes on later', async () => {
    const fixture = await aFixture(target);
    const command = ['--wait', '300ms'];
    const run = await fixture.charge('locked', {
      faults: 'payment_intents.confirm#*=429_lock',
      more: command,
    });
    expect(run.exitCode).toBe(75);
    expect(run.json()).toMatchObject({ status: 'pending', step: 'created', attempts: 0 });
    fixture.sandbox.setFaults('payment_intents.confirm#*=429_lock');
    const told = await fixture.run([
      'charge',
      '--key',
      'locked',
      '--amount',
      '49.99',
      '--currency',
      'usd',
      '--payment-method',
      'pm_card_visa',
      '--email',
      'locked@example.com',
      ...command,
    ]);
    fixture.sandbox.setFaults('');
    expect(told.exitCode).toBe(75);
    // Stripe was reached and did answer.
    expect(told.stdout + told.stderr).not.toMatch(/was not reached|did not answer/);
    expect(fixture.sandbox.books.charges).toEqual([]);
    expect((await fixture.charge('locked', { more: command })).exitCode).toBe(0);
    expect((await fixture.look('locked')).intents).toMatchObject([
      { status: 'succeeded', amount_received: AMOUNT },
    ]);
  });

  it('is tried again by a pass as well, and spends no attempt', async () => {
    const fixture = await aFixture(target);
    await fixture.charge('found', { faults: 'payment_intents.confirm=html_502_after' });
    await fixture.charge('fenced', { faults: 'payment_intents.confirm=html_502' });
    fixture.sandbox.setFaults(
      'payment_intents.retrieve#1=429_lock; payment_intents.cancel#1=429_lock',
    );
    expect(await fixture.pass()).toMatchObject({
      exitCode: 0,
      report: { pending: 0, stuck: 0, settled: { succeeded: 1, canceled: 1 } },
    });
    for (const key of ['found', 'fenced'])
      expect((await fixture.look(key)).row).toMatchObject({ attempts: 0, review: null });
    await fixture.verifyAudit();
  });
});

describe('our own queue', () => {
  it("is not Stripe's silence: every line of a file is charged, however slowly, and nobody is told otherwise", async () => {
    const fixture = await aFixture(sqlite, {
      env: {
        PAYRECON_STRIPE_RPS: '4',
        PAYRECON_STRIPE_ENDPOINT_RPS: '4',
        PAYRECON_STRIPE_DEADLINE: '2s',
      },
    });
    const lines = Array.from(
      { length: 16 },
      (_, at) =>
        `line-${String(at)},${String(at + 1)}.00,usd,pm_card_visa,${String(at)}@example.com`,
    );
    const file = join(await temporaryFolder(), 'due.csv');
    await writeFile(file, ['key,amount,currency,payment_method,email', ...lines].join('\n'));
    // As many lines at a time as by default, and the time limit of a call is far shorter than the queue.
    const run = await fixture.run(['charge', '--file', file, '--json'], { timeoutMs: 100_000 });
    expect(run.jsonLines().map((line) => (line as { result: string }).result)).toEqual(
      lines.map(() => 'succeeded'),
    );
    expect(JSON.parse(run.stderr)).toMatchObject({ summary: { lines: 16, succeeded: 16 } });
    expect(run.exitCode).toBe(0);
    expect(fixture.sandbox.books.succeededCount()).toBe(16);
    expect(fixture.sandbox.books.counts).toMatchObject({
      'payment_intents.create': 16,
      'payment_intents.confirm': 16,
    });
    expect(await fixture.pass()).toMatchObject({ exitCode: 0, report: { due: 0, not_sent: 0 } });
    await fixture.verifyAudit();
  });
});
