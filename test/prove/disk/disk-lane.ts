import { setTimeout as wait } from 'node:timers/promises';
import { createChance } from '../../../src/sandbox/stripe/ids.ts';
import { SEED } from '../../support/proving.ts';
import { endedUnder, judged, SCENES, type Fixture } from './disk-case.ts';
import { FailingDisk, FAILURES, type Failure, type Lasting } from './failing-disk.ts';
import { watching } from './file-calls.ts';
import type { LedgerHarness } from './ledger-harness.ts';

export interface DiskCase {
  readonly fixture: Fixture;
  readonly failure: Failure;
  readonly lasting: Lasting;
  /** The call that fails, of those that the failure may hit; counted from 1. */
  readonly from: number;
}

export interface DiskReport {
  readonly exit: number;
  readonly wrong: readonly string[];
}

export function nameOf({ fixture, failure, lasting, from }: DiskCase): string {
  return `disk | ${fixture.name} | ${failure.name} | ${lasting} | ${from}`;
}

export function caseNamed(name: string): DiskCase {
  const [, sceneName, failureName, lasting, from] = name.split(' | ');
  const fixture = SCENES.find((each) => each.name === sceneName);
  const failure = FAILURES.find((each) => each.name === failureName);
  if (fixture === undefined || failure === undefined)
    throw new Error(`PROVE_CASE=${name} names no case`);
  return {
    fixture,
    failure,
    lasting: lasting === 'once' ? 'once' : 'until mended',
    from: Number(from),
  };
}

/** How many calls the failure could hit while nothing fails. */
export async function countCalls(
  harness: LedgerHarness,
  fixture: Fixture,
  failure: Failure,
): Promise<number> {
  let count = 0;
  await endedUnder(harness, fixture, async (work) => {
    const disk = new FailingDisk(harness.folder(), failure, null, 'once');
    await watching(disk, work);
    ({ count } = disk);
  });
  await harness.end();
  return count;
}

/** Every failure in turn, at a call by chance of a fixture by chance. */
export async function planCases(
  harness: LedgerHarness,
  count: number,
): Promise<readonly DiskCase[]> {
  const chance = createChance(SEED);
  const counts = new Map<string, number>();
  const cases: DiskCase[] = [];
  for (let index = 0; cases.length < count; index += 1) {
    const failure = FAILURES[index % FAILURES.length]!;
    const fixture = SCENES[Math.floor(chance() * SCENES.length)]!;
    const lasting = chance() < 0.5 ? 'once' : 'until mended';
    const pair = `${fixture.name} | ${failure.name}`;
    const calls = counts.get(pair) ?? (await countCalls(harness, fixture, failure));
    counts.set(pair, calls);
    if (calls > 0)
      cases.push({ fixture, failure, lasting, from: 1 + Math.floor(chance() * calls) });
  }
  return cases;
}

/** On any machine; a command that goes on and on is not to keep the whole run. */
const CASE_LIMIT_MS = 60_000;

export async function runDiskCase(harness: LedgerHarness, diskCase: DiskCase): Promise<DiskReport> {
  const over = new AbortController();
  const tooLong = wait(CASE_LIMIT_MS, undefined, { signal: over.signal }).then(
    () =>
      Promise.reject(
        new Error(`PROVE_CASE='${nameOf(diskCase)}' (PROVE_SEED=${SEED}): it does not end`),
      ),
    () => new Promise<never>(() => undefined),
  );
  try {
    return await Promise.race([toItsEnd(harness, diskCase), tooLong]);
  } finally {
    over.abort();
  }
}

async function toItsEnd(harness: LedgerHarness, diskCase: DiskCase): Promise<DiskReport> {
  const { fixture, failure, from, lasting } = diskCase;
  let failed = 0;
  try {
    const ended = await endedUnder(harness, fixture, async (work) => {
      const disk = new FailingDisk(harness.folder(), failure, from, lasting);
      await watching(disk, work);
      ({ failed } = disk);
    });
    const wrong = await judged(harness, fixture, ended).catch((error: unknown) => [
      error instanceof Error ? (error.stack ?? error.message) : String(error),
    ]);
    const never = failed === 0 ? ['the call was never made'] : [];
    return {
      exit: ended.exit,
      wrong: [...wrong, ...never].map(
        (what) =>
          `PROVE_CASE='${nameOf(diskCase)}' (PROVE_SEED=${SEED}, exit ${ended.exit}, ${failed} calls failed): ${what}`,
      ),
    };
  } finally {
    await harness.end();
  }
}
