import { describe, expect, test } from 'vitest';
import { targets, type Target } from '../storage/targets.ts';
import { COMMANDS, type Command } from './commands.ts';
import { DeadGate, ProcessDied, seamsThrough, type CrashPoint } from './dead-gate.ts';
import { openHarness, type Harness } from './harness.ts';

const CHARGE = COMMANDS[0]!;

/** Runs a charge that dies there; answers the gate and what is in the ledger and the books then. */
async function chargeDyingAt(
  harness: Harness,
  point: CrashPoint | null,
): Promise<{
  readonly gate: DeadGate;
  readonly rows: number;
  readonly audit: number;
  readonly intents: number;
}> {
  await harness.begin(false);
  const gate = new DeadGate(point);
  const payrecon = await harness.open('charge', seamsThrough(gate, harness.clock));
  const charged = (CHARGE satisfies Command).run(payrecon);
  if (point === null) await charged;
  else await expect(charged).rejects.toBeInstanceOf(ProcessDied);
  await payrecon.close();
  const raw = harness.raw();
  const counts = {
    rows: (await raw.rows('select id from transactions')).length,
    audit: (await raw.rows('select seq from audit_events')).length,
  };
  await harness.end();
  return { gate, ...counts, intents: harness.sandbox.books.paymentIntents.length };
}

/** Number of the first step of that name since the payment was recorded, as the dry run passed it. */
function stepOf(gate: DeadGate, name: RegExp): number {
  const opened = gate.had.findIndex((what) => what.startsWith('insert into transactions'));
  const at = gate.had.findIndex((what, index) => index > opened && name.test(what));
  if (at === -1) throw new Error(`no step like ${String(name)} among ${gate.had.join('; ')}`);
  return at + 1;
}

describe.each(targets)('a process that dies at a step ($name)', (target: Target) => {
  test('before COMMIT has committed nothing, after it everything', async () => {
    const harness = await openHarness(target);
    const step = stepOf((await chargeDyingAt(harness, null)).gate, /^commit/i);
    expect(await chargeDyingAt(harness, { step, when: 'before' })).toMatchObject({
      rows: 0,
      audit: 0,
      intents: 0,
    });
    expect(await chargeDyingAt(harness, { step, when: 'after' })).toMatchObject({
      rows: 1,
      audit: 1,
      intents: 0,
    });
  });

  test('before a call to Stripe has not sent it, after it it has, and nothing is recorded of the answer', async () => {
    const harness = await openHarness(target);
    const step = stepOf((await chargeDyingAt(harness, null)).gate, /^stripe create/);
    expect(await chargeDyingAt(harness, { step, when: 'before' })).toMatchObject({
      rows: 1,
      audit: 1,
      intents: 0,
    });
    expect(await chargeDyingAt(harness, { step, when: 'after' })).toMatchObject({
      rows: 1,
      audit: 1,
      intents: 1,
    });
  });

  test('inside a transaction does not roll back any more, and still leaves nothing', async () => {
    const harness = await openHarness(target);
    const step = stepOf(
      (await chargeDyingAt(harness, null)).gate,
      /^(with inserted as \()?insert into audit/,
    );
    const died = await chargeDyingAt(harness, { step, when: 'after' });
    expect(died).toMatchObject({ rows: 0, audit: 0, intents: 0 });
    // The rollback was tried, and was no effect.
    expect(died.gate.triedAfterDeath).toBeGreaterThan(0);
    expect(died.gate.had).toHaveLength(step);
  });

  test('counts the same steps each time', async () => {
    const harness = await openHarness(target);
    const first = await chargeDyingAt(harness, null);
    const second = await chargeDyingAt(harness, null);
    expect(second.gate.begun).toEqual(first.gate.begun);
    expect(first.gate.had).toEqual(first.gate.begun);
    expect(first.gate.had.filter((what) => what.startsWith('stripe '))).toEqual([
      // An empty ledger is looked at for another ledger, and for payments that it has lost.
      'stripe newest',
      'stripe newest',
      'stripe create',
      'stripe confirm',
    ]);
  });
});
