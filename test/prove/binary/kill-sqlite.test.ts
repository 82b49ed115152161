import { expect, test } from 'vitest';
import { sqlite } from '../../storage/targets.ts';
import { casesOf } from '../../support/proving.ts';
import { runRealLane } from './lane.ts';

test('SIGKILL of the real program at a step (sqlite)', { timeout: 3_600_000 }, async () => {
  const { ran, asked, violations } = await runRealLane(
    'real-kill',
    sqlite,
    casesOf('real-kill') / 2,
  );
  expect(violations).toEqual([]);
  expect(ran).toBe(asked);
});
