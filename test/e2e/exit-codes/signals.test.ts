import { describe, expect, it } from 'vitest';
import { postgres, sqlite, targets } from '../../storage/targets.ts';
import { transactionDocument } from '../verdicts/documents.ts';
import { AMOUNT, aScene, chargeFlags, type Scene } from '../verdicts/scene.ts';
import { startPayrecon } from './running.ts';

const SIGNALS = [
  { signal: 'SIGINT', exitCode: 130 },
  { signal: 'SIGTERM', exitCode: 143 },
] as const;

/** Each signal once, each database once: how a command drains depends on neither. */
const PAIRS = [
  { on: 'sqlite', target: sqlite, ...SIGNALS[0] },
  { on: 'postgres', target: postgres, ...SIGNALS[1] },
];

async function untilAsked(scene: Scene, endpoint: string): Promise<void> {
  await expect
    .poll(() => scene.sandbox.books.count(endpoint), { timeout: 15_000, interval: 20 })
    .toBe(1);
}

async function heldLeases(scene: Scene): Promise<number> {
  const raw = await scene.database.raw();
  return (await raw.rows('select id from transactions where lease_token is not null')).length;
}

describe.each(targets)('a charge on $name', (target) => {
  it.each(SIGNALS)(
    'ends with $exitCode by $signal, after taking the answer that was due; and goes on when it is run again',
    async ({ signal, exitCode }) => {
      const scene = await aScene(target);
      scene.sandbox.setFaults('payment_intents.create=slow:1000');
      const running = await startPayrecon(chargeFlags('cut-short'), scene.env);
      await untilAsked(scene, 'payment_intents.create');
      running.signal(signal);
      const end = await running.end;
      expect(end).toMatchObject({ exitCode, stderr: '' });
      const [intent] = scene.sandbox.books.paymentIntents;
      expect(transactionDocument.parse(JSON.parse(end.stdout))).toMatchObject({
        status: 'pending',
        step: 'created',
        payment_intent: intent!.id,
      });
      expect(scene.sandbox.books.count('payment_intents.confirm')).toBe(0);
      expect(await heldLeases(scene)).toBe(0);

      expect(await scene.charge('cut-short')).toMatchObject({ exitCode: 0 });
      expect((await scene.look('cut-short')).intents).toEqual([
        {
          id: intent!.id,
          status: 'succeeded',
          amount: AMOUNT,
          currency: 'usd',
          amount_received: AMOUNT,
        },
      ]);
      await scene.verifyAudit();
    },
  );
});

describe('a charge whose money is on its way', () => {
  it.each(PAIRS)(
    'is not cut short by $signal (on $on): the outcome is recorded and told',
    async ({ target, signal }) => {
      const scene = await aScene(target);
      scene.sandbox.setFaults('payment_intents.confirm=slow:1000');
      const running = await startPayrecon(chargeFlags('on-its-way'), scene.env);
      await untilAsked(scene, 'payment_intents.confirm');
      running.signal(signal);
      const end = await running.end;
      expect(end).toMatchObject({ exitCode: 0, stderr: '' });
      expect(transactionDocument.parse(JSON.parse(end.stdout))).toMatchObject({
        status: 'succeeded',
      });
      expect(await heldLeases(scene)).toBe(0);
      await scene.verifyAudit();
    },
  );
});

describe('a pass', () => {
  it.each(PAIRS)(
    'ends with $exitCode by $signal (on $on), after finishing and recording what was under way',
    async ({ target, signal, exitCode }) => {
      const scene = await aScene(target);
      for (const key of ['one', 'two'])
        await scene.charge(key, { faults: 'payment_intents.confirm=html_502' });
      scene.sandbox.setFaults(
        'payment_intents.cancel#*=slow:1000; payment_intents.retrieve#2=slow:20000',
      );
      const running = await startPayrecon(['reconcile', '--json'], scene.env);
      await untilAsked(scene, 'payment_intents.cancel');
      running.signal(signal);
      const end = await running.end;
      expect(end).toMatchObject({ exitCode, stderr: '' });
      expect(JSON.parse(end.stdout)).toMatchObject({
        due: 2,
        pending: 1,
        settled: { succeeded: 0, failed: 0, canceled: 1 },
      });
      expect(await heldLeases(scene)).toBe(0);
      scene.sandbox.setFaults('');

      expect(await scene.pass()).toMatchObject({
        exitCode: 0,
        report: { due: 1, settled: { canceled: 1 } },
      });
      for (const key of ['one', 'two'])
        expect(await scene.look(key)).toMatchObject({
          row: { status: 'canceled', attempts: 0 },
          intents: [{ status: 'canceled' }],
        });
      await scene.verifyAudit();
    },
  );
});

describe('the daemon', () => {
  it.each(PAIRS)(
    'ends with $exitCode by $signal (on $on), after draining the pass that runs',
    async ({ target, signal, exitCode }) => {
      const scene = await aScene(target);
      await scene.charge('first', { faults: 'payment_intents.confirm=html_502_after' });
      const running = await startPayrecon(
        ['reconcile', '--daemon', '--schedule', '* * * * * *'],
        scene.env,
      );
      await expect.poll(() => scene.mails(), { timeout: 15_000 }).toHaveLength(1);

      // The next pass is caught in the middle of its cancel.
      scene.sandbox.setFaults('payment_intents.confirm=html_502; payment_intents.cancel=slow:1000');
      expect(await scene.run(chargeFlags('second'))).toMatchObject({ exitCode: 75 });
      await untilAsked(scene, 'payment_intents.cancel');
      running.signal(signal);
      const end = await running.end;
      expect(end).toMatchObject({ exitCode, stdout: '' });
      expect(end.stderr).toMatch(/^reconciling on schedule "\* \* \* \* \* \*"\n/);
      expect(end.stderr).toMatch(/\ndrained\n$/);

      expect((await scene.look('first')).row).toMatchObject({ status: 'succeeded' });
      expect(await scene.look('second')).toMatchObject({
        row: { status: 'canceled' },
        intents: [{ status: 'canceled' }],
      });
      expect(await heldLeases(scene)).toBe(0);
      const raw = await scene.database.raw();
      expect(await raw.rows('select id from passes where finished_at is null')).toEqual([]);
      await scene.verifyAudit();
    },
  );
});

describe('a second signal', () => {
  it('ends a charge at once, whatever it waits for; what was recorded lets the next run go on', async () => {
    const scene = await aScene(sqlite);
    scene.sandbox.setFaults('payment_intents.confirm=slow:20000');
    const running = await startPayrecon(chargeFlags('impatient'), scene.env);
    await untilAsked(scene, 'payment_intents.confirm');
    const endedBefore = scene.sandbox.books.requests.at(-1)!.wire_at + 9_000;
    running.signal('SIGINT');
    const ended = running.end.then(() => true);
    // The same Ctrl-C may arrive twice, through a parent; a person presses again later.
    await expect
      .poll(
        async () => {
          running.signal('SIGINT');
          return await Promise.race([ended, Promise.resolve(false)]);
        },
        { interval: 150, timeout: 8_000 },
      )
      .toBe(true);
    expect(await running.end).toMatchObject({ exitCode: 130, stdout: '' });
    expect(Date.now()).toBeLessThan(endedBefore);
    expect((await scene.look('impatient')).row).toMatchObject({
      status: 'pending',
      step: 'confirm_sent',
    });
    expect(await heldLeases(scene)).toBe(1);
  });
});
