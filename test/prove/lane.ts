import { createChance } from '../../src/sandbox/ids.ts';
import { COMMANDS, type Command } from './commands.ts';
import { countSteps, RECOVERIES, runCase, type CaseReport, type CrashCase, type Recovery, type Steps } from './crash-case.ts';
import { type CrashPoint } from './dead-gate.ts';
import { type Ground } from './ground.ts';

/** `all`: everything, however long it takes. */
export const ALL: boolean = process.env['PROVE'] === 'all';
/** Of samples, and of the steps at which recoveries die. */
export const SEED = Number(process.env['PROVE_SEED'] ?? 1);
/** The name of the one case to run, as a failure prints it. */
const ONLY: string | undefined = process.env['PROVE_CASE'];

const WHENS = ['before', 'after'] as const;

export interface LaneReport {
  /** Cases in which the process really died where it was to die. */
  readonly ran: number;
  readonly violations: readonly string[];
}

/** How many steps each command takes, counted by running each once. */
export async function countEvery(ground: Ground): Promise<ReadonlyMap<Command, Steps>> {
  const counted = new Map<Command, Steps>();
  for (const command of COMMANDS) counted.set(command, await countSteps(ground, command));
  return counted;
}

/** Every step of every command, before and after it. */
export function everyCrash(counted: ReadonlyMap<Command, Steps>, recoveriesOf: (command: Command) => readonly Recovery[] = () => RECOVERIES): readonly CrashCase[] {
  return [...counted].flatMap(([command, steps]) =>
    recoveriesOf(command).flatMap((recovery) =>
      WHENS.flatMap((when) => Array.from({ length: steps[when] }, (_, index) => ({ command, recovery, crash: { step: index + 1, when }, second: null }))),
    ),
  );
}

/** Longer than most recoveries; one that ends sooner dies at a step that it has. */
const RECOVERY_STEPS = 60;

/** The same crashes, each with another one by chance while the first is recovered from. */
export function dyingTwice(cases: readonly CrashCase[], seed: number): readonly CrashCase[] {
  const chance = createChance(seed);
  return cases.map((each) => ({ ...each, second: { step: 1 + Math.floor(chance() * RECOVERY_STEPS), when: chance() < 0.5 ? 'before' : 'after' } }));
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

/** The case of that name. */
function caseNamed(name: string): CrashCase {
  const [commandName, recoveryName, first = '', second] = name.split(' | ');
  const command = COMMANDS.find((each) => each.name === commandName);
  const recovery = RECOVERIES.find((each) => each === recoveryName);
  if (command === undefined || recovery === undefined) throw new Error(`PROVE_CASE=${name} names no case`);
  return { command, recovery, crash: parsePoint(first), second: second === undefined ? null : parsePoint(second) };
}

/** Runs the cases, or the one that PROVE_CASE names, and prints a line about them. Fewer than asked for is a violation. */
export async function runLane(lane: string, ground: Ground, cases: readonly CrashCase[]): Promise<LaneReport> {
  const chosen = ONLY === undefined ? cases : [caseNamed(ONLY)];
  const startedMs = performance.now();
  const violations: string[] = [];
  let ran = 0;
  for (const each of chosen) {
    const { crashCase, report } = await outcomeOf(ground, each);
    ran += report.died.length > 0 ? 1 : 0;
    violations.push(...report.wrong.map((wrong) => `PROVE_CASE='${nameOf(crashCase)}' (seed ${SEED}; died ${report.died.join(', then ')}): ${wrong}`));
  }
  const ms = performance.now() - startedMs;
  const figures = [`${ran} cases`, `${violations.length} violations`, `${(ms / 1000).toFixed(1)} s`, `${(ms / ran).toFixed(1)} ms a case`];
  process.stdout.write(`prove: ${lane}: ${figures.join(', ')}\n`);
  if (ran !== chosen.length) violations.push(`${lane}: ${ran} cases ran of ${chosen.length}`);
  return { ran, violations };
}

/** A recovery that came to its end before it was to die is run again, and dies at a step that it has. */
async function outcomeOf(ground: Ground, asked: CrashCase): Promise<{ readonly crashCase: CrashCase; readonly report: CaseReport }> {
  const first = await withFailure(ground, asked);
  if (asked.second === null || first.secondDied || first.wrong.length > 0) return { crashCase: asked, report: first };
  const { when, step } = asked.second;
  const crashCase = { ...asked, second: { when, step: ((step - 1) % first.recoverySteps[when]) + 1 } };
  const report = await withFailure(ground, crashCase);
  return { crashCase, report: report.secondDied ? report : { ...report, wrong: [...report.wrong, 'the recovery never came to the step'] } };
}

async function withFailure(ground: Ground, crashCase: CrashCase): Promise<CaseReport> {
  try {
    return await runCase(ground, crashCase);
  } catch (error) {
    const wrong = [error instanceof Error ? (error.stack ?? error.message) : String(error)];
    return { died: [], recoverySteps: { before: 0, after: 0 }, secondDied: true, wrong };
  }
}
