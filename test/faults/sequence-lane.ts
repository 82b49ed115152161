import fc from 'fast-check';
import { SEED } from '../support/proving.ts';
import type { Target } from '../storage/targets.ts';
import { openLane, type LaneOptions } from './lane.ts';
import { REGRESSIONS } from './regressions.ts';
import { sequences } from './sequence-arbitrary.ts';
import { runSequence } from './sequence-run.ts';
import { parseSequence, replayOf, textOf, type Sequence } from './sequence.ts';

/** The one script to run, as a failure prints it. */
const ONLY: string | undefined = process.env['PROVE_CASE'];
/** Much of a sequence is waiting, for a database or for an answer that does not come. */
const AT_ONCE = 5;
/** Seeds of the runs that go on at the same time are this far apart. */
const SEEDS_APART = 1_000_003;

/** What once went wrong is asked first, whatever the seed. */
const KNOWN: readonly Sequence[] = REGRESSIONS.map(({ script }) => parseSequence(script) ?? []);

export interface SequenceReport {
  readonly ran: number;
  /** One for each run that failed: its shortest script, and what was wrong in it. */
  readonly failures: readonly string[];
  readonly shortest: readonly Sequence[];
  /** How many steps there were in all. */
  readonly steps: number;
}

/** The script that PROVE_CASE names, else as many by chance; a PROVE_CASE that is no script asks for none of these. */
export async function runAsked(
  target: Target,
  count: number,
  options: LaneOptions,
): Promise<SequenceReport> {
  if (ONLY === undefined) return runSequences(target, count, options);
  const only = parseSequence(ONLY);
  if (only === null) return { ran: 0, failures: [], shortest: [], steps: 0 };
  const found = await runSequence(await openLane(target, options), only);
  return {
    ran: 1,
    failures: found.length === 0 ? [] : [failure(only, found.join('\n'))],
    shortest: [only],
    steps: only.length,
  };
}

/** So many sequences by chance; a failing one is shrunk to the shortest that still fails. */
export async function runSequences(
  target: Target,
  count: number,
  options: LaneOptions = {},
  seed = SEED,
): Promise<SequenceReport> {
  const runs = Math.min(AT_ONCE, count);
  const parts = Array.from({ length: runs }, (_, index) =>
    runPart(
      target,
      Math.ceil((count - index) / runs),
      options,
      seed + index * SEEDS_APART,
      index === 0 ? KNOWN : [],
    ),
  );
  const reports = await Promise.all(parts);
  return {
    ran: reports.reduce((sum, { ran }) => sum + ran, 0),
    failures: reports.flatMap(({ failures }) => failures),
    shortest: reports.flatMap(({ shortest }) => shortest),
    steps: reports.reduce((sum, { steps }) => sum + steps, 0),
  };
}

/** One after the other, in one lane that is renewed for each. */
async function runPart(
  target: Target,
  numRuns: number,
  options: LaneOptions,
  seed: number,
  first: readonly Sequence[],
): Promise<SequenceReport> {
  const lane = await openLane(target, options);
  let steps = 0;
  const property = fc.asyncProperty(sequences, async (sequence) => {
    await lane.renew();
    steps += sequence.length;
    const wrong = await runSequence(lane, sequence);
    if (wrong.length > 0) throw new Error(wrong.join('\n'));
  });
  const details = await fc.check(property, {
    seed,
    numRuns,
    examples: first.map((sequence) => [sequence]),
  });
  if (!details.failed) return { ran: details.numRuns, failures: [], shortest: [], steps };
  const [shortest] = details.counterexample ?? [];
  if (shortest === undefined)
    throw new Error('a failure without a counterexample', { cause: details.errorInstance });
  const why =
    details.errorInstance instanceof Error
      ? details.errorInstance.message
      : String(details.errorInstance);
  return {
    ran: details.numRuns,
    failures: [`${failure(shortest, why)}\n(shrunk ${details.numShrinks} times, seed ${seed})`],
    shortest: [shortest],
    steps,
  };
}

function failure(sequence: Sequence, why: string): string {
  return [`PROVE_CASE='${textOf(sequence)}': ${why}`, ...replayOf(sequence)].join('\n');
}
