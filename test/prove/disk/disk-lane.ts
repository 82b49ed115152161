import { setTimeout as wait } from 'node:timers/promises';
import { createChance } from '../../../src/sandbox/ids.ts';
import { SEED } from '../../support/proving.ts';
import { endedUnder, judged, SCENES, type Scene } from './disk-case.ts';
import { FailingDisk, FAILURES, type Failure, type Lasting } from './failing-disk.ts';
import { watching } from './file-calls.ts';
import type { LedgerGround } from './ledger-ground.ts';

export interface DiskCase {
  readonly scene: Scene;
  readonly failure: Failure;
  readonly lasting: Lasting;
  /** The call that fails, of those that the failure may hit; counted from 1. */
  readonly from: number;
}

export interface DiskReport {
  readonly exit: number;
  readonly wrong: readonly string[];
}

export function nameOf({ scene, failure, lasting, from }: DiskCase): string {
  return `disk | ${scene.name} | ${failure.name} | ${lasting} | ${from}`;
}

export function caseNamed(name: string): DiskCase {
  const [, sceneName, failureName, lasting, from] = name.split(' | ');
  const scene = SCENES.find((each) => each.name === sceneName);
  const failure = FAILURES.find((each) => each.name === failureName);
  if (scene === undefined || failure === undefined)
    throw new Error(`PROVE_CASE=${name} names no case`);
  return {
    scene,
    failure,
    lasting: lasting === 'once' ? 'once' : 'until mended',
    from: Number(from),
  };
}

/** How many calls the failure could hit while nothing fails. */
export async function countCalls(
  ground: LedgerGround,
  scene: Scene,
  failure: Failure,
): Promise<number> {
  let count = 0;
  await endedUnder(ground, scene, async (work) => {
    const disk = new FailingDisk(ground.folder(), failure, null, 'once');
    await watching(disk, work);
    ({ count } = disk);
  });
  await ground.end();
  return count;
}

/** Every failure in turn, at a call by chance of a scene by chance. */
export async function planCases(ground: LedgerGround, count: number): Promise<readonly DiskCase[]> {
  const chance = createChance(SEED);
  const counts = new Map<string, number>();
  const cases: DiskCase[] = [];
  for (let index = 0; cases.length < count; index += 1) {
    const failure = FAILURES[index % FAILURES.length]!;
    const scene = SCENES[Math.floor(chance() * SCENES.length)]!;
    const lasting = chance() < 0.5 ? 'once' : 'until mended';
    const pair = `${scene.name} | ${failure.name}`;
    const calls = counts.get(pair) ?? (await countCalls(ground, scene, failure));
    counts.set(pair, calls);
    if (calls > 0) cases.push({ scene, failure, lasting, from: 1 + Math.floor(chance() * calls) });
  }
  return cases;
}

/** On any machine; a command that goes on and on is not to keep the whole run. */
const CASE_LIMIT_MS = 60_000;

export async function runDiskCase(ground: LedgerGround, diskCase: DiskCase): Promise<DiskReport> {
  const over = new AbortController();
  const tooLong = wait(CASE_LIMIT_MS, undefined, { signal: over.signal }).then(
    () =>
      Promise.reject(
        new Error(`PROVE_CASE='${nameOf(diskCase)}' (PROVE_SEED=${SEED}): it does not end`),
      ),
    () => new Promise<never>(() => undefined),
  );
  try {
    return await Promise.race([toItsEnd(ground, diskCase), tooLong]);
  } finally {
    over.abort();
  }
}

async function toItsEnd(ground: LedgerGround, diskCase: DiskCase): Promise<DiskReport> {
  const { scene, failure, from, lasting } = diskCase;
  let failed = 0;
  try {
    const ended = await endedUnder(ground, scene, async (work) => {
      const disk = new FailingDisk(ground.folder(), failure, from, lasting);
      await watching(disk, work);
      ({ failed } = disk);
    });
    const wrong = await judged(ground, scene, ended).catch((error: unknown) => [
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
    await ground.end();
  }
}
