import { expect, test } from 'vitest';
import { targets } from '../../storage/targets.ts';
import { recordLane, SEED, SIZE, type Size } from '../../support/proving.ts';
import { RECOVERIES } from '../crash-case.ts';
import { openHarness } from '../harness.ts';
import { sample } from '../lane.ts';
import {
  OWN_CLOCKS,
  placesOf,
  runLateCase,
  SLEEPS,
  WRITING,
  type LateCase,
  type LateReport,
  type Sleep,
} from './late-writer.ts';

/** How many of all the cases are run; `Infinity` is all of them. */
const SAMPLES: Readonly<Record<Size, Readonly<Record<'sqlite' | 'postgres', number>>>> = {
  quick: { sqlite: 80, postgres: 25 },
  full: { sqlite: Infinity, postgres: 400 },
  nightly: { sqlite: Infinity, postgres: Infinity },
};
/**
 * The case to run, as a failure prints its name; the beginning of a name means all that begin with it. Instead of a
 * place's number there may stand what the step does (`stripe confirm`), which other steps before it do not change.
 */
const ONLY: string | undefined = process.env['PROVE_CASE'];

/** What each step of each command does, in order. */
type Places = ReadonlyMap<LateCase['command'], readonly string[]>;

function everyCase(places: Places): readonly LateCase[] {
  const begun = { progress: 'has begun', slept: 'a lease' } as const;
  const ended = (Object.keys(SLEEPS) as Sleep[]).map(
    (slept) => ({ progress: 'ended', slept }) as const,
  );
  return [...places].flatMap(([command, steps]) =>
    steps
      .map((_, index) => index + 1)
      .flatMap((place) =>
        RECOVERIES.flatMap((takeover) =>
          OWN_CLOCKS.flatMap((ownClock) =>
            [begun, ...ended].map((how) => ({ command, place, takeover, ownClock, ...how })),
          ),
        ),
      ),
  );
}

function nameOf(
  { command, place, takeover, progress, ownClock, slept }: LateCase,
  at = String(place),
): string {
  return `late | ${command.name} | ${at} | ${takeover} | ${progress} | ${ownClock} | ${slept}`;
}

/** The cases that PROVE_CASE names. */
function casesNamed(name: string, places: Places): readonly LateCase[] {
  const chosen = everyCase(places).filter((each) => {
    const step = places.get(each.command)?.[each.place - 1];
    return nameOf(each).startsWith(name) || nameOf(each, step).startsWith(name);
  });
  if (chosen.length === 0) throw new Error(`PROVE_CASE=${name} names no case`);
  return chosen;
}

test.each(targets)(
  'a process that went on after its lease had passed changes nothing ($name)',
  { timeout: 1_800_000 },
  async (target) => {
    const harness = await openHarness(target);
    const places = new Map<LateCase['command'], readonly string[]>();
    for (const command of WRITING) places.set(command, await placesOf(harness, command));
    const every = everyCase(places);
    const cases = ONLY === undefined ? sample(every, every.length, SEED) : casesNamed(ONLY, places);
    const startedMs = performance.now();
    const violations: string[] = [];
    let stopped = 0;
    let writers = 0;
    let refused = 0;
    for (const each of cases) {
      if (stopped === SAMPLES[SIZE][target.name]) break;
      const report = await runLateCase(harness, each).catch((error: unknown): LateReport => ({
        where: 'nowhere',
        lateWrites: 0,
        wrong: [error instanceof Error ? (error.stack ?? error.message) : String(error)],
      }));
      if (report === null) continue;
      stopped += 1;
      if (report.lateWrites > 0) {
        writers += 1;
        refused += report.wrong.some((wrong) => wrong.startsWith('the late writer')) ? 0 : 1;
      }
      violations.push(
        ...report.wrong.map(
          (wrong) =>
            `PROVE_CASE='${nameOf(each)}' (${target.name}, before ${report.where.slice(0, 80)}): ${wrong}`,
        ),
      );
    }
    const counted = { 'late writers': writers, refused };
    recordLane({
      lane: 'late-writers',
      cases: stopped,
      violations: violations.length,
      seconds: (performance.now() - startedMs) / 1_000,
      counted,
    });
    expect(violations).toEqual([]);
    if (ONLY !== undefined) return;
    expect(new Set(WRITING.map(({ role }) => role))).toEqual(
      new Set(['charge', 'reconcile', 'resolve', 'notify']),
    );
    expect(refused).toBe(writers);
    // Nobody late, nothing proven.
    expect(writers).toBeGreaterThan(stopped / 2);
  },
);

/** Each was found by the cases above, and mended. */
const FOUND: readonly (Omit<LateCase, 'command' | 'place'> & {
  readonly what: string;
  readonly command: string;
  readonly at: RegExp;
})[] = [
  {
    what: 'sends no further e-mail of a batch whose claim has passed',
    command: 'notifications send',
    at: /^mail /,
    takeover: 'again',
    progress: 'ended',
    ownClock: 'ran on',
    slept: 'a lease',
  },
  {
    what: 'cancels the second payment intent that its late create has made, when Stripe had forgotten the key',
    command: 'reconcile, create_sent, made at Stripe',
    at: /^stripe create$/,
    takeover: 'again',
    progress: 'ended',
    ownClock: 'stood still',
    slept: 'a day',
  },
];

test.each(targets.flatMap((target) => FOUND.map((found) => ({ ...found, target }))))(
  'a late process $what ($target.name)',
  async ({ target, command: name, at, ...rest }) => {
    const harness = await openHarness(target);
    const command = WRITING.find((each) => each.name === name)!;
    const place = 1 + (await placesOf(harness, command)).findIndex((step) => at.test(step));
    const report = await runLateCase(harness, { ...rest, command, place });
    expect(report).toMatchObject({ where: expect.stringMatching(at) as unknown, wrong: [] });
    expect(report?.lateWrites).toBeGreaterThan(0);
  },
);
