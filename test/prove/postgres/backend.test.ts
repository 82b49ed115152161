import { test } from 'vitest';
import type { Overrides } from '../../../src/compose/adapters.ts';
import { postgres } from '../../storage/targets.ts';
import { openHarness, type Harness } from '../harness.ts';
import { proveStrikes, type Lane } from './interrupted-lane.ts';

/*
 * The server ends payrecon's connections at one SQL step, BEGIN and COMMIT included: before the statement, after
 * its answer, or while it is under way. Once, or at every step from there on until payrecon gives up.
 */

const WHENS = ['before', 'during', 'after'] as const;
type When = (typeof WHENS)[number];
const LASTING = ['once', 'from then on'] as const;

interface Point {
  readonly step: number;
  readonly when: When;
  readonly forGood: boolean;
}

const OURS = `from pg_stat_activity where application_name = 'payrecon' and datname = current_database()`;

/** Answers how many, when they are gone: the next step meets a connection that has ended. PostgreSQL's own waiting takes 100 ms. */
async function terminate(harness: Harness): Promise<number> {
  const pids = (await harness.raw().rows(`select pid, pg_terminate_backend(pid) ${OURS}`)).map(
    ({ pid }) => Number(pid),
  );
  for (let here = pids.length; here > 0;)
    here = (await harness.raw().rows(`select pid ${OURS} and pid in (${pids.join()})`)).length;
  return pids.length;
}

function terminating(harness: Harness, point: Point | null): ReturnType<Lane['watch']> {
  const steps: string[] = [];
  let armed = false;
  let struck = 0;
  let underWay: Promise<void> = Promise.resolve();
  const strike = async (when: When): Promise<void> => {
    const here =
      point !== null &&
      armed &&
      point.when === when &&
      (point.forGood ? steps.length >= point.step : steps.length === point.step);
    if (!here) return;
    underWay = underWay.then(async () => {
      struck += await terminate(harness);
    });
    if (when !== 'during') await underWay;
  };
  const gate: Overrides['gate'] = {
    async before(_kind, sql) {
      if (armed) steps.push(sql);
      await strike('before');
      await strike('during');
    },
    after: () => strike('after'),
  };
  return {
    overrides: { gate },
    begin: () => {
      armed = true;
    },
    async over() {
      armed = false;
      await underWay;
    },
    struck: () => struck,
    passing: point?.forGood !== true,
    strikes: () =>
      steps.flatMap((_sql, index) =>
        WHENS.flatMap((when) =>
          LASTING.map((lasting) => ({
            name: `${when} ${index + 1} ${lasting}`,
            kind: `${when} ${lasting}`,
          })),
        ),
      ),
  };
}

function pointNamed(name: string): Point {
  const [when, step, ...lasting] = name.split(' ');
  return {
    step: Number(step),
    when: WHENS.find((each) => each === when) ?? 'before',
    forGood: lasting.join(' ') === LASTING[1],
  };
}

test(
  'the server ends the connections at any step of any command',
  { timeout: 1_200_000 },
  async () => {
    const harness = await openHarness(postgres);
    const lane: Lane = {
      name: 'postgres-backend',
      harness,
      watch: () => terminating(harness, null),
      trouble: (name) => terminating(harness, pointNamed(name)),
    };
    await proveStrikes(lane);
  },
);
