import { appendFileSync } from 'node:fs';

/*
 * The lanes of the proving ground: what each is, how many cases it runs in which size, and where its figures go. A
 * lane that runs fewer cases than its size asks for has a violation: a number in the table is a number that was run.
 */

/** `quick` is part of every change, `full` is what `npm run prove` runs, `nightly` takes hours. */
export const SIZES = ['quick', 'full', 'nightly'] as const;
export type Size = (typeof SIZES)[number];

interface LaneOfRecord {
  readonly title: string;
  /** Where its tests are: the beginnings of their paths. */
  readonly tests: readonly string[];
  /** The least number of cases, by size. */
  readonly cases: Readonly<Record<Size, number>>;
}

export const LANES = {
  'sqlite-single-crash': {
    title: 'SQLite: a crash at every step of every command',
    tests: ['test/prove/crash-sqlite'],
    cases: { quick: 400, full: 400, nightly: 400 },
  },
  'sqlite-double-crash': {
    title: 'SQLite: a crash, and another during the recovery',
    tests: ['test/prove/crash-sqlite'],
    cases: { quick: 300, full: 3_000, nightly: 20_000 },
  },
  'postgres-crash': {
    title: 'PostgreSQL: single and double crashes',
    tests: ['test/prove/crash-postgres'],
    cases: { quick: 250, full: 1_400, nightly: 6_000 },
  },
  'fault-scripts': {
    title: 'Scripts of faults of Stripe and SendGrid',
    tests: ['test/faults/'],
    cases: { quick: 1_700, full: 1_700, nightly: 10_000 },
  },
  'real-kill': {
    title: 'SIGKILL of the real program at a step',
    tests: ['test/prove/binary/'],
    cases: { quick: 40, full: 240, nightly: 2_000 },
  },
  'real-term': {
    title: 'SIGTERM to the real program at a step',
    tests: ['test/prove/binary/'],
    cases: { quick: 16, full: 80, nightly: 400 },
  },
  'postgres-backend': {
    title: 'PostgreSQL: connection ended by the server at a step',
    tests: ['test/prove/postgres/'],
    cases: { quick: 20, full: 80, nightly: 400 },
  },
  'postgres-commit': {
    title: 'PostgreSQL: the answer to a COMMIT is lost',
    tests: ['test/prove/postgres/'],
    cases: { quick: 10, full: 40, nightly: 200 },
  },
  'postgres-restart': {
    title: 'PostgreSQL: stopped at once, recovered from its log',
    tests: ['test/prove/postgres/'],
    cases: { quick: 3, full: 20, nightly: 100 },
  },
  'postgres-failover': {
    title: 'PostgreSQL: primary killed, synchronous standby promoted',
    tests: ['test/prove/postgres/'],
    cases: { quick: 2, full: 20, nightly: 100 },
  },
  model: {
    title: 'Random histories against a reference model',
    tests: ['test/prove/model/'],
    cases: { quick: 200, full: 1_000, nightly: 100_000 },
  },
  races: {
    title: 'Three daemons and chargers under kill, stop and skew',
    tests: ['test/prove/races/'],
    cases: { quick: 4, full: 40, nightly: 400 },
  },
  'late-writers': {
    title: 'A process that goes on after its lease has passed',
    tests: ['test/prove/races/late-writer'],
    cases: { quick: 100, full: 1_500, nightly: 2_000 },
  },
  hosts: {
    title: 'One of three hosts killed or cut off, or PostgreSQL failing over',
    tests: ['test/prove/hosts/'],
    cases: { quick: 2, full: 24, nightly: 200 },
  },
  'power-cut': {
    title: 'SQLite: images of a power cut',
    tests: ['test/prove/disk/'],
    cases: { quick: 1_000, full: 1_000, nightly: 10_000 },
  },
  disk: {
    title: 'SQLite: disk full, short write, I/O error, read-only, lock',
    tests: ['test/prove/disk/'],
    cases: { quick: 60, full: 60, nightly: 600 },
  },
  mutants: {
    title: 'Seeded bugs, each caught by its lane',
    tests: ['test/prove/mutants/'],
    cases: { quick: 21, full: 21, nightly: 21 },
  },
} as const satisfies Readonly<Record<string, LaneOfRecord>>;

export type LaneName = keyof typeof LANES;

function sizeAsked(): Size {
  const asked = process.env['PROVE_SIZE'] ?? 'quick';
  const size = SIZES.find((each) => each === asked);
  if (size === undefined) throw new Error(`PROVE_SIZE=${asked}: one of ${SIZES.join(', ')}`);
  return size;
}

function seedAsked(): number {
  const seed = Number(process.env['PROVE_SEED'] ?? 1);
  if (!Number.isSafeInteger(seed))
    throw new Error(`PROVE_SEED=${String(process.env['PROVE_SEED'])}: a whole number`);
  return seed;
}

export const SIZE: Size = sizeAsked();
/** Everything that is left to chance follows from it. */
export const SEED: number = seedAsked();

/** How many cases the lane has to run now. */
export function casesOf(lane: LaneName): number {
  return LANES[lane].cases[SIZE];
}

/** A part of a lane, as one test ran it; the parts of a lane are added up. */
export interface LanePart {
  readonly lane: LaneName;
  /** Cases that were really run to their end. */
  readonly cases: number;
  readonly violations: number;
  readonly seconds: number;
  /** What else was counted, e.g. `{ 'late writers refused': 12 }`. */
  readonly counted?: Readonly<Record<string, number>>;
}

/** Prints a line about it, and leaves the figures for the report where one is made. */
export function recordLane(part: LanePart): void {
  const { lane, cases, violations, seconds, counted = {} } = part;
  const perCase = `${((1_000 * seconds) / Math.max(1, cases)).toFixed(1)} ms a case`;
  const figures = [
    `${cases} cases`,
    `${violations} violations`,
    `${seconds.toFixed(1)} s`,
    perCase,
    ...Object.entries(counted).map(([what, count]) => `${count} ${what}`),
  ];
  process.stdout.write(`prove: ${lane} (seed ${SEED}): ${figures.join(', ')}\n`);
  const file = process.env['PROVE_REPORT'];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(part)}\n`);
}
