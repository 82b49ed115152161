import { expect, test } from 'vitest';
import { sqlite } from '../storage/targets.ts';
import { openGround } from './ground.ts';
import { ALL, everyCrash, runLane } from './lane.ts';
import { RECOVERIES } from './crash-case.ts';

/** Fewer would mean that commands or steps are missing. */
const AT_LEAST = 400;

test('a crash at every step of every command (SQLite)', { timeout: 600_000 }, async () => {
  const ground = await openGround(sqlite);
  // A charge is followed by both kinds of recovery; what else is repeated is left to the sampled lanes.
  const cases = await everyCrash(ground, ({ role }) => (ALL || role === 'charge' ? RECOVERIES : ['passes']));
  expect(cases.length).toBeGreaterThanOrEqual(AT_LEAST);
  const { violations } = await runLane('SQLite, single crash', ground, cases);
  expect(violations).toEqual([]);
});
