import { expect, test } from 'vitest';
import { casesOf } from '../../support/proving.ts';
import { runOutages } from './outage-lane.ts';
import { serverPair } from './own-servers.ts';

test(
  'the primary is killed while charges and passes run, and its synchronous standby is promoted',
  { timeout: 1_800_000 },
  async () => {
    const asked = casesOf('postgres-failover');
    const { cases, violations, counted } = await runOutages(
      'postgres-failover',
      await serverPair('synchronous'),
      asked,
    );
    expect(violations).toEqual([]);
    expect(cases).toBe(process.env['PROVE_CASE'] === undefined ? asked : 1);
    expect(counted['acknowledged before it']).toBeGreaterThanOrEqual(cases);
  },
);
