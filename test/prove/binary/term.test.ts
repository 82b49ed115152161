import { expect, test } from 'vitest';
import { targets } from '../../storage/targets.ts';
import { casesOf } from '../../support/proving.ts';
import { runRealLane } from './lane.ts';

test.each(targets)(
  'SIGTERM to the real program at a step ($name)',
  { timeout: 1_800_000 },
  async (target) => {
    const { ran, asked, violations } = await runRealLane(
      'real-term',
      target,
      casesOf('real-term') / targets.length,
    );
    expect(violations).toEqual([]);
    expect(ran).toBe(asked);
  },
);
