import { describe, expect, it } from 'vitest';
import { sqlite, targets } from '../../storage/targets.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { join } from 'node:path';
import { writeFile } from 'node:fs/promises';
import { AMOUNT, aScene } from '../verdicts/scene.ts';

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
      const scene = await aScene(target);
      for (const fault of PASSING) {
        const run = await scene.charge(fault, { faults: `${call}=${fault}` });
        expect({ fault, exit: run.exitCode, stderr: run.stderr }).toEqual({
          fault,
          exit: 0,
          stderr: '',
        });
        const { row, intents } = await scene.look(fault);
        expect(row).toMatchObject({ status: 'succeeded', attempt: 1, attempts: 0 });
        expect(intents).toMatchObject([{ status: 'succeeded', amount_received: AMOUNT }]);
      }
      expect(scene.sandbox.books.paymentIntents).toHaveLength(PASSING.length);
      await scene.pass();
      expect(
        scene
          .mails()
          .map(({ to }) => to)
          .sort(),
      ).toEqual(PASSING.map((fault) => `${fault}@example.com`).sort());
      await scene.verifyAudit();
    },
  );

  it('that does not pass leaves the payment pending and says what happened; the same command goes on later', async () => {
    const scene = await aScene(target);
    const command = ['--wait', '300ms'];
    const run = await scene.charge('locked', {
      faults: 'payment_intents.confirm#*=429_lock',
      more: command,
    });
    expect(run.exitCode).toBe(75);
    expect(run.json()).toMatchObject({ status: 'pending', step: 'created', attempts: 0 });
    scene.sandbox.setFaults('payment_intents.confirm#*=429_lock');
    const told = await scene.run([
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
    scene.sandbox.setFaults('');
    expect(told.exitCode).toBe(75);
    // Stripe was reached and did answer.
    expect(told.stdout + told.stderr).not.toMatch(/was not reached|did not answer/);
    expect(scene.sandbox.books.charges).toEqual([]);
    expect((await scene.charge('locked', { more: command })).exitCode).toBe(0);
    expect((await scene.look('locked')).intents).toMatchObject([
      { status: 'succeeded', amount_received: AMOUNT },
    ]);
  });

  it('is tried again by a pass as well, and spends no attempt', async () => {
    const scene = await aScene(target);
    await scene.charge('found', { faults: 'payment_intents.confirm=html_502_after' });
    await scene.charge('fenced', { faults: 'payment_intents.confirm=html_502' });
    scene.sandbox.setFaults(
      'payment_intents.retrieve#1=429_lock; payment_intents.cancel#1=429_lock',
    );
    expect(await scene.pass()).toMatchObject({
      exitCode: 0,
      report: { pending: 0, stuck: 0, settled: { succeeded: 1, canceled: 1 } },
    });
    for (const key of ['found', 'fenced'])
      expect((await scene.look(key)).row).toMatchObject({ attempts: 0, review: null });
    await scene.verifyAudit();
  });
});

describe('our own queue', () => {
  it("is not Stripe's silence: every line of a file is charged, however slowly, and nobody is told otherwise", async () => {
    const scene = await aScene(sqlite, {
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
    const run = await scene.run(['charge', '--file', file, '--json'], { timeoutMs: 100_000 });
    expect(run.jsonLines().map((line) => (line as { result: string }).result)).toEqual(
      lines.map(() => 'succeeded'),
    );
    expect(JSON.parse(run.stderr)).toMatchObject({ summary: { lines: 16, succeeded: 16 } });
    expect(run.exitCode).toBe(0);
    expect(scene.sandbox.books.succeededCount()).toBe(16);
    expect(scene.sandbox.books.counts).toMatchObject({
      'payment_intents.create': 16,
      'payment_intents.confirm': 16,
    });
    expect(await scene.pass()).toMatchObject({ exitCode: 0, report: { due: 0, not_sent: 0 } });
    await scene.verifyAudit();
  });
});
