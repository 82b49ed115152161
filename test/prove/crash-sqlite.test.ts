import { expect, test } from 'vitest';
import { sqlite } from '../storage/targets.ts';
import { casesOf, SEED } from '../support/proving.ts';
import { openHarness } from './harness.ts';
import { dyingTwice, everyCrash, NO_PASSES, proveLane, recoveriesOfSize } from './lane.ts';

/** Fewer would mean that commands or steps are missing; the passes have a file of their own. */
const AT_LEAST = 400;

test(
  'a crash at every step of every command, passes aside (SQLite)',
  { timeout: 1_200_000 },
  async () => {
    const harness = await openHarness(sqlite);
    await proveLane('sqlite-single-crash', harness, false, async () => {
      const cases = await everyCrash(harness, NO_PASSES, recoveriesOfSize);
      expect(cases.length).toBeGreaterThanOrEqual(AT_LEAST);
      expect(new Set(cases.map(({ command }) => command.role))).toEqual(
        new Set(['charge', 'resolve', 'notify', 'migrate']),
      );
      return cases;
    });
  },
);

test(
  'a crash, and another one while the first is recovered from, passes aside (SQLite)',
  { timeout: 7_200_000 },
  async () => {
    const harness = await openHarness(sqlite);
    await proveLane('sqlite-double-crash', harness, true, async () =>
      dyingTwice(
        await everyCrash(harness, NO_PASSES),
        Math.ceil(casesOf('sqlite-double-crash') / 2),
        SEED,
      ),
    );
  },
);
