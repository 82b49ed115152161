import { describe, expect, it } from 'vitest';
import { postgres, sqlite, targets } from '../../storage/targets.ts';
import { transactionDocument } from '../verdicts/documents.ts';
import { AMOUNT, aFixture, chargeFlags, type Fixture } from '../verdicts/fixture.ts';
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

async function untilAsked(fixture: Fixture, endpoint: string): Promise<void> {
  await expect
    .poll(() => fixture.sandbox.books.count(endpoint), { timeout: 15_000, interval: 20 })
    .toBe(1);
}

async function heldLeases(fixture: Fixture): Promise<number> {
  const raw = await fixture.database.raw();
  return (await raw.rows('select id from transactions where lease_token is not null')).length;
}

describe.each(targets)('a charge on $name', (target) => {
  it.each(SIGNALS)(
    'ends with $exitCode by $signal, after taking the answer that was due; and goes on when it is run again',
    async ({ signal, exitCode }) => {
      const fixture = await aFixture(target);
      fixture.sandbox.setFaults('payment_intents.create=slow:1000');
      const running = await startPayrecon(chargeFlags('cut-short'), fixture.env);
      await untilAsked(fixture, 'payment_intents.create');
      running.signal(signal);
      const end = await running.end;
      expect(end).toMatchObject({ exitCode, stderr: '' });
      const [intent] = fixture.sandbox.books.paymentIntents;
      expect(transactionDocument.parse(JSON.parse(end.stdout))).toMatchObject({
        status: 'pending',
        step: 'created',
        payment_intent: intent!.id,
      });
      expect(fixture.sandbox.books.count('payment_intents.confirm')).toBe(0);
      expect(await heldLeases(fixture)).toBe(0);

      expect(await fixture.charge('cut-short')).toMatchObject({ exitCode: 0 });
      expect((await fixture.look('cut-short')).intents).toEqual([
        {
          id: intent!.id,
          status: 'succeeded',
          amount: AMOUNT,
          currency: 'usd',
          amount_received: AMOUNT,
        },
      ]);
      await fixture.verifyAudit();
    },
  );
});

describe('a charge whose money is on its way', () => {
  it.each(PAIRS)(
    'is not cut short by $signal (on $on): the outcome is recorded and told',
    async ({ target, signal }) => {
      const fixture = await aFixture(target);
      fixture.sandbox.setFaults('payment_intents.confirm=slow:1000');
      const running = await startPayrecon(chargeFlags('on-its-way'), fixture.env);
      await untilAsked(fixture, 'payment_intents.confirm');
      running.signal(signal);
      const end = await running.end;
      expect(end).toMatchObject({ exitCode: 0, stderr: '' });
      expect(transactionDocument.parse(JSON.parse(end.stdout))).toMatchObject({
        status: 'succeeded',
      });
      expect(await heldLeases(fixture)).toBe(0);
      await fixture.verifyAudit();
    },
  );
});

describe('a pass', () => {
  it.each(PAIRS)(
    'ends with $exitCode by $signal (on $on), after finishing and recording what was under way',
    async ({ target, signal, exitCode }) => {
      const fixture = await aFixture(target);
      for (const key of ['one', 'two'])
        await fixture.charge(key, { faults: 'payment_intents.confirm=html_502' });
      fixture.sandbox.setFaults(
        'payment_intents.cancel#*=slow:1000; payment_intents.retrieve#2=slow:20000',
      );
      const running = await startPayrecon(['reconcile', '--json'], fixture.env);
      await untilAsked(fixture, 'payment_intents.cancel');
      running.signal(signal);
      const end = await running.end;
      expect(end).toMatchObject({ exitCode, stderr: '' });
      expect(JSON.parse(end.stdout)).toMatchObject({
        due: 2,
        pending: 1,
        settled: { succeeded: 0, failed: 0, canceled: 1 },
      });
      expect(await heldLeases(fixture)).toBe(0);
      fixture.sandbox.setFaults('');

      expect(await fixture.pass()).toMatchObject({
        exitCode: 0,
        report: { due: 1, settled: { canceled: 1 } },
      });
      for (const key of ['one', 'two'])
        expect(await fixture.look(key)).toMatchObject({
          row: { status: 'canceled', attempts: 0 },
          intents: [{ status: 'canceled' }],
        });
      await fixture.verifyAudit();
    },
  );
});

describe('the daemon', () => {
  it.each(PAIRS)(
    'ends with $exitCode by $signal (on $on), after draining the pass that runs',
    async ({ target, signal, exitCode }) => {
      const fixture = await aFixture(target);
      await fixture.charge('first', { faults: 'payment_intents.confirm=html_502_after' });
      const running = await startPayrecon(
        ['reconcile', '--daemon', '--schedule', '* * * * * *'],
        fixture.env,
      );
      await expect.poll(() => fixture.mails(), { timeout: 15_000 }).toHaveLength(1);

      // The next pass is caught in the middle of its cancel.
      fixture.sandbox.setFaults(
        'payment_intents.confirm=html_502; payment_intents.cancel=slow:1000',
      );
      expect(await fixture.run(chargeFlags('second'))).toMatchObject({ exitCode: 75 });
      await untilAsked(fixture, 'payment_intents.cancel');
      running.signal(signal);
      const end = await running.end;
      expect(end).toMatchObject({ exitCode, stdout: '' });
      expect(end.stderr).toMatch(/^reconciling on schedule "\* \* \* \* \* \*", UTC\n/);
      expect(end.stderr).toMatch(/\ndrained\n$/);

      expect((await fixture.look('first')).row).toMatchObject({ status: 'succeeded' });
      expect(await fixture.look('second')).toMatchObject({
        row: { status: 'canceled' },
        intents: [{ status: 'canceled' }],
      });
      expect(await heldLeases(fixture)).toBe(0);
      const raw = await fixture.database.raw();
      expect(await raw.rows('select id from passes where finished_at is null')).toEqual([]);
      await fixture.verifyAudit();
    },
  );
});

describe('a second signal', () => {
  it('ends a charge at once, whatever it waits for; what was recorded lets the next run go on', async () => {
    const fixture = await aFixture(sqlite);
    fixture.sandbox.setFaults('payment_intents.confirm=slow:20000');
    const running = await startPayrecon(chargeFlags('impatient'), fixture.env);
    await untilAsked(fixture, 'payment_intents.confirm');
    const endedBefore = fixture.sandbox.books.requests.at(-1)!.wire_at + 9_000;
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
    expect((await fixture.look('impatient')).row).toMatchObject({
      status: 'pending',
      step: 'confirm_sent',
    });
    expect(await heldLeases(fixture)).toBe(1);
  });
});
