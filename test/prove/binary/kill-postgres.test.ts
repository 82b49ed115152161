import { expect, test } from 'vitest';
import { postgres } from '../../storage/targets.ts';
import { casesOf } from '../../support/proving.ts';
import { runRealLane } from './lane.ts';

test('SIGKILL of the real program at a step (postgres)', { timeout: 3_600_000 }, async () => {
  const { ran, asked, violations } = await runRealLane(
    'real-kill',
    postgres,
    casesOf('real-kill') / 2,
  );
  expect(violations).toEqual([]);
  expect(ran).toBe(asked);
});
