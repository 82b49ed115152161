import { expect } from 'vitest';
import { createChance } from '../../src/sandbox/stripe/ids.ts';
import { recordLane, SEED, SIZE, type LaneName } from '../support/proving.ts';
import type { Command } from './commands.ts';
import {
  countSteps,
  RECOVERIES,
  runCase,
  type CaseReport,
  type CrashCase,
  type Recovery,
  type Steps,
} from './crash-case.ts';
import type { CrashPoint } from './dead-gate.ts';
import type { Harness } from './harness.ts';
import { ALL_COMMANDS } from './more-commands.ts';

/** The one case to run, as a failure prints it; without a step, that command's every single crash. */
const ONLY: string | undefined = process.env['PROVE_CASE'];
const WHENS = ['before', 'after'] as const;
/** Command, recovery, crash: a fourth part is the second crash. */
const PARTS_OF_SINGLE = 3;

/** Two test files share each lane, so that two processes have work: one passes, the other does everything else. */
export const PASSES: readonly Command[] = ALL_COMMANDS.filter(({ role }) => role === 'reconcile');
export const NO_PASSES: readonly Command[] = ALL_COMMANDS.filter(
  ({ role }) => role !== 'reconcile',
);

/** Every step of every command, before and after it; each counted by running each command once. Quick leaves out repetitions by the caller, except of charges. */
export async function everyCrash(
  harness: Harness,
  commands: readonly Command[],
  recoveriesOf: (command: Command) => readonly Recovery[] = () => RECOVERIES,
): Promise<readonly CrashCase[]> {
  const cases: CrashCase[] = [];
  for (const command of commands) {
    const steps = await countSteps(harness, command);
    cases.push(...recoveriesOf(command).flatMap((recovery) => crashesOf(command, recovery, steps)));
  }
  return cases;
}

/**
 * Between the effect of a step and the next one nothing leaves the process, so a crash before a step finds what a crash after
 * the one before it left. Quick leaves the doubles out, but for the very first.
 */
function crashesOf(command: Command, recovery: Recovery, steps: Steps): readonly CrashCase[] {
  const points = WHENS.flatMap((when) =>
    Array.from({ length: steps[when] }, (_, index): CrashPoint => ({ step: index + 1, when })),
  );
  return points
    .filter(({ step, when }) => SIZE !== 'quick' || when === 'after' || step === 1)
    .map((crash) => ({ command, recovery, crash, second: null }));
}

/** In the quick size a repetition by the caller follows on charges only; the sampled lanes have it for all. */
export function recoveriesOfSize({ role }: Command): readonly Recovery[] {
  return SIZE !== 'quick' || role === 'charge' ? RECOVERIES : ['passes'];
}

/** Longer than most recoveries; one that ends sooner dies at a step that it has. */
const RECOVERY_STEPS = 60;

/** So many crashes of these, each with another one by chance while the first is recovered from. */
export function dyingTwice(
  singles: readonly CrashCase[],
  size: number,
  seed: number,
): readonly CrashCase[] {
  const chance = createChance(seed);
  const rounds = Array.from({ length: Math.ceil(size / singles.length) }, (_, round) =>
    sample(singles, singles.length, seed + round),
  );
  return rounds
    .flat()
    .slice(0, size)
    .map((each) => ({
      ...each,
      second: {
        step: 1 + Math.floor(chance() * RECOVERY_STEPS),
        when: chance() < 0.5 ? 'before' : 'after',
      },
    }));
}

/** That many of them, by chance, and in no order. */
export function sample<Item>(items: readonly Item[], size: number, seed: number): readonly Item[] {
  const chance = createChance(seed);
  return items
    .map((item) => ({ item, place: chance() }))
    .sort((a, b) => a.place - b.place)
    .slice(0, size)
    .map(({ item }) => item);
}

export function nameOf({ command, recovery, crash, second }: CrashCase): string {
  const shown = ({ step, when }: CrashPoint): string => `${when} ${step}`;
  return `${command.name} | ${recovery} | ${shown(crash)}${second === null ? '' : ` | ${shown(second)}`}`;
}

function parsePoint(text: string): CrashPoint {
  const [when, step] = text.split(' ');
  return { when: when === 'after' ? 'after' : 'before', step: Number(step) };
}

/** The cases that PROVE_CASE names. */
async function casesNamed(name: string, harness: Harness): Promise<readonly CrashCase[]> {
  const [commandName, recoveryName, first, second] = name.split(' | ');
  const command = ALL_COMMANDS.find((each) => each.name === commandName);
  const recovery = RECOVERIES.find((each) => each === recoveryName);
  if (command === undefined || recovery === undefined)
    throw new Error(`PROVE_CASE=${name} names no case`);
  if (first === undefined) return everyCrash(harness, [command], () => [recovery]);
  return [
    {
      command,
      recovery,
      crash: parsePoint(first),
      second: second === undefined ? null : parsePoint(second),
    },
  ];
}

/** Runs the cases, or those that PROVE_CASE names, and expects that all were run to their end and that nothing was wrong. */
export async function proveLane(
  lane: LaneName,
  harness: Harness,
  twice: boolean,
  cases: () => Promise<readonly CrashCase[]>,
): Promise<void> {
  if (ONLY !== undefined && ONLY.split(' | ').length > PARTS_OF_SINGLE !== twice) return;
  const chosen = await (ONLY === undefined ? cases() : casesNamed(ONLY, harness));
  const startedMs = performance.now();
  const violations: string[] = [];
  let ran = 0;
  for (const each of chosen) {
    const { crashCase, report } = await outcomeOf(harness, each);
    ran += report.died.length > (twice ? 1 : 0) ? 1 : 0;
    violations.push(
      ...report.wrong.map(
        (wrong) =>
          `PROVE_CASE='${nameOf(crashCase)}' (seed ${SEED}; died ${report.died.join(', then ')}): ${wrong}`,
      ),
    );
  }
  const commands = new Set(chosen.map(({ command }) => command)).size;
  recordLane({
    lane,
    cases: ran,
    violations: violations.length,
    seconds: (performance.now() - startedMs) / 1_000,
    counted: { commands },
  });
  expect(violations).toEqual([]);
  expect(ran).toBe(chosen.length);
}

/** A recovery that came to its end before it was to die is run again, and dies at a step that it has. */
async function outcomeOf(
  harness: Harness,
  asked: CrashCase,
): Promise<{ readonly crashCase: CrashCase; readonly report: CaseReport }> {
  const first = await withFailure(harness, asked);
  if (asked.second === null || first.secondDied || first.wrong.length > 0)
    return { crashCase: asked, report: first };
  const { when, step } = asked.second;
  const crashCase = {
    ...asked,
    second: { when, step: ((step - 1) % first.recoverySteps[when]) + 1 },
  };
  const report = await withFailure(harness, crashCase);
  return {
    crashCase,
    report: report.secondDied
      ? report
      : { ...report, wrong: [...report.wrong, 'the recovery never came to the step'] },
  };
}

async function withFailure(harness: Harness, crashCase: CrashCase): Promise<CaseReport> {
  try {
    return await runCase(harness, crashCase);
  } catch (error) {
    const wrong = [error instanceof Error ? (error.stack ?? error.message) : String(error)];
    return { died: [], recoverySteps: { before: 0, after: 0 }, secondDied: true, wrong };
  }
}
