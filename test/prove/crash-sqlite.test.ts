import { expect, test } from 'vitest';
import { sqlite } from '../storage/targets.ts';
import { RECOVERIES, type Recovery } from './crash-case.ts';
import { type Command } from './commands.ts';
import { openGround } from './ground.ts';
import { ALL, countEvery, dyingTwice, everyCrash, runLane, sample, SEED } from './lane.ts';

/** Fewer would mean that commands or steps are missing. */
const AT_LEAST = 400;
const TWICE = 300;
const TWICE_OF_ALL = 3_000;

/** A charge is followed by both kinds of recovery; what else is repeated by its caller is left to the sampled lanes. */
function recoveriesOf({ role }: Command): readonly Recovery[] {
  return ALL || role === 'charge' ? RECOVERIES : ['passes'];
}

test('a crash at every step of every command (SQLite)', { timeout: 1_200_000 }, async () => {
  const ground = await openGround(sqlite);
  const counted = await countEvery(ground);
  const cases = everyCrash(counted, recoveriesOf);
  const expected = [...counted].map(([command, { before, after }]) => (before + after) * recoveriesOf(command).length);
  expect(cases).toHaveLength(expected.reduce((sum, each) => sum + each, 0));
  expect(cases.length).toBeGreaterThanOrEqual(AT_LEAST);
  expect(new Set(cases.map(({ command }) => command.role))).toEqual(new Set(['charge', 'reconcile', 'resolve', 'notify', 'migrate']));
  const { violations } = await runLane('SQLite, single crash, every step', ground, cases);
  expect(violations).toEqual([]);
});

test('a crash, and another one while the first is recovered from (SQLite)', { timeout: 3_600_000 }, async () => {
  const ground = await openGround(sqlite);
  const single = sample(everyCrash(await countEvery(ground)), ALL ? TWICE_OF_ALL : TWICE, SEED);
  const { violations } = await runLane('SQLite, double crash', ground, dyingTwice(single, SEED));
  expect(violations).toEqual([]);
});
