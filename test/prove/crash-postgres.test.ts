import { expect, test } from 'vitest';
import { postgres } from '../storage/targets.ts';
import { openGround } from './ground.ts';
import { ALL, everyCrash, runLane, sample, SEED } from './lane.ts';

const SAMPLE = 200;

test('a crash at any step of every command (PostgreSQL)', { timeout: 1_200_000 }, async () => {
  const ground = await openGround(postgres);
  const every = await everyCrash(ground);
  expect(every.length).toBeGreaterThan(SAMPLE);
  const { violations } = await runLane('PostgreSQL, single crash', ground, ALL ? every : sample(every, SAMPLE, SEED));
  expect(violations).toEqual([]);
});
