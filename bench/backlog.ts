// The backlog after an outage: how many calls, seconds and megabytes it takes until every pending payment is settled, beside
// the plain worker that asks for each (see plain-worker.ts), in alternating order. Every run is checked: settled exactly
// once, and all audit chains whole. Medians of the runs, and of the ratios of the pairs.
//
//   npm run bench:backlog -- [--rows 100000] [--database sqlite|postgres] [--unlimited] [--share 0.01] [--daemons 2]
//                            [--runs 3] [--plain-rows 500 | 0] [--queue pg-boss] [--latency-ms 300] [--profile FOLDER]
import { parseArgs } from 'node:util';
import { buildIfStale } from '../.ci/build.js';
import { runPayrecon, runPlainWorker, type Backlog, type Figures } from './backlog-run.ts';
import { withDatabase, type MakeDatabase } from './databases.ts';
import { median } from './suite/figures.ts';

const { values: asked } = parseArgs({
  options: {
    rows: { type: 'string', default: '5000' },
    database: { type: 'string', default: 'sqlite' },
    unlimited: { type: 'boolean', default: false },
    share: { type: 'string', default: '1' },
    daemons: { type: 'string' },
    runs: { type: 'string', default: '1' },
    queue: { type: 'string', default: 'rows' },
    'plain-rows': { type: 'string', default: '500' },
    profile: { type: 'string' },
    'latency-ms': { type: 'string', default: '0' },
  },
});

const backlog: Backlog = {
  rows: Number(asked.rows),
  share: Number(asked.share),
  limited: !asked.unlimited,
  profile: asked.profile ?? null,
  latencyMs: Number(asked['latency-ms']),
  daemons: asked.daemons === undefined ? null : Number(asked.daemons),
};
const plain: Backlog = {
  ...backlog,
  rows: Math.min(backlog.rows, Number(asked['plain-rows'])),
  share: 1,
  queue: asked.queue === 'pg-boss' ? 'pg-boss' : 'rows',
};

function line(name: string, runs: readonly Figures[]): string {
  const of = (figure: (run: Figures) => number): number => median(runs.map(figure));
  const cells = [
    name,
    of(({ rows }) => rows),
    of(({ calls }) => calls.list),
    of(({ calls }) => calls.retrieve),
    of(({ calls }) => calls.other),
    `${(100 * of(({ refusedShare }) => refusedShare)).toFixed(2)} %`,
    of(({ seconds }) => seconds).toFixed(2),
    of(({ rows, seconds }) => rows / seconds).toFixed(0),
    of(({ peakMegabytes }) => peakMegabytes).toFixed(0),
  ];
  return `| ${cells.join(' | ')} |`;
}

async function measure(makeDatabase: MakeDatabase): Promise<void> {
  await buildIfStale();
  const ours: Figures[] = [];
  const theirs: Figures[] = [];
  for (let run = 0; run < Number(asked.runs); run += 1) {
    const both = [
      async () => ours.push(await runPayrecon(backlog, makeDatabase)),
      async () => plain.rows > 0 && theirs.push(await runPlainWorker(plain, makeDatabase)),
    ];
    if (run % 2 === 1) both.reverse();
    for (const each of both) await each();
  }
  console.log(
    `Node ${process.versions.node}, ${asked.database}, ${backlog.limited ? "Stripe's limits" : 'no limits'}, ${String(100 * backlog.share)} % of the payments pending, ${asked.runs} run(s), medians\n`,
  );
  console.log('| | rows | list calls | retrieves | other | 429 | seconds | rows/s | peak MB |');
  console.log('| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |');
  console.log(
    line(
      backlog.daemons === null ? 'payrecon' : `payrecon, ${String(backlog.daemons)} daemons`,
      ours,
    ),
  );
  if (theirs.length > 0) {
    console.log(line('plain worker', theirs));
    const ratios = ours.map(
      (run, index) =>
        run.rows / run.seconds / ((theirs[index]?.rows ?? 0) / (theirs[index]?.seconds ?? 1)),
    );
    console.log(
      `\nrows/s over the plain worker's (which ran with ${String(plain.rows)} rows; its speed does not depend on their number): ${median(ratios).toFixed(1)} x`,
    );
  }
  const pureWays = {
    pages: Math.ceil(backlog.rows / backlog.share / 100),
    retrieves: backlog.rows,
  };
  const calls = median(ours.map((run) => run.calls.list + run.calls.retrieve));
  console.log(
    `calls over the better pure way (${String(pureWays.pages)} pages, ${String(pureWays.retrieves)} retrieves): ${(calls / Math.min(pureWays.pages, pureWays.retrieves)).toFixed(3)} x`,
  );
}

await withDatabase(asked.database === 'postgres' ? 'postgres' : 'sqlite', measure);
