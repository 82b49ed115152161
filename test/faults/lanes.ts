import { expect } from 'vitest';
import type { Target } from '../storage/targets.ts';
import { violations } from '../support/invariants.ts';
import { recordLane } from '../support/proving.ts';
import { openLane, type Lane } from './lane.ts';

/** The one case to run, as a failure prints it. */
const ONLY: string | undefined = process.env['PROVE_CASE'];
/** Cases that work all the time: more at once would only share the processor. */
const WORKING_AT_ONCE = 3;
/** Cases that mostly wait, for an answer that does not come. */
const WAITING_AT_ONCE = 8;
/** Judging looks at everything in its lane at once: cheaper than after each case, as long as there is not too much. */
const WORKING_A_TIME = 24;
const WAITING_A_TIME = 8;

export interface Case {
  readonly name: string;
  /** It lasts as long as somebody's time limit. */
  readonly waits: boolean;
  /** Everything in it has this key, or one that begins with it. Answers what is wrong already; the rest is judged when the lane is at rest. */
  readonly run: (lane: Lane, key: string) => Promise<readonly string[]>;
}

export interface LaneReport {
  readonly ran: number;
  /** What was wrong, each with the name of its case where it is known. */
  readonly failures: readonly string[];
}

/** Runs all cases, or the one that PROVE_CASE names, says how many those were, and expects that nothing was wrong. */
export async function proveInLanes(target: Target, all: readonly Case[]): Promise<void> {
  const cases = all.filter(({ name }) => ONLY === undefined || name === ONLY);
  const startedMs = performance.now();
  const { ran, failures } = await runInLanes(target, cases);
  recordLane({
    lane: 'fault-scripts',
    cases: ran,
    violations: failures.length,
    seconds: (performance.now() - startedMs) / 1_000,
  });
  expect(failures).toEqual([]);
  expect(ran).toBe(cases.length);
}

/**
 * Some lanes at a time, and the cases of a lane one after the other. Then Stripe and the mail service answer, two
 * passes are made, and everything that must hold is checked.
 */
async function runInLanes(target: Target, cases: readonly Case[]): Promise<LaneReport> {
  const waiting = cases.filter(({ waits }) => waits);
  const working = cases.filter(({ waits }) => !waits);
  const reports = await Promise.all([
    ...inLanes(target, waiting, WAITING_A_TIME, WAITING_AT_ONCE),
    ...inLanes(target, working, WORKING_A_TIME, WORKING_AT_ONCE),
  ]);
  return {
    ran: reports.reduce((sum, { ran }) => sum + ran, 0),
    failures: reports.flatMap(({ failures }) => failures),
  };
}

/** Each lane takes the next cases as soon as it is at rest with the ones before. */
function inLanes(
  target: Target,
  cases: readonly Case[],
  aTime: number,
  atOnce: number,
): readonly Promise<LaneReport>[] {
  const chunks = Array.from({ length: Math.ceil(cases.length / aTime) }, (_, index) =>
    cases.slice(index * aTime, (index + 1) * aTime),
  );
  return Array.from({ length: Math.min(atOnce, chunks.length) }, async () => {
    const lane = await openLane(target);
    const failures: string[] = [];
    let ran = 0;
    for (let chunk = chunks.shift(); chunk !== undefined; chunk = chunks.shift()) {
      await lane.renew();
      failures.push(...(await runChunk(lane, chunk)));
      ran += chunk.length;
    }
    return { ran, failures };
  });
}

async function runChunk(lane: Lane, cases: readonly Case[]): Promise<readonly string[]> {
  const names = new Map<string, string>();
  const failures: string[] = [];
  for (const [index, { name, run }] of cases.entries()) {
    const key = `case-${index + 1}-`;
    names.set(key, name);
    const found = await run(lane, key).catch((error: unknown) => [
      error instanceof Error ? (error.stack ?? error.message) : String(error),
    ]);
    failures.push(...found.map((each) => `${again(name)}: ${each}`));
  }
  const wrong = await judgeAtRest(lane);
  return [...failures, ...wrong.map((each) => `${ownerOf(each, names)}: ${each}`)];
}

function ownerOf(violation: string, names: ReadonlyMap<string, string>): string {
  const key = /case-\d+-/.exec(violation)?.[0] ?? '';
  const name = names.get(key);
  return name === undefined ? `one of ${[...names.values()].join('; ')}` : again(name);
}

/** How to run it once more. */
function again(name: string): string {
  return `PROVE_CASE='${name}'`;
}

/** What is wrong although everything has answered again, two passes long. */
export async function judgeAtRest(lane: Lane): Promise<readonly string[]> {
  const { sandbox, env } = lane.world;
  sandbox.setFaults('');
  await lane.quiet();
  await lane.patient.pass();
  const lastExit = await lane.patient.pass();
  const secrets = [env['STRIPE_SECRET_KEY'] ?? '', env['SENDGRID_API_KEY'] ?? ''];
  const found = await violations(lane.source, {
    atRest: true,
    secrets,
    mailAnswersUnseen: lane.mailTimeouts(),
  });
  return lastExit === 0
    ? found
    : [`11: the second pass with everything in order ended with ${lastExit}`, ...found];
}
