import { test } from 'vitest';
import { postgres } from '../storage/targets.ts';
import { casesOf, SEED } from '../support/proving.ts';
import { openHarness } from './harness.ts';
import { dyingTwice, everyCrash, NO_PASSES, PASSES, proveLane, sample } from './lane.ts';

/** Of the lane; the other half is in a file of its own. */
const SHARE = Math.ceil(casesOf('postgres-crash') / 2);
/** Of the cases, so many die a second time. */
const TWICE = Math.ceil(SHARE / 4);

test(
  'a crash at any step of every command, once (PostgreSQL)',
  { timeout: 7_200_000 },
  async () => {
    const harness = await openHarness(postgres, { lasting: true });
    await proveLane('postgres-crash', harness, false, async () =>
      sample(await everyCrash(harness, NO_PASSES), SHARE - TWICE, SEED),
    );
  },
);

test(
  'a pass that crashes, and another crash while it is recovered from (PostgreSQL)',
  { timeout: 7_200_000 },
  async () => {
    const harness = await openHarness(postgres, { lasting: true });
    await proveLane('postgres-crash', harness, true, async () =>
      dyingTwice(await everyCrash(harness, PASSES), TWICE, SEED),
    );
  },
);
