// The gate: every static check and every test, then the table of the proving ground and one line with the totals.
// With arguments (`npm test -- test/domain`) only the tests that they select.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(fileURLToPath(import.meta.url));
const selection = process.argv.slice(2);

/** The checks that read the sources without running them, each an npm script. */
const staticChecks = [
  { name: 'types', script: 'check:types' },
  { name: 'lint', script: 'check:lint' },
  { name: 'format', script: 'check:format' },
  { name: 'import rules', script: 'check:imports' },
  { name: 'dead code', script: 'check:dead' },
];

/** How many of them run at a time; the compiler and the linter each fill a core. */
const atATime = 2;

/**
 * @param {string[]} args @param {boolean} quiet keep the output for the case of a failure
 * @param {Record<string, string>} [env] added to the environment
 * @returns {Promise<{ ok: boolean, output: string }>}
 */
async function npm(args, quiet, env = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn('npm', args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', quiet ? 'pipe' : 'inherit', quiet ? 'pipe' : 'inherit'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (chunk) => (output += String(chunk)));
    child.once('error', reject);
    child.once('close', (code) => {
      resolve({ ok: code === 0, output });
    });
  });
}

/** @typedef {{ passed: number, failed: number }} Totals */

/** @returns {Promise<Totals>} */
async function runStaticChecks() {
  const totals = { passed: 0, failed: 0 };
  const waiting = [...staticChecks];
  const lane = async () => {
    for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) {
      const startedAtMs = performance.now();
      const { ok, output } = await npm(['run', '--silent', check.script], true);
      const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
      console.log(
        `${ok ? 'ok    ' : 'FAILED'} ${check.name} (${seconds} s)${ok ? '' : `\n${output}`}`,
      );
      totals[ok ? 'passed' : 'failed'] += 1;
    }
  };
  await Promise.all(Array.from({ length: atATime }, lane));
  return totals;
}

/**
 * @typedef {{ numPassedTests: number, numFailedTests: number, numPendingTests: number, numTodoTests: number,
 *   testResults: { name: string, status: string, assertionResults: unknown[] }[] }} VitestReport
 * @returns {Promise<Totals>}
 */
async function runTests() {
  const folder = mkdtempSync(join(tmpdir(), 'payrecon-check-'));
  try {
    const file = join(folder, 'report.json');
    const figures = join(folder, 'figures.jsonl');
    const { ok } = await npm(
      [
        'exec',
        '--no',
        '--',
        'vitest',
        'run',
        '--reporter=default',
        '--reporter=json',
        `--outputFile.json=${file}`,
        ...selection,
      ],
      false,
      { PROVE_REPORT: figures },
    );
    const totals = readTotals(file, ok);
    // Every lane has to have run, with as many cases as its size asks for.
    if (selection.length > 0) return totals;
    const proved = await npm(
      [
        'exec',
        '--no',
        '--',
        'tsx',
        'test/prove/prove.ts',
        '--report',
        figures,
        '--size',
        process.env['PROVE_SIZE'] ?? 'quick',
      ],
      false,
    );
    return {
      passed: totals.passed + (proved.ok ? 1 : 0),
      failed: totals.failed + (proved.ok ? 0 : 1),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param {string} file @param {boolean} ok @returns {Totals} */
function readTotals(file, ok) {
  /** @type {VitestReport} */
  let report;
  try {
    report = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    console.error(`The test run left no report: ${String(error)}`);
    return { passed: 0, failed: 1 };
  }
  // A test that does not run proves nothing, so it counts as one that failed; so does a file that could not be loaded.
  const notRun = report.numPendingTests + report.numTodoTests;
  if (notRun > 0 && selection.length === 0)
    console.error(`${notRun} tests were skipped or are still to be written.`);
  const broken = report.testResults.filter(
    (result) => result.status === 'failed' && result.assertionResults.length === 0,
  );
  const failed = report.numFailedTests + broken.length + (selection.length === 0 ? notRun : 0);
  return { passed: report.numPassedTests, failed: !ok && failed === 0 ? 1 : failed };
}

const before = selection.length === 0 ? await runStaticChecks() : { passed: 0, failed: 0 };
const tests = await runTests();
const failed = before.failed + tests.failed + (tests.passed === 0 && tests.failed === 0 ? 1 : 0);
console.log(`\n${before.passed + tests.passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
