import pLimit from 'p-limit';
import type { Target } from '../storage/targets.ts';
import { violations } from '../support/invariants.ts';
import { openLane, type Lane, type LaneOptions } from './lane.ts';

/** Most of a case is waiting, for a database or for an answer that does not come. */
const LANES_AT_ONCE = 6;
/** Judging looks at everything in its lane at once: cheaper than after each case, as long as the lane is short. */
const CASES_A_LANE = 24;

export interface Case {
  readonly name: string;
  /** Everything in it has this key, or one that begins with it. Answers what is wrong already; the rest is judged when the lane is at rest. */
  readonly run: (lane: Lane, key: string) => Promise<readonly string[]>;
}

export interface LaneReport {
  readonly ran: number;
  /** What was wrong, each with the name of its case where it is known. */
  readonly failures: readonly string[];
}

/**
 * Runs all cases, some lanes at a time and the cases of a lane one after the other. Then Stripe and the
 * mail service answer, two passes are made, and everything that must hold is checked.
 */
export async function runInLanes(target: Target, cases: readonly Case[], options: LaneOptions = {}): Promise<LaneReport> {
  const limit = pLimit(LANES_AT_ONCE);
  const lanes: Promise<LaneReport>[] = [];
  for (let from = 0; from < cases.length; from += CASES_A_LANE) lanes.push(limit(() => runLane(target, cases.slice(from, from + CASES_A_LANE), options)));
  const reports = await Promise.all(lanes);
  return { ran: reports.reduce((sum, { ran }) => sum + ran, 0), failures: reports.flatMap(({ failures }) => failures) };
}

async function runLane(target: Target, cases: readonly Case[], options: LaneOptions): Promise<LaneReport> {
  const lane = await openLane(target, options);
  const names = new Map<string, string>();
  const failures: string[] = [];
  let ran = 0;
  for (const [index, { name, run }] of cases.entries()) {
    const key = `case-${index + 1}-`;
    names.set(key, name);
    const found = await run(lane, key).catch((error: unknown) => [error instanceof Error ? (error.stack ?? error.message) : String(error)]);
    failures.push(...found.map((each) => `${name}: ${each}`));
    ran += 1;
  }
  const wrong = await judgeAtRest(lane);
  return { ran, failures: [...failures, ...wrong.map((each) => `${ownerOf(each, names)}: ${each}`)] };
}

function ownerOf(violation: string, names: ReadonlyMap<string, string>): string {
  const key = /case-\d+-/.exec(violation)?.[0] ?? '';
  return names.get(key) ?? `one of ${[...names.values()].join('; ')}`;
}

/** What is wrong although everything has answered again, two passes long. */
export async function judgeAtRest(lane: Lane): Promise<readonly string[]> {
  const { sandbox, env } = lane.world;
  sandbox.setFaults('');
  await lane.quiet();
  await lane.patient.pass();
  const lastExit = await lane.patient.pass();
  const secrets = [env['STRIPE_SECRET_KEY'] ?? '', env['SENDGRID_API_KEY'] ?? ''];
  const found = await violations(lane.source, { atRest: true, secrets, mailAnswersUnseen: lane.mailTimeouts() });
  return lastExit === 0 ? found : [`11: the second pass with everything in order ended with ${lastExit}`, ...found];
}
