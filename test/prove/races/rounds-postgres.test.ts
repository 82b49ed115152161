import { expect, test } from 'vitest';
import { postgres } from '../../storage/targets.ts';
import { runRounds } from './rounds.ts';

test(
  'three daemons and several chargers under kill, stop, skew and broken networks (postgres)',
  { timeout: 3_600_000 },
  async () => {
    const { ran, asked, late, refused, violations } = await runRounds(postgres);
    expect(violations).toEqual([]);
    expect(ran).toBe(asked);
    // Each round makes one.
    expect({ late, refused }).toEqual({ late: ran, refused: ran });
  },
);
