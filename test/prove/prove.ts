// `npm run prove`: the lanes of the proving ground and the long end-to-end suites, and a table of what the lanes ran.
//   --quick        the numbers of every change; .ci/run runs it after `npm test`
//   --nightly      the large numbers, for hours
//   --seed N       another seed, or the one that failed
//   --lane NAME    only this lane; may be repeated
//   --docs         puts the table into docs/proving-ground.md
//   --report FILE  runs nothing, and prints the table of a run that left its figures there
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { LANES, SIZES, type LaneName, type LanePart, type Size } from '../support/proving.ts';
import { runTests, type Totals } from '../../.ci/run-tests.js';
import { complaints, countedLines, readParts, tableOf, totalsOf } from './report.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const names = Object.keys(LANES) as LaneName[];

interface Asked {
  readonly size: Size;
  readonly seed: string;
  readonly lanes: readonly LaneName[];
  /** No lane was named: the long end-to-end suites run as well. */
  readonly whole: boolean;
  readonly docs: boolean;
  readonly report: string | undefined;
}

function readArguments(): Asked {
  const { values } = parseArgs({
    options: {
      nightly: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      seed: { type: 'string', default: '1' },
      lane: { type: 'string', multiple: true, default: [] },
      docs: { type: 'boolean', default: false },
      report: { type: 'string' },
      size: { type: 'string' },
    },
  });
  const quickOrFull = values.quick ? 'quick' : 'full';
  const size = values.size ?? (values.nightly ? 'nightly' : quickOrFull);
  const known = SIZES.find((each) => each === size);
  if (known === undefined) throw new Error(`--size ${size}: one of ${SIZES.join(', ')}`);
  if (!/^\d+$/.test(values.seed)) throw new Error(`--seed ${values.seed}: a whole number`);
  const lanes = values.lane.map((name) => {
    const lane = names.find((each) => each === name);
    if (lane === undefined) throw new Error(`--lane ${name}: one of ${names.join(', ')}`);
    return lane;
  });
  return {
    size: known,
    seed: values.seed,
    lanes: lanes.length === 0 ? names : lanes,
    whole: lanes.length === 0,
    docs: values.docs,
    report: values.report,
  };
}

function run({ size, seed, lanes, whole }: Asked, file: string): Promise<Totals> {
  const selection = whole ? [] : [...new Set(lanes.flatMap((lane) => LANES[lane].tests))];
  const env = { PROVE_SIZE: size, PROVE_SEED: seed, PROVE_REPORT: file };
  return runTests({ project: 'proving', selection, env });
}

function print(parts: readonly LanePart[], { size, lanes }: Asked): readonly string[] {
  const totals = totalsOf(parts).filter(({ lane }) => lanes.includes(lane));
  console.log(`\n${[tableOf(totals), '', ...countedLines(totals)].join('\n')}`);
  const wrong = complaints(totals, size, lanes);
  for (const line of wrong) console.error(line);
  return wrong;
}

function intoDocs(parts: readonly LanePart[], caption: string): void {
  const path = join(root, 'docs', 'proving-ground.md');
  const text = readFileSync(path, 'utf8');
  const next = text.replace(
    /(<!-- proved: .*? -->\n)[\s\S]*?(<!-- \/proved -->)/,
    (_, open: string, close: string) =>
      `${open}${tableOf(totalsOf(parts))}\n\n${caption}\n${close}`,
  );
  writeFileSync(path, next);
}

/** One more check than the tests made: that every lane ran, with as many cases as its size asks for, and found nothing. */
function withLanes({ passed, failed }: Totals, wrong: readonly string[]): Totals {
  return wrong.length === 0 ? { passed: passed + 1, failed } : { passed, failed: failed + 1 };
}

async function main(): Promise<boolean> {
  const asked = readArguments();
  if (asked.report !== undefined)
    return print(existsSync(asked.report) ? readParts(asked.report) : [], asked).length === 0;
  const folder = mkdtempSync(join(tmpdir(), 'payrecon-prove-'));
  const file = join(folder, 'figures.jsonl');
  try {
    const startedMs = performance.now();
    const tests = await run(asked, file);
    const parts = existsSync(file) ? readParts(file) : [];
    const totals = withLanes(tests, print(parts, asked));
    const seconds = ((performance.now() - startedMs) / 1_000).toFixed(0);
    const caption = `Size ${asked.size}, seed ${asked.seed}: ${seconds} s in all on ${availableParallelism()} cores with Node ${process.versions.node}, up to two lanes side by side.`;
    console.log(caption);
    const everyLane = names.every((name) => asked.lanes.includes(name));
    if (asked.docs && everyLane && totals.failed === 0) intoDocs(parts, caption);
    console.log(`\n${totals.passed} passed, ${totals.failed} failed`);
    return totals.failed === 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

try {
  process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}
