// Every benchmark, each with its peer in the same run on the same machine; a table of what was reached and missed.
//
//   npm run bench [-- --quick | --long] [-- --only NAME,..] [-- --docs]
//
//   --quick  small sizes, under two minutes, for a look at whether everything runs
//   --long   what does not fit into half an hour: ten million rows
//   --only   outage, unlimited, sparse, batch, overhead, memory, cold-start, history, takeover
//   --docs   keeps the figures in bench/results.json, beside those that did not run now, and writes what is made from
//            them: docs/benchmarks.md, its plots, and the goals in README.md (`npm run bench:docs` does only that)
//
// Exits with 1 when a benchmark failed or a goal was missed.
import { existsSync } from 'node:fs';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { buildIfStale } from '../.ci/build.js';
import { BENCHMARKS, NAMES, nameOf, type BenchmarkName } from './suite/benchmark.ts';
import { writeDocs } from './suite/docs.ts';
import type { Size } from './suite/figures.ts';
import {
  describeMachine,
  judgedFigure,
  merged,
  parseMeasured,
  readResults,
  resultsPath,
  writeResults,
  type Machine,
  type Outcome,
} from './suite/results.ts';
import { runApart } from './suite/run-apart.ts';
import { FIGURE_HEAD, figureRow, markdown } from './suite/show.ts';

const script = new URL('./benchmark-process.ts', import.meta.url);

async function outcomeOf(
  name: BenchmarkName,
  size: Size,
  patience: number,
  stop: AbortSignal,
): Promise<Outcome> {
  process.stderr.write(`${name}: ${BENCHMARKS[name].title} ..\n`);
  const startedMs = performance.now();
  const seconds = (): number => Math.round((performance.now() - startedMs) / 100) / 10;
  try {
    const { figures, ...rest } = parseMeasured(
      await runApart(script, [name, size], patience, stop),
    );
    const measured = {
      ...rest,
      figures: figures.map(judgedFigure),
      tables: rest.tables.map(({ title: of, head, rows }) => ({
        title: of,
        head: [...head],
        rows: rows.map((row) => [...row]),
      })),
    };
    return { name, size, seconds: seconds(), failed: null, measured };
  } catch (error) {
    return {
      name,
      size,
      seconds: seconds(),
      failed: error instanceof Error ? error.message : String(error),
      measured: null,
    };
  }
}

function print({ name, seconds, failed, measured }: Outcome): void {
  console.log(
    `\n${name}: ${BENCHMARKS[name].title} (${String(seconds)} s)${measured === null || measured.peer === '' ? '' : `; the peer is ${measured.peer}`}`,
  );
  if (measured === null) {
    console.log(`FAILED: ${failed ?? 'nothing was measured'}`);
    return;
  }
  console.log(markdown(FIGURE_HEAD, measured.figures.map(figureRow)));
  for (const note of new Set(measured.figures.map(({ note: text }) => text)))
    if (note !== '') console.log(note);
  for (const { title, head, rows } of measured.tables)
    console.log(`\n${title}\n${markdown(head, rows)}`);
}

function isFine({ measured }: Outcome): boolean {
  return measured?.figures.every(({ reached }) => reached !== false) ?? false;
}

interface Asked {
  readonly size: Size;
  readonly wanted: readonly BenchmarkName[];
  readonly docs: boolean;
}

function readArguments(): Asked {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      long: { type: 'boolean', default: false },
      only: { type: 'string' },
      docs: { type: 'boolean', default: false },
    },
  });
  if (values.quick && values.docs) throw new Error('--quick is no measurement: leave out --docs');
  const longOrFull = values.long ? 'long' : 'full';
  return {
    size: values.quick ? 'quick' : longOrFull,
    wanted: values.only?.split(',').map(nameOf) ?? NAMES,
    docs: values.docs,
  };
}

async function measure({ size, wanted }: Asked, stop: AbortSignal): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const name of wanted) {
    if (stop.aborted) break;
    const patience = BENCHMARKS[name].patience[size];
    if (patience === null) {
      console.log(`\n${name}: there is no ${size} one`);
      continue;
    }
    const outcome = await outcomeOf(name, size, patience, stop);
    print(outcome);
    outcomes.push(outcome);
  }
  return outcomes;
}

function keep(machine: Machine, outcomes: readonly Outcome[]): void {
  const before = existsSync(resultsPath) ? readResults() : null;
  // Figures of another machine do not belong beside these.
  const kept =
    before !== null && isDeepStrictEqual(before.machine, machine) ? before.benchmarks : [];
  const results = { machine, benchmarks: merged(kept, outcomes) };
  writeResults(results);
  writeDocs(results);
}

async function main(): Promise<boolean> {
  const asked = readArguments();
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      stopping.abort();
    });
  await buildIfStale();
  const machine = await describeMachine();
  console.log(
    `${machine.cpu}, ${String(machine.cores)} cores, Node ${machine.node}, SQLite ${machine.sqlite}, PostgreSQL ${machine.postgres}; size ${asked.size}`,
  );
  const outcomes = await measure(asked, stopping.signal);
  if (stopping.signal.aborted) return false;
  if (asked.docs) keep(machine, outcomes);
  const wrong = outcomes.filter((outcome) => !isFine(outcome)).map(({ name }) => name);
  console.log(
    wrong.length === 0 ? '\nEvery goal was reached.' : `\nMissed or failed: ${wrong.join(', ')}`,
  );
  return wrong.length === 0;
}

process.exitCode = (await main()) ? 0 : 1;
