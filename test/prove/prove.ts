// `npm run prove`: the whole proving ground, and a table of what it ran.
//   --nightly      the large numbers, for hours
//   --quick        the numbers of `npm test`
//   --seed N       another seed, or the one that failed
//   --lane NAME    only this lane; may be repeated
//   --readme       puts the table into README.md
//   --report FILE  runs nothing, and prints the table of a run that left its figures there
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { LANES, SIZES, type LaneName, type LanePart, type Size } from '../support/proving.ts';
import { complaints, countedLines, readParts, tableOf, totalsOf } from './report.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const names = Object.keys(LANES) as LaneName[];

interface Asked {
  readonly size: Size;
  readonly seed: string;
  readonly lanes: readonly LaneName[];
  readonly readme: boolean;
  readonly report: string | undefined;
}

function readArguments(): Asked {
  const { values } = parseArgs({
    options: {
      nightly: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      seed: { type: 'string', default: '1' },
      lane: { type: 'string', multiple: true, default: [] },
      readme: { type: 'boolean', default: false },
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
    readme: values.readme,
    report: values.report,
  };
}

async function run({ size, seed, lanes }: Asked, file: string): Promise<boolean> {
  const filters = [...new Set(lanes.flatMap((lane) => LANES[lane].tests))];
  const child = spawn(
    process.execPath,
    [join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...filters],
    {
      cwd: root,
      stdio: 'inherit',
      env: { ...process.env, PROVE_SIZE: size, PROVE_SEED: seed, PROVE_REPORT: file },
    },
  );
  const [code] = (await once(child, 'exit')) as [number | null];
  return code === 0;
}

function print(parts: readonly LanePart[], { size, lanes }: Asked): readonly string[] {
  const totals = totalsOf(parts).filter(({ lane }) => lanes.includes(lane));
  console.log(`\n${[tableOf(totals), '', ...countedLines(totals)].join('\n')}`);
  const wrong = complaints(totals, size, lanes);
  for (const line of wrong) console.error(line);
  return wrong;
}

function intoReadme(parts: readonly LanePart[], caption: string): void {
  const path = join(root, 'README.md');
  const readme = readFileSync(path, 'utf8');
  const next = readme.replace(
    /(<!-- proved: .*? -->\n)[\s\S]*?(<!-- \/proved -->)/,
    (_, open: string, close: string) =>
      `${open}${tableOf(totalsOf(parts))}\n\n${caption}\n${close}`,
  );
  writeFileSync(path, next);
}

async function main(): Promise<boolean> {
  const asked = readArguments();
  if (asked.report !== undefined)
    return print(existsSync(asked.report) ? readParts(asked.report) : [], asked).length === 0;
  const folder = mkdtempSync(join(tmpdir(), 'payrecon-prove-'));
  const file = join(folder, 'figures.jsonl');
  try {
    const startedMs = performance.now();
    const passed = await run(asked, file);
    const parts = existsSync(file) ? readParts(file) : [];
    const wrong = print(parts, asked);
    const seconds = ((performance.now() - startedMs) / 1_000).toFixed(0);
    const caption = `Size ${asked.size}, seed ${asked.seed}: ${seconds} s in all on ${availableParallelism()} cores with Node ${process.versions.node}, up to two lanes side by side.`;
    console.log(caption);
    if (asked.readme && passed && wrong.length === 0) intoReadme(parts, caption);
    return passed && wrong.length === 0;
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
