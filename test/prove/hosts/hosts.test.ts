import { expect, test } from 'vitest';
import { postgres } from '../../storage/targets.ts';
import { casesOf, recordLane, SEED, SIZE, type Size } from '../../support/proving.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { openHarness, type Harness } from '../harness.ts';
import { serverPair } from '../postgres/own-servers.ts';
import { EVENTS, runCase, type CaseReport } from './case.ts';
import { HOSTS, type Place } from './processes.ts';
import { runFailover } from './failover.ts';
import { NETWORK, openNetwork } from './network.ts';

/** Cases of the lane in which not a host fails, but the primary PostgreSQL. */
const FAILOVERS: Readonly<Record<Size, number>> = { quick: 0, full: 4, nightly: 20 };
/** The one case to run, as a failure prints it. */
const ONLY: string | undefined = process.env['PROVE_CASE'];

type Case = (number: number) => Promise<CaseReport>;

interface Lane {
  readonly ran: number;
  readonly takenOver: number;
  readonly violations: readonly string[];
}

async function runLane(part: string, count: number, runOne: Case): Promise<Lane> {
  const numbers = Array.from({ length: count }, (_, index) => index).filter(
    (number) => ONLY === undefined || ONLY === `${part} | ${number}`,
  );
  const startedMs = performance.now();
  const counted = { 'payments taken over': 0, 'hosts that came back late': 0 };
  const violations: string[] = [];
  for (const number of numbers) {
    const report = await runOne(number).catch(broken);
    counted['payments taken over'] += report.takenOver;
    counted['hosts that came back late'] += report.cameLate ? 1 : 0;
    violations.push(
      ...report.wrong.map((wrong) => `PROVE_CASE='${part} | ${number}' (seed ${SEED}): ${wrong}`),
    );
  }
  recordLane({
    lane: 'hosts',
    cases: numbers.length,
    violations: violations.length,
    seconds: (performance.now() - startedMs) / 1_000,
    counted,
  });
  return { ran: numbers.length, takenOver: counted['payments taken over'], violations };
}

function broken(error: unknown): CaseReport {
  return {
    takenOver: 0,
    cameLate: false,
    wrong: [error instanceof Error ? (error.stack ?? error.message) : String(error)],
  };
}

/** Three hosts, and the seed of each case. */
async function placesAround(harness: Harness): Promise<(number: number) => Place> {
  const { DATABASE_URL: database = '', STRIPE_API_BASE: stripe = '' } = harness.environment();
  const hosts = await openNetwork(HOSTS, { database: new URL(database), stripe: new URL(stripe) });
  const home = await temporaryFolder();
  return (number) => ({ home, hosts, seed: SEED * 1_000_003 + number });
}

async function failovers(): Promise<Case> {
  const servers = await serverPair('synchronous');
  const harness = await openHarness(servers.target, { sharedLimits: true });
  const place = await placesAround(harness);
  return (number) =>
    runFailover(harness, servers, place(number), SIZE === 'nightly' && number % 2 === 1);
}

test(
  `a host is killed or cut off in the middle of its block (${NETWORK}), or PostgreSQL fails over: what is done too late changes nothing`,
  { timeout: 7_200_000 },
  async () => {
    const harness = await openHarness(postgres, { sharedLimits: true });
    const place = await placesAround(harness);
    const lanes = [
      await runLane('hosts', casesOf('hosts') - FAILOVERS[SIZE], (number) =>
        runCase(harness, place(number), EVENTS[number % EVENTS.length]!),
      ),
    ];
    if (FAILOVERS[SIZE] > 0)
      lanes.push(await runLane('failover', FAILOVERS[SIZE], await failovers()));
    const ran = lanes.reduce((sum, lane) => sum + lane.ran, 0);
    expect(lanes.flatMap(({ violations }) => violations)).toEqual([]);
    expect(ran).toBe(ONLY === undefined ? casesOf('hosts') : 1);
    expect(lanes.reduce((sum, lane) => sum + lane.takenOver, 0)).toBeGreaterThan(ran);
  },
);
