import { casesOf, recordLane, SEED } from '../../support/proving.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import type { Target } from '../../storage/targets.ts';
import { openHarness } from '../harness.ts';
import { runRound, type RoundReport } from './round.ts';

/** The number of the one round to run, as a failure prints it. */
const ONLY: string | undefined = process.env['PROVE_CASE'];

/** Seeds of different rounds, and of the same round under another seed of the lane, are far apart. */
const ROUNDS_APART = 1_000_003;

export interface Rounds {
  readonly ran: number;
  readonly asked: number;
  readonly late: number;
  readonly refused: number;
  readonly violations: readonly string[];
}

/** Half of the lane's rounds, one after the other; the other half is on the other database, at the same time. */
export async function runRounds(target: Target): Promise<Rounds> {
  const half =
    target.name === 'sqlite' ? Math.ceil(casesOf('races') / 2) : Math.floor(casesOf('races') / 2);
  const numbers = Array.from({ length: half }, (_, index) => index + 1).filter(
    (number) => ONLY === undefined || ONLY === `round | ${target.name} | ${number}`,
  );
  const harness = await openHarness(target);
  const home = await temporaryFolder();
  const startedMs = performance.now();
  const violations: string[] = [];
  let killed = 0;
  let late = 0;
  let refused = 0;
  for (const number of numbers) {
    const report = await runRound(
      harness,
      home,
      SEED * ROUNDS_APART + number * 2 + (target.name === 'sqlite' ? 0 : 1),
    ).catch(broken);
    killed += report.killed;
    late += report.late;
    refused += report.refused;
    violations.push(
      ...report.wrong.map(
        (wrong) =>
          `PROVE_CASE='round | ${target.name} | ${number}' (seed ${SEED}; ${report.story}): ${wrong}`,
      ),
    );
  }
  const counted = { 'processes killed': killed, 'late writers': late, refused };
  recordLane({
    lane: 'races',
    cases: numbers.length,
    violations: violations.length,
    seconds: (performance.now() - startedMs) / 1_000,
    counted,
  });
  return {
    ran: numbers.length,
    asked: ONLY === undefined ? half : numbers.length,
    late,
    refused,
    violations,
  };
}

function broken(error: unknown): RoundReport {
  return {
    story: 'broken off',
    killed: 0,
    late: 0,
    refused: 0,
    wrong: [error instanceof Error ? (error.stack ?? error.message) : String(error)],
  };
}
