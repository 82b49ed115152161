import { expect, test } from 'vitest';
import { createChance } from '../../../src/sandbox/ids.ts';
import { casesOf, recordLane, SEED } from '../../support/proving.ts';
import { endedUnder, judged, SCENES, type Scene } from './disk-case.ts';
import { FailingDisk, FAILURES, type Failure, type Lasting } from './failing-disk.ts';
import { watching } from './file-calls.ts';
import { openLedgerGround, type LedgerGround } from './ledger-ground.ts';

/** Of the lane: how many are about locks, in disk-lock.test.ts. */
const ABOUT_LOCKS = 10;

const ONLY = process.env['PROVE_CASE'];

interface DiskCase {
  readonly name: string;
  readonly scene: Scene;
  readonly failure: Failure;
  readonly lasting: Lasting;
  readonly from: number;
}

/** How many calls the failure could hit while nothing fails. */
async function countCalls(ground: LedgerGround, scene: Scene, failure: Failure): Promise<number> {
  let count = 0;
  await endedUnder(ground, scene, async (work) => {
    const disk = new FailingDisk(ground.folder(), failure, null, 'once');
    await watching(disk, work);
    ({ count } = disk);
  });
  await ground.end();
  return count;
}

/** Every failure in turn, at a call by chance of a scene in turn. */
async function plan(ground: LedgerGround, count: number): Promise<readonly DiskCase[]> {
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
    const from = 1 + Math.floor(chance() * calls);
    if (calls > 0) cases.push({ name: `disk | ${pair} | ${lasting} | ${from}`, scene, failure, lasting, from });
  }
  return cases;
}

function caseNamed(name: string): DiskCase {
  const [, sceneName, failureName, lasting, from] = name.split(' | ');
  const scene = SCENES.find((each) => each.name === sceneName);
  const failure = FAILURES.find((each) => each.name === failureName);
  if (scene === undefined || failure === undefined) throw new Error(`PROVE_CASE=${name} names no case`);
  return { name, scene, failure, lasting: lasting === 'once' ? 'once' : 'until mended', from: Number(from) };
}

async function runCase(ground: LedgerGround, { scene, failure, from, lasting }: DiskCase): Promise<{ readonly exit: number; readonly failed: number; readonly wrong: readonly string[] }> {
  let failed = 0;
  try {
    const ended = await endedUnder(ground, scene, async (work) => {
      const disk = new FailingDisk(ground.folder(), failure, from, lasting);
      await watching(disk, work);
      ({ failed } = disk);
    });
    const wrong = await judged(ground, scene, ended).catch((error: unknown) => [...ended.after.damage, error instanceof Error ? (error.stack ?? error.message) : String(error)]);
    return { exit: ended.exit, failed, wrong };
  } finally {
    await ground.end();
  }
}

test('a disk that fails at any call: nothing is charged twice, nothing is lost, and the exit code is true', { timeout: 3_600_000 }, async () => {
  const ground = await openLedgerGround();
  const startedMs = performance.now();
  const asked = casesOf('disk') - ABOUT_LOCKS;
  const cases = ONLY === undefined ? await plan(ground, asked) : [caseNamed(ONLY)];
  const violations: string[] = [];
  const counted: Record<string, number> = {};
  for (const each of cases) {
    const { exit, failed, wrong } = await runCase(ground, each);
    counted[`exit ${exit}`] = (counted[`exit ${exit}`] ?? 0) + 1;
    violations.push(...[...wrong, ...(failed === 0 ? ['the call was never made'] : [])].map((what) => `PROVE_CASE='${each.name}' (exit ${exit}, ${failed} calls failed): ${what}`));
  }
  recordLane({ lane: 'disk', cases: cases.length, violations: violations.length, seconds: (performance.now() - startedMs) / 1000, counted });
  expect(violations).toEqual([]);
  expect(cases).toHaveLength(ONLY === undefined ? asked : 1);
});
