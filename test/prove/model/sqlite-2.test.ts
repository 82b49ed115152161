import { expect, test } from 'vitest';
import { sqlite } from '../../storage/targets.ts';
import { casesOf } from '../../support/proving.ts';
import { POSTGRES_SHARE, runHistories, TIMEOUT_MS } from './lane.ts';

test(
  'random histories against the reference model (SQLite, second half)',
  { timeout: TIMEOUT_MS },
  async () => {
    const asked = Math.ceil((casesOf('model') * (1 - POSTGRES_SHARE)) / 2);
    const { cases, violations } = await runHistories(sqlite, asked, 2);
    expect(violations).toEqual([]);
    expect(cases).toBe(asked);
  },
);
