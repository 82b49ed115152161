import { expect, test } from 'vitest';
import { postgres } from '../storage/targets.ts';
import { openGround } from './ground.ts';
import { ALL, countEvery, dyingTwice, everyCrash, runLane, sample, SEED } from './lane.ts';

const SAMPLE = 200;
const TWICE = 50;

test('a crash at any step of every command, once and twice (PostgreSQL)', { timeout: 3_600_000 }, async () => {
  const ground = await openGround(postgres);
  const every = everyCrash(await countEvery(ground));
  expect(every.length).toBeGreaterThan(SAMPLE);
  const once = await runLane('PostgreSQL, single crash', ground, ALL ? every : sample(every, SAMPLE, SEED));
  const twice = await runLane('PostgreSQL, double crash', ground, dyingTwice(ALL ? every : sample(every, TWICE, SEED + 1), SEED));
  expect([...once.violations, ...twice.violations]).toEqual([]);
});
