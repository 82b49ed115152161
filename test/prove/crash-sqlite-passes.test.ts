import { expect, test } from 'vitest';
import { sqlite } from '../storage/targets.ts';
import { casesOf, SEED } from '../support/proving.ts';
import { openHarness } from './harness.ts';
import { dyingTwice, everyCrash, PASSES, proveLane, recoveriesOfSize } from './lane.ts';

/** Fewer would mean that states or steps are missing. */
const AT_LEAST = 400;

test('a crash at every step of every pass (SQLite)', { timeout: 1_200_000 }, async () => {
  const harness = await openHarness(sqlite);
  await proveLane('sqlite-single-crash', harness, false, async () => {
    const cases = await everyCrash(harness, PASSES, recoveriesOfSize);
    expect(cases.length).toBeGreaterThanOrEqual(AT_LEAST);
    return cases;
  });
});

test(
  'a pass that crashes, and another crash while it is recovered from (SQLite)',
  { timeout: 7_200_000 },
  async () => {
    const harness = await openHarness(sqlite);
    await proveLane('sqlite-double-crash', harness, true, async () =>
      dyingTwice(
        await everyCrash(harness, PASSES),
        Math.ceil(casesOf('sqlite-double-crash') / 2),
        SEED,
      ),
    );
  },
);
