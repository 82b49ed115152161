import { expect } from 'vitest';
import { casesOf, recordLane, SEED, type LaneName } from '../../support/proving.ts';
import type { Command } from '../commands.ts';
import type { Harness } from '../harness.ts';
import { sample } from '../lane.ts';
import { ALL_COMMANDS } from '../more-commands.ts';
import { runInterrupted, undisturbed, type Trouble } from './interrupted-case.ts';
import type { Ended } from './ending.ts';

/** One place at which a command can be struck, and how. The name tells where and how, and is all it takes to make it. */
export interface Strike {
  readonly command: Command;
  readonly name: string;
  /** Of each kind about as many are chosen. */
  readonly kind: string;
}

export interface Lane {
  readonly name: LaneName;
  readonly harness: Harness;
  /** Watches a command and strikes nowhere; afterwards it names every strike that the command can suffer. */
  watch(): Trouble & { strikes(): readonly Pick<Strike, 'name' | 'kind'>[] };
  trouble(name: string): Trouble;
}

/** Strikes as often as the lane asks for, and expects that every case was run and nothing was wrong. */
export async function proveStrikes(lane: Lane): Promise<void> {
  const { usual, strikes } = await survey(lane);
  const asked = casesOf(lane.name);
  expect(strikes.length).toBeGreaterThan(asked);
  const { cases, violations } = await runStrikes(lane, usual, choose(strikes, asked), strikes);
  expect(violations).toEqual([]);
  expect(cases).toBe(ONLY === undefined ? asked : 1);
}

/** The daemon opens and closes for each of its passes: it never uses again what was ended. */
const COMMANDS = ALL_COMMANDS.filter(
  ({ daemon = false, meanwhile }) => !daemon && meanwhile === undefined,
);

/** The name of the one case to run, as a failure prints it. */
const ONLY: string | undefined = process.env['PROVE_CASE'];

interface LaneResult {
  readonly cases: number;
  readonly violations: readonly string[];
}

/** How each command ends by itself, and where it can be struck. */
async function survey(
  lane: Lane,
): Promise<{ readonly usual: ReadonlyMap<Command, Ended>; readonly strikes: readonly Strike[] }> {
  const usual = new Map<Command, Ended>();
  const strikes: Strike[] = [];
  for (const command of COMMANDS) {
    const watching = lane.watch();
    usual.set(command, await undisturbed(lane.harness, command, watching));
    strikes.push(
      ...watching
        .strikes()
        .map(({ name, kind }) => ({ command, name, kind: `${command.role}, ${kind}` })),
    );
  }
  return { usual, strikes };
}

/** So many, by chance, of all kinds in turn. */
function choose(strikes: readonly Strike[], size: number): readonly Strike[] {
  const kinds = sample([...new Set(strikes.map(({ kind }) => kind))], strikes.length, SEED);
  const left = kinds.map((kind, index) =>
    sample(
      strikes.filter((strike) => strike.kind === kind),
      strikes.length,
      SEED + index,
    ),
  );
  const rounds = Math.max(...left.map((ofKind) => ofKind.length));
  return Array.from({ length: rounds }, (_, round) =>
    left.flatMap((ofKind) => ofKind.slice(round, round + 1)),
  )
    .flat()
    .slice(0, size);
}

/** Runs the cases, or the one that PROVE_CASE names. */
async function runStrikes(
  lane: Lane,
  usual: ReadonlyMap<Command, Ended>,
  chosen: readonly Strike[],
  all: readonly Strike[],
): Promise<LaneResult> {
  const cases = ONLY === undefined ? chosen : all.filter((each) => nameOf(each) === ONLY);
  const startedMs = performance.now();
  const violations: string[] = [];
  const counted: Record<string, number> = { 'answered 75': 0, 'answered 69': 0, strikes: 0 };
  for (const each of cases) {
    const { ended, struck, wrong } = await caught(lane, each, usual.get(each.command));
    counted['strikes'] = (counted['strikes'] ?? 0) + struck;
    const answer = `answered ${ended.exitCode}`;
    if (answer in counted) counted[answer] = (counted[answer] ?? 0) + 1;
    const missed = struck === 0 ? ['it was never struck'] : [];
    violations.push(
      ...[...wrong, ...missed].map(
        (violation) => `PROVE_CASE='${nameOf(each)}' (seed ${SEED}): ${violation}`,
      ),
    );
  }
  recordLane({
    lane: lane.name,
    cases: cases.length,
    violations: violations.length,
    seconds: (performance.now() - startedMs) / 1_000,
    counted,
  });
  return { cases: cases.length, violations };
}

function nameOf({ command, name }: Strike): string {
  return `${command.name} | ${name}`;
}

async function caught(
  lane: Lane,
  { command, name }: Strike,
  usual: Ended | undefined,
): ReturnType<typeof runInterrupted> {
  const none: Ended = { exitCode: -1, transaction: null, said: '' };
  try {
    return await runInterrupted(lane.harness, command, usual ?? none, lane.trouble(name));
  } catch (error) {
    return {
      ended: none,
      struck: 1,
      wrong: [error instanceof Error ? (error.stack ?? error.message) : String(error)],
    };
  }
}
