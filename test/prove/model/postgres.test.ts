import { expect, test } from 'vitest';
import { postgres } from '../../storage/targets.ts';
import { casesOf } from '../../support/proving.ts';
import { POSTGRES_SHARE, runHistories, TIMEOUT_MS } from './lane.ts';

test(
  'random histories against the reference model (PostgreSQL)',
  { timeout: TIMEOUT_MS },
  async () => {
    const asked = Math.ceil(casesOf('model') * POSTGRES_SHARE);
    const { cases, violations } = await runHistories(postgres, asked, 3);
    expect(violations).toEqual([]);
    expect(cases).toBe(asked);
  },
);
