import { expect, test } from 'vitest';
import { targets } from '../storage/targets.ts';
import { openLane, type Lane } from './lane.ts';
import { REGRESSIONS, type Regression } from './regressions.ts';
import { runSequence } from './sequence-run.ts';
import { parseSequence } from './sequence.ts';

async function whatIsThere({
  source,
  world,
}: Lane): Promise<
  Pick<Regression, 'rows' | 'statuses'> & { readonly requests: Readonly<Record<string, number>> }
> {
  const rows = await source.raw.rows(
    'select key, status, failure_code, attempts from transactions',
  );
  const statuses = await source.raw.rows(
    'select distinct to_status as status from audit_events order by to_status',
  );
  return {
    rows: Object.fromEntries(rows.map(({ key, ...row }) => [String(key), row])),
    statuses: statuses.map(({ status }) => String(status)),
    requests: world.sandbox.books.counts,
  };
}

for (const { name, script, ...ends } of REGRESSIONS) {
  test.each(targets)(`${name} ($name)`, { timeout: 60_000 }, async (target) => {
    const lane = await openLane(target);
    expect(await runSequence(lane, parseSequence(script) ?? [])).toEqual([]);
    expect(await whatIsThere(lane)).toMatchObject(ends);
  });
}
