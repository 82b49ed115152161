import { describe, expect, test } from 'vitest';
import { targets, type Target } from '../../storage/targets.ts';
import { openHarness, type Harness } from '../harness.ts';
import { COUNT_ONLY, openRunner, type Ended, type Runner, type Strike } from './child.ts';
import { REAL_COMMANDS } from './commands.ts';
import { settledDust } from './recovery.ts';

const CHARGE = REAL_COMMANDS[0]!;

interface Seen {
  readonly ended: Ended;
  readonly rows: number;
  readonly intents: number;
  readonly held: number;
}

/** Runs a charge that is struck there; answers how it ended, and what there is then. */
async function chargeStruck(
  harness: Harness,
  runner: Runner,
  strike: Partial<Strike>,
  faults = '',
): Promise<Seen> {
  await harness.begin(false);
  harness.sandbox.setFaults(faults);
  const ended = await runner.run(await CHARGE.typed(harness), harness.environment(), {
    ...COUNT_ONLY,
    signal: 'SIGKILL',
    ...strike,
  });
  await settledDust(harness);
  const rows = await harness.raw().rows('select lease_token from transactions');
  const seen = {
    ended,
    rows: rows.length,
    held: rows.filter((row) => row['lease_token'] !== null).length,
    intents: harness.sandbox.books.paymentIntents.length,
  };
  await harness.end();
  return seen;
}

function stepOf(steps: readonly string[], name: RegExp, which = 0): number {
  const found = steps.flatMap((step, index) => (name.test(step) ? [index + 1] : []))[which];
  if (found === undefined)
    throw new Error(`no step like ${String(name)} among ${steps.join('; ')}`);
  return found;
}

/** On PostgreSQL a step of a payment is one statement, which commits by itself. */
const COMMIT = { sqlite: /^sqlite COMMIT/, postgres: /^send Q.*COMMIT/i };
/** An empty ledger is looked at twice before its first payment: for another ledger, and for payments that it has lost. */
const LOOKS = 2;
/** What the first of them found is kept. */
const KEPT_LOOKS = 1;
const KILLED = { exitCode: null, signal: 'SIGKILL' };

describe.each(targets)('the real program, struck at a step ($name)', (target: Target) => {
  test('counts the same effects each time, and all of them', async () => {
    const harness = await openHarness(target);
    const runner = await openRunner();
    const first = (await chargeStruck(harness, runner, {})).ended;
    const second = (await chargeStruck(harness, runner, {})).ended;
    expect([first.exitCode, second.exitCode]).toEqual([0, 0]);
    // What is asked of the database at the same time may be answered in another order.
    const kinds = (ended: Ended): string[] =>
      ended.trace.steps.map((step) => step.slice(0, 9)).sort();
    expect(kinds(second)).toEqual(kinds(first));
    const sent = first.trace.steps
      .filter((step) => step.startsWith('send POST'))
      .map((step) => step.replace(/pi_\w+/, 'ID'));
    expect(sent).toEqual([
      'send POST /v1/payment_intents HTTP/1.1',
      'send POST /v1/payment_intents/ID/confirm HTTP/1.1',
    ]);
    expect(first.trace.steps.filter((step) => step.startsWith('hear HTTP/1.1 200'))).toHaveLength(
      sent.length + LOOKS,
    );
    // The row's own, one before each call, which takes its turn from the shared limits, and what the look found; PostgreSQL writes the row without BEGIN.
    expect(first.trace.steps.filter((step) => COMMIT[target.name].test(step)).length).toBe(
      (target.name === 'sqlite' ? 3 : 1) + sent.length + LOOKS + KEPT_LOOKS,
    );
    expect(JSON.stringify(first.trace)).not.toContain('sk_test');
  });

  test('has committed nothing before the first COMMIT of the row, and everything after it', async () => {
    const harness = await openHarness(target);
    const runner = await openRunner();
    const { steps } = (await chargeStruck(harness, runner, {})).ended.trace;
    const insert = stepOf(steps, /insert into .?transactions/i);
    const step =
      steps.findIndex((each, index) => index >= insert && COMMIT[target.name].test(each)) + 1;
    expect(await chargeStruck(harness, runner, { step, when: 'before' })).toMatchObject({
      ended: KILLED,
      rows: 0,
      intents: 0,
    });
    expect(await chargeStruck(harness, runner, { step, when: 'after' })).toMatchObject({
      ended: KILLED,
      rows: 1,
      intents: 0,
      held: 1,
    });
  });

  test('has sent nothing to Stripe before that step, and after it the request takes effect', async () => {
    const harness = await openHarness(target);
    const runner = await openRunner();
    const step = stepOf(
      (await chargeStruck(harness, runner, {})).ended.trace.steps,
      /^send POST \/v1\/payment_intents HTTP/,
    );
    expect(await chargeStruck(harness, runner, { step, when: 'before' })).toMatchObject({
      ended: KILLED,
      rows: 1,
      intents: 0,
    });
    expect(await chargeStruck(harness, runner, { step, when: 'after' })).toMatchObject({
      ended: KILLED,
      rows: 1,
      intents: 1,
    });
  });

  test('dies by another thread as well, and drains by SIGTERM', async () => {
    const harness = await openHarness(target);
    const runner = await openRunner();
    const { steps } = (await chargeStruck(harness, runner, {})).ended.trace;
    const commit = stepOf(steps, COMMIT[target.name]);
    const during = { step: commit, when: 'during', delayUs: 100 } as const;
    expect(await chargeStruck(harness, runner, during)).toMatchObject({
      ended: { ...KILLED, trace: { sent: { step: commit } } },
    });
    const step = stepOf(steps, /^send POST/);
    // The signal is there before the answer is.
    const drained = await chargeStruck(
      harness,
      runner,
      { step, when: 'after', signal: 'SIGTERM' },
      'payment_intents.create=slow:300',
    );
    expect(drained).toMatchObject({
      ended: { exitCode: 143, signal: null },
      rows: 1,
      intents: 1,
      held: 0,
    });
  });
});
