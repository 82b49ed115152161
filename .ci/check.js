// `npm test`: what a contributor runs all day. Every static check and every test but the proving ground, whose lanes and
// long end-to-end suites are `npm run prove -- --quick`. With arguments (`npm test -- test/domain`) only the tests that
// they select, of either.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { runTests } from './run-tests.js';

const root = fileURLToPath(new URL('..', import.meta.url));
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
 * @param {string} script
 * @returns {Promise<{ ok: boolean, output: string }>}
 */
function npmRun(script) {
  return new Promise((resolve, reject) => {
    const child = spawn('npm', ['run', '--silent', script], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (chunk) => (output += String(chunk)));
    child.once('error', reject);
    child.once('close', (code) => {
      resolve({ ok: code === 0, output });
    });
  });
}

/** @returns {Promise<import('./run-tests.js').Totals>} */
async function runStaticChecks() {
  const totals = { passed: 0, failed: 0 };
  const waiting = [...staticChecks];
  const worker = async () => {
    for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) {
      const startedAtMs = performance.now();
      const { ok, output } = await npmRun(check.script);
      const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
      const said = ok ? '' : `\n${output}`;
      console.log(`${ok ? 'ok    ' : 'FAILED'} ${check.name} (${seconds} s)${said}`);
      totals[ok ? 'passed' : 'failed'] += 1;
    }
  };
  await Promise.all(Array.from({ length: atATime }, worker));
  return totals;
}

const whole = selection.length === 0;
const checks = whole ? await runStaticChecks() : { passed: 0, failed: 0 };
const tests = await runTests({ project: whole ? 'daily' : null, selection, env: {} });
const failed = checks.failed + tests.failed;
console.log(`\n${checks.passed + tests.passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
