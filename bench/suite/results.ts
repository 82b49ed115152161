import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import Sqlite from 'libsql';
import * as z from 'zod';
import { postgresVersion } from '../databases.ts';
import { type BenchmarkName, NAMES } from './benchmark.ts';
import { reached, SIZES, type Figure, type Measured } from './figures.ts';

const figure = z.object({
  name: z.string(),
  unit: z.string(),
  ours: z.number(),
  peer: z.number().nullable(),
  ratio: z.number().nullable(),
  spread: z.tuple([z.number(), z.number()]).nullable(),
  goal: z
    .object({
      of: z.enum(['ours', 'ratio']),
      direction: z.enum(['at most', 'at least']),
      value: z.number(),
    })
    .nullable(),
  note: z.string(),
});

const measured = z.object({
  peer: z.string(),
  figures: z.array(figure).min(1),
  tables: z.array(
    z.object({
      title: z.string(),
      head: z.array(z.string()),
      rows: z.array(z.array(z.union([z.string(), z.number()]))),
    }),
  ),
});

const outcome = z.object({
  name: z.enum(NAMES as readonly [BenchmarkName, ...BenchmarkName[]]),
  size: z.enum(SIZES),
  seconds: z.number(),
  failed: z.string().nullable(),
  measured: measured
    .extend({ figures: z.array(figure.extend({ reached: z.boolean().nullable() })).min(1) })
    .nullable(),
});

const results = z.object({
  machine: z.object({
    cpu: z.string(),
    cores: z.number(),
    memoryGigabytes: z.number(),
    system: z.string(),
    node: z.string(),
    sqlite: z.string(),
    postgres: z.string(),
  }),
  benchmarks: z.array(outcome),
});

export type Outcome = z.infer<typeof outcome>;
export type Results = z.infer<typeof results>;
export type Machine = Results['machine'];
type KeptFigure = NonNullable<Outcome['measured']>['figures'][number];

export const resultsPath = fileURLToPath(new URL('../results.json', import.meta.url));

/** What a benchmark sent, checked. */
export function parseMeasured(sent: unknown): Measured {
  return measured.parse(sent);
}

export function judgedFigure(one: Figure): KeptFigure {
  return { ...one, spread: one.spread === null ? null : [...one.spread], reached: reached(one) };
}

export function readResults(): Results {
  return results.parse(JSON.parse(readFileSync(resultsPath, 'utf8')));
}

export function writeResults(all: Results): void {
  writeFileSync(resultsPath, `${JSON.stringify(all, null, 1)}\n`);
}

/** What was measured now, and what it did not measure from before, in the order in which they run. */
export function merged(before: readonly Outcome[], now: readonly Outcome[]): Outcome[] {
  return NAMES.flatMap(
    (name) =>
      now.find((each) => each.name === name) ?? before.find((each) => each.name === name) ?? [],
  );
}

/** What figures depend on; nothing by which this machine could be told from its like. */
export async function describeMachine(): Promise<Machine> {
  const database = new Sqlite(':memory:');
  const { version: sqlite } = database.prepare('select sqlite_version() as version').get() as {
    readonly version: string;
  };
  database.close();
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGigabytes: Math.round(totalmem() / 2 ** 30),
    system: process.platform,
    node: process.versions.node,
    sqlite,
    postgres: await postgresVersion(),
  };
}
