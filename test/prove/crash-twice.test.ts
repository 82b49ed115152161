import { expect, test } from 'vitest';
import { createChance } from '../../src/sandbox/ids.ts';
import { sqlite } from '../storage/targets.ts';
import { openGround } from './ground.ts';
import { ALL, everyCrash, runLane, sample, SEED } from './lane.ts';

const SAMPLE = 150;
const SAMPLE_OF_ALL = 3_000;
/** Longer than most recoveries; one that ends sooner dies at a step that it has. */
const RECOVERY_STEPS = 60;

test('a crash, and another one while the first is recovered from (SQLite)', { timeout: 1_200_000 }, async () => {
  const ground = await openGround(sqlite);
  const chance = createChance(SEED);
  const single = sample(await everyCrash(ground), ALL ? SAMPLE_OF_ALL : SAMPLE, SEED);
  const cases = single.map((each) => ({
    ...each,
    second: { step: 1 + Math.floor(chance() * RECOVERY_STEPS), when: chance() < 0.5 ? ('before' as const) : ('after' as const) },
  }));
  const { violations } = await runLane('SQLite, double crash', ground, cases);
  expect(violations).toEqual([]);
});
