import { expect, test } from 'vitest';
import { casesOf } from '../../support/proving.ts';
import { runOutages } from './outage-lane.ts';
import { restartedServer } from './own-servers.ts';

test(
  'PostgreSQL is stopped at once while charges and passes run, and recovers from its log',
  { timeout: 1_200_000 },
  async () => {
    const asked = casesOf('postgres-restart');
    const { cases, violations, counted } = await runOutages(
      'postgres-restart',
      await restartedServer(),
      asked,
    );
    expect(violations).toEqual([]);
    expect(cases).toBe(process.env['PROVE_CASE'] === undefined ? asked : 1);
    expect(counted['acknowledged before it']).toBeGreaterThanOrEqual(cases);
    expect(counted['told of the absence']).toBeGreaterThan(0);
  },
);
