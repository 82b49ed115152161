import type { Measured, Size } from './figures.ts';

export interface Benchmark {
  readonly title: string;
  /** Seconds after which it hangs, by size; null where there is no such size of it. */
  readonly patience: Readonly<Record<Size, number | null>>;
  readonly load: () => Promise<{ readonly run: (size: Size) => Promise<Measured> }>;
}

const MINUTE = 60;
const usual = { quick: 2 * MINUTE, full: 15 * MINUTE, long: 60 * MINUTE };

/** In the order in which they run. Each is loaded in a process of its own. */
export const BENCHMARKS = {
  outage: {
    title: "Backlog after an outage, at Stripe's limits",
    patience: usual,
    load: async () => await import('./outage.ts'),
  },
  unlimited: {
    title: 'The same backlog without a rate limit',
    patience: usual,
    load: async () => await import('./unlimited.ts'),
  },
  sparse: {
    title: 'A sparse backlog',
    patience: usual,
    load: async () => await import('./sparse.ts'),
  },
  batch: {
    title: 'Charging a file',
    patience: usual,
    load: async () => await import('./batch.ts'),
  },
  overhead: {
    title: 'One charge over its two calls',
    patience: usual,
    load: async () => await import('./overhead.ts'),
  },
  memory: {
    title: 'Memory of a pass',
    patience: usual,
    load: async () => await import('./memory.ts'),
  },
  'cold-start': {
    title: 'Start of a command',
    patience: usual,
    load: async () => await import('./cold-start.ts'),
  },
  history: {
    title: 'Long histories',
    patience: usual,
    load: async () => await import('./history.ts'),
  },
  takeover: {
    title: 'A killed host',
    patience: { ...usual, quick: null },
    load: async () => await import('./takeover.ts'),
  },
} as const satisfies Readonly<Record<string, Benchmark>>;

export type BenchmarkName = keyof typeof BENCHMARKS;
export const NAMES = Object.keys(BENCHMARKS) as readonly BenchmarkName[];

export function nameOf(text: string): BenchmarkName {
  const known = NAMES.find((name) => name === text);
  if (known === undefined) throw new Error(`${text}: one of ${NAMES.join(', ')}`);
  return known;
}
