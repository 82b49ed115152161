import fc from 'fast-check';
import type { Target } from '../../storage/targets.ts';
import { SEED, SIZE, recordLane } from '../../support/proving.ts';
import { openHarness } from '../harness.ts';
import { histories } from './histories.ts';
import { print, type Action, type History } from './history.ts';
import { play, type Played } from './run-history.ts';
import { OF_FILES, RARE, SITUATIONS } from './situations.ts';
import { openSecondLedger } from './second.ts';
import { openCourier } from './world.ts';

/** How a part of the lane ended. */
export interface Part {
  readonly cases: number;
  readonly violations: readonly string[];
}

/** A failing one is shortened further than this only by hand. */
const TRIES_TO_SHORTEN = 200;
/** In so many histories everything is met; in fewer, what is not rare. */
const MANY = 400;
const SOME = 80;
/** One broken rule often breaks others. */
const SHOWN = 5;

/**
 * Plays that many random histories, or the one that PROVE_CASE holds. `part` makes the seeds of the parts of a lane
 * differ. A situation that never took place is a violation: its rules were not tested.
 */
export async function runHistories(target: Target, cases: number, part: number): Promise<Part> {
  const harness = await openHarness(target);
  const courier = await openCourier(harness);
  const second = await openSecondLedger(harness);
  const startedMs = performance.now();
  const mustMeet = SITUATIONS.filter(
    (what) => cases >= MANY || (cases >= SOME && !RARE.has(what)),
  ).filter((what) => target.name === 'sqlite' || !OF_FILES.has(what));
  const counts = new Map<string, number>();
  const violations: string[] = [];
  const seed = SEED * 1_000 + part;
  const only = process.env['PROVE_CASE'];
  let ran = 0;
  const run = (history: History): Promise<Played> => play(harness, { courier, second }, history);
  if (only !== undefined) {
    const { wrong } = await run(JSON.parse(only) as History);
    violations.push(...wrong);
  } else {
    let failed = false;
    const outcome = await fc.check(
      fc.asyncProperty(histories, async (history) => {
        const played = await run(history);
        // Shrinking plays more of them; those are no cases.
        if (!failed) {
          ran += 1;
          for (const [what, count] of played.counts)
            counts.set(what, (counts.get(what) ?? 0) + count);
        }
        failed ||= played.wrong.length > 0;
        return played.wrong.length === 0;
      }),
      { seed, numRuns: cases },
    );
    if (outcome.failed) {
      const [history] = outcome.counterexample ?? [];
      if (history === undefined)
        throw new Error('no counterexample', { cause: outcome.errorInstance });
      const shortest = await shorten(history, run);
      const { wrong } = await run(shortest);
      const again =
        wrong.length === 0
          ? `it does not fail again: PROVE_CASE='${print(history)}'`
          : `again with PROVE_CASE='${print(shortest)}'`;
      violations.push(
        ...wrong.slice(0, SHOWN),
        `seed ${String(SEED)}, part ${String(part)}, history ${String(outcome.numRuns)}: ${again}`,
      );
    } else
      violations.push(
        ...mustMeet
          .filter((what) => (counts.get(what) ?? 0) === 0)
          .map((what) => `${what}: never met in ${String(cases)} histories`),
      );
  }
  courier.close();
  recordLane({
    lane: 'model',
    cases: ran,
    violations: violations.length,
    seconds: (performance.now() - startedMs) / 1_000,
    counted: Object.fromEntries(SITUATIONS.map((what) => [what, counts.get(what) ?? 0])),
  });
  return { cases: only === undefined ? ran : cases, violations };
}

/** Leaves out action after action, as long as it still fails. */
async function shorten(
  history: History,
  run: (history: History) => Promise<Played>,
): Promise<History> {
  let shortest = history;
  let tries = 0;
  for (
    let index = shortest.actions.length - 1;
    index >= 0 && tries < TRIES_TO_SHORTEN;
    index -= 1
  ) {
    for (const simpler of simplerThan(shortest, index)) {
      tries += 1;
      if ((await run(simpler)).wrong.length === 0) continue;
      shortest = simpler;
      break;
    }
  }
  return shortest;
}

/** Without the action; else without what goes wrong in it. */
function simplerThan(history: History, index: number): readonly History[] {
  const action = history.actions[index];
  const replaced = (by: readonly Action[]): History => ({
    ...history,
    actions: history.actions.flatMap((each, at) => (at === index ? by : [each])),
  });
  if (action === undefined) return [];
  const plain = ['faults', 'dies', 'late'].flatMap((name) =>
    name in action
      ? [
          replaced([
            Object.fromEntries(
              Object.entries(action).filter(([field]) => field !== name),
            ) as unknown as Action,
          ]),
        ]
      : [],
  );
  const parts =
    action.do === 'together'
      ? [
          ...action.all.map((each) => replaced([each])),
          ...action.all.map((each) =>
            replaced([{ ...action, all: action.all.filter((other) => other !== each) }]),
          ),
        ]
      : [];
  return [replaced([]), ...parts, ...plain];
}

/** The share of the lane that runs on PostgreSQL, where a history takes longer; the rest is split in two on SQLite. */
export const POSTGRES_SHARE = 0.1;

export const TIMEOUT_MS: number = SIZE === 'nightly' ? 12 * 3_600_000 : 1_800_000;
