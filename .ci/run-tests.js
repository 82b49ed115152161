// One run of vitest, and what it came to.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');

/** @typedef {{ passed: number, failed: number }} Totals */

/**
 * @typedef {object} TestRun
 * @property {'daily' | 'proving' | null} project one of vitest.config.ts; null: whichever has the selected tests
 * @property {readonly string[]} selection beginnings of paths, or options of vitest; empty: everything in the project
 * @property {Readonly<Record<string, string>>} env added to the environment
 */

/**
 * @param {TestRun} run
 * @returns {Promise<Totals>} a file that could not be loaded, and a test that was skipped, count as failed
 */
export async function runTests({ project, selection, env }) {
  const folder = mkdtempSync(join(tmpdir(), 'payrecon-check-'));
  try {
    const file = join(folder, 'report.json');
    const chosen = project === null ? [] : [`--project=${project}`];
    const reports = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
    const args = [vitest, 'run', ...chosen, ...reports, ...selection];
    const code = await ended(args, env);
    return totalsIn(file, { exitedWell: code === 0, whole: selection.length === 0 });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {readonly string[]} args
 * @param {Readonly<Record<string, string>>} env
 * @returns {Promise<number | null>}
 */
function ended(args, env) {
  return new Promise((resolve, reject) => {
    const options = {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: /** @type {const} */ ('inherit'),
    };
    const child = spawn(process.execPath, args, options);
    child.once('error', reject);
    child.once('close', resolve);
  });
}

/**
 * @typedef {{ numPassedTests: number, numFailedTests: number, numPendingTests: number, numTodoTests: number,
 *   testResults: { status: string, assertionResults: unknown[] }[] }} VitestReport
 */

/**
 * @param {string} file
 * @param {{ exitedWell: boolean, whole: boolean }} how
 * @returns {Totals}
 */
function totalsIn(file, { exitedWell, whole }) {
  /** @type {VitestReport} */
  let report;
  try {
    report = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    console.error(`The test run left no report: ${String(error)}`);
    return { passed: 0, failed: 1 };
  }
  // A test that does not run proves nothing; of a selection the others are left out on purpose.
  const notRun = whole ? report.numPendingTests + report.numTodoTests : 0;
  if (notRun > 0) console.error(`${notRun} tests were skipped or are still to be written.`);
  const broken = report.testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
  );
  const failed = report.numFailedTests + broken.length + notRun;
  const nothing = report.numPassedTests === 0 && failed === 0;
  return {
    passed: report.numPassedTests,
    failed: (!exitedWell && failed === 0) || nothing ? 1 : failed,
  };
}
