import { test } from 'vitest';
import type { Proxy } from '../../storage/postgres-proxy.ts';
import { openHarness } from '../harness.ts';
import { behindProxy } from './behind-proxy.ts';
import { proveStrikes, type Lane } from './interrupted-lane.ts';

/*
 * The answer to a COMMIT never comes: either the server has committed, or it never heard of it. A writing statement
 * outside a transaction is a COMMIT as well. The server is there again at once, or stays away until payrecon gives up.
 */

const LOSSES = ['committed', 'never arrived'] as const;
const ABSENCES = ['back at once', 'away'] as const;

interface Loss {
  readonly commit: number;
  readonly how: (typeof LOSSES)[number];
  readonly away: boolean;
}

const WRITES = /\b(insert|update|delete)\b/i;

function losing(proxy: Proxy, loss: Loss | null): ReturnType<Lane['watch']> {
  let commits = 0;
  let struck = 0;
  let inTransaction = false;
  const commitsNow = (sql: string): boolean => {
    if (/^begin/i.test(sql)) inTransaction = true;
    if (!/^(commit|rollback)/i.test(sql)) return !inTransaction && WRITES.test(sql);
    inTransaction = false;
    return /^commit/i.test(sql);
  };
  const fate = (sql: string): ReturnType<Proxy['onStatement']> => {
    if (!commitsNow(sql)) return 'pass';
    commits += 1;
    if (commits !== loss?.commit) return 'pass';
    struck += 1;
    proxy.refusing = loss.away;
    return loss.how === 'committed' ? 'cut_after' : 'cut_before';
  };
  return {
    overrides: {},
    begin: () => {
      proxy.onStatement = fate;
    },
    over() {
      proxy.onStatement = () => 'pass';
      proxy.refusing = false;
      return Promise.resolve();
    },
    struck: () => struck,
    passing: loss?.away !== true,
    strikes: () =>
      Array.from({ length: commits }, (_, index) =>
        LOSSES.flatMap((how) =>
          ABSENCES.map((absence) => ({
            name: `commit ${index + 1}, ${how}, ${absence}`,
            kind: `${how}, ${absence}`,
          })),
        ),
      ).flat(),
  };
}

function lossNamed(name: string): Loss {
  const [commit = '', how, absence] = name.split(', ');
  return {
    commit: Number(commit.split(' ')[1]),
    how: LOSSES.find((each) => each === how) ?? 'committed',
    away: absence === 'away',
  };
}

test('the answer to any COMMIT of any command is lost', { timeout: 1_200_000 }, async () => {
  const { target, proxy: latest } = behindProxy();
  const harness = await openHarness(target);
  const proxy = latest();
  const lane: Lane = {
    name: 'postgres-commit',
    harness,
    watch: () => losing(proxy, null),
    trouble: (name) => losing(proxy, lossNamed(name)),
  };
  await proveStrikes(lane);
});
