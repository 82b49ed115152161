import { describe, expect, test } from 'vitest';
import { targets } from '../storage/targets.ts';
import type { Command } from './commands.ts';
import { DeadGate, seamsThrough } from './dead-gate.ts';
import { openHarness, type Harness } from './harness.ts';
import { ALL_COMMANDS } from './more-commands.ts';
import { Turns } from './turns.ts';

const SEVERAL = ALL_COMMANDS.filter(({ sideBySide }) => sideBySide === true);
const RUNS = 4;

/** Each run is held up at other places, as by a busy machine. */
async function stepsOf(
  harness: Harness,
  command: Command,
  run: number,
): Promise<readonly string[]> {
  await harness.begin(false);
  await command.prepare(harness);
  harness.advance(1_000);
  harness.sandbox.setFaults(command.faults ?? '');
  const gate = new DeadGate(null);
  const { wrapGateway, ...overrides } = seamsThrough(gate, harness.clock);
  const payrecon = await harness.open(command.role, {
    ...overrides,
    wrapGateway: (gateway) =>
      wrapGateway!({
        ...gateway,
        create: async (transaction) => await slowly(run, 1, () => gateway.create(transaction)),
        confirm: async (transaction) => await slowly(run, 2, () => gateway.confirm(transaction)),
        cancel: async (transaction) => await slowly(run, 3, () => gateway.cancel(transaction)),
      }),
  });
  await command.run(payrecon);
  await payrecon.close();
  await harness.end();
  return gate.had;
}

async function slowly<T>(run: number, call: number, work: () => Promise<T>): Promise<T> {
  const answer = await work();
  if (run % (call + 1) === 1) await new Promise((resolve) => setTimeout(resolve, 20 * run));
  return answer;
}

describe.each(targets)('with several payments under way at the same time ($name)', (target) => {
  test.each(SEVERAL)(
    'a command has the same steps each time, however long its calls take: $name',
    { timeout: 60_000 },
    async (command) => {
      const harness = await openHarness(target);
      const first = await stepsOf(harness, command, 0);
      for (let run = 1; run < RUNS; run += 1)
        expect(await stepsOf(harness, command, run)).toEqual(first);
    },
  );
});

describe('turns', () => {
  const soon = async (): Promise<void> => {
    for (let round = 0; round < 20; round += 1)
      await new Promise((resolve) => setImmediate(resolve));
  };

  test('let the steps of one process be under way at the same time, and be seen in the order in which they began', async () => {
    const turns = new Turns();
    const seen: string[] = [];
    const ends: (() => void)[] = [];
    for (const name of ['a', 'b', 'c'])
      void turns
        .step(0, () => new Promise<void>((resolve) => ends.push(resolve)))
        .then(() => seen.push(name));
    await soon();
    expect(ends).toHaveLength(3);
    for (const end of ends.reverse()) {
      end();
      await soon();
    }
    expect(seen).toEqual(['a', 'b', 'c']);
  });

  test('wait until every process of several has come to a step, and follow the order', async () => {
    const turns = new Turns({ order: [1, 1, 0], processes: 2 });
    const seen: number[] = [];
    const work = async (who: number): Promise<void> => {
      for (let step = 0; step < 2; step += 1)
        await turns.step(who, () => Promise.resolve(seen.push(who)));
      turns.end(who);
    };
    const other = work(1);
    await soon();
    expect(seen).toEqual([]);
    await Promise.all([work(0), other]);
    expect(seen).toEqual([1, 1, 0, 0]);
  });

  test('send no other statement while a SQL transaction is open', async () => {
    const turns = new Turns();
    const one = {};
    const other = {};
    const sent: string[] = [];
    const statement = async (kind: string, connection: object): Promise<void> => {
      await turns.beginSql(0, { kind, connection }, () => void sent.push(kind));
      await turns.endSql({ kind, connection, failed: false });
    };
    const transaction = (async (): Promise<void> => {
      for (const kind of ['begin', 'update', 'commit']) await statement(kind, one);
    })();
    await Promise.all([transaction, statement('select', other)]);
    expect(sent).toEqual(['begin', 'update', 'commit', 'select']);
  });

  test('hold everything but the SQL transaction that is open', async () => {
    const turns = new Turns();
    const seen: string[] = [];
    await turns.beginSql(0, { kind: 'begin', connection: turns }, () => undefined);
    await turns.endSql({ kind: 'begin', connection: turns, failed: false });
    turns.hold();
    const step = turns.step(0, () => Promise.resolve(seen.push('step')));
    await soon();
    expect([seen, turns.stands(0)]).toEqual([[], false]);
    await turns.beginSql(0, { kind: 'commit', connection: turns }, () => undefined);
    await turns.endSql({ kind: 'commit', connection: turns, failed: false });
    await soon();
    expect([seen, turns.stands(0)]).toEqual([[], true]);
    turns.resume();
    await step;
    expect(seen).toEqual(['step']);
  });
});
