// How long a command takes to start, as a multiple of a Node program that does nothing: an empty ES module, which is what
// payrecon is written as, and for comparison an empty CommonJS file, which Node starts about 3 ms sooner.
// Each run of a command is paired with runs of the empty programs just beside it, in alternating order, so that a busy
// moment of the machine touches all; the figures are medians of the ratios. A charge is measured until its first call reaches
// Stripe, which is played by this process, without encryption. Exits with 1 when a limit is exceeded.
//
//   npm run bench:cold-start [-- PAIRS]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildIfStale } from '../.ci/build.js';
import { cleanEnvironment } from '../test/support/environment.ts';

interface Command {
  readonly args: readonly string[];
  /** Largest acceptable ratio. */
  readonly limit: number | null;
  /** Measured up to the first call that reaches Stripe, not to the end. */
  readonly toFirstCall?: true;
}

/** From 22.1 on, Node keeps the code that it compiled. */
const keepsCompiledCode = Number(process.versions.node.split('.')[0]) >= 22;

const commands: readonly Command[] = [
  { args: ['--help'], limit: 1.6 },
  { args: ['--version'], limit: 1.6 },
  { args: ['list'], limit: keepsCompiledCode ? 3 : 4 },
  { args: ['charge'], limit: null, toFirstCall: true },
];

const pairs = Number(process.argv[2] ?? 41);
const binary = fileURLToPath(new URL('../bin/payrecon.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'payrecon-bench-'));

/** A Stripe that is asked and does not answer. */
const stripe = createServer();
await new Promise<void>((resolve) => stripe.listen(0, '127.0.0.1', resolve));
const stripeUrl = `http://127.0.0.1:${(stripe.address() as AddressInfo).port}`;
const environment = cleanEnvironment(folder);
const chargingEnvironment = cleanEnvironment(folder, {
  STRIPE_SECRET_KEY: 'sk_test_0123456789abcdef',
  STRIPE_API_BASE: stripeUrl,
});

async function runMs(args: readonly string[]): Promise<number> {
  const startedAtMs = performance.now();
  const child = spawn(process.execPath, args, {
    env: environment,
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stdout.resume();
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const [code] = (await once(child, 'close')) as [number | null];
  const tookMs = performance.now() - startedAtMs;
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code ?? 'a signal'}: ${stderr}`);
  return tookMs;
}

let charges = 0;

/** Until Stripe is asked to create the payment: everything is loaded by then, and the intent is on the disk. */
async function firstCallMs(): Promise<number> {
  charges += 1;
  const args = [
    'charge',
    '--key',
    `order-${charges}`,
    '--amount',
    '49.99',
    '--currency',
    'usd',
    '--payment-method',
    'pm_card_visa',
    '--allow-duplicate',
  ];
  const asked = once(stripe, 'request', { signal: AbortSignal.timeout(30_000) });
  const startedAtMs = performance.now();
  const child = spawn(process.execPath, [binary, ...args], {
    env: chargingEnvironment,
    cwd: folder,
    stdio: 'ignore',
  });
  await asked;
  const tookMs = performance.now() - startedAtMs;
  const closed = once(child, 'close');
  child.kill('SIGKILL');
  await closed;
  return tookMs;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

interface Measured {
  readonly commandMs: number;
  readonly moduleMs: number;
  readonly scriptMs: number;
}

interface EmptyPrograms {
  readonly module: string;
  readonly script: string;
}

async function take({ args, toFirstCall }: Command): Promise<number> {
  return toFirstCall === true ? await firstCallMs() : await runMs([binary, ...args]);
}

async function measurePair(
  command: Command,
  empty: EmptyPrograms,
  pair: number,
): Promise<Measured> {
  const runs: Record<keyof Measured, () => Promise<number>> = {
    moduleMs: () => runMs([empty.module]),
    commandMs: () => take(command),
    scriptMs: () => runMs([empty.script]),
  };
  const order = Object.keys(runs) as (keyof Measured)[];
  if (pair % 2 === 1) order.reverse();
  const measured = { commandMs: 0, moduleMs: 0, scriptMs: 0 };
  for (const name of order) measured[name] = await runs[name]();
  return measured;
}

/** One row of the table; says whether the limit was kept. */
async function report(command: Command, empty: EmptyPrograms): Promise<boolean> {
  const { args, limit, toFirstCall } = command;
  // Once to fill the caches of the system, and that of compiled code.
  await take(command);
  const measured: Measured[] = [];
  for (let pair = 0; pair < pairs; pair += 1)
    measured.push(await measurePair(command, empty, pair));
  const ratio = median(measured.map(({ commandMs, moduleMs }) => commandMs / moduleMs));
  const kept = limit === null || ratio <= limit;
  const verdict = kept ? 'kept' : 'EXCEEDED';
  const cells = [
    `\`payrecon ${args.join(' ')}\`${toFirstCall === true ? ' to its first call' : ''}`,
    median(measured.map(({ moduleMs }) => moduleMs)).toFixed(1),
    median(measured.map(({ commandMs }) => commandMs)).toFixed(1),
    `${ratio.toFixed(2)} x`,
    limit === null ? '' : `${limit} x`,
    limit === null ? '' : verdict,
    `${(Math.min(...measured.map(({ commandMs }) => commandMs)) / Math.min(...measured.map(({ moduleMs }) => moduleMs))).toFixed(2)} x`,
    `${median(measured.map(({ commandMs, scriptMs }) => commandMs / scriptMs)).toFixed(2)} x`,
  ];
  console.log(`| ${cells.join(' | ')} |`);
  return kept;
}

try {
  await buildIfStale();
  await runMs([binary, 'migrate']);
  const empty = { module: join(folder, 'empty.mjs'), script: join(folder, 'empty.cjs') };
  for (const file of Object.values(empty)) writeFileSync(file, '');
  console.log(`Node ${process.versions.node}, ${pairs} pairs a command, medians\n`);
  console.log(
    '| command | empty module, ms | command, ms | ratio | limit | | of the fastest | to CommonJS |',
  );
  console.log('| --- | ---: | ---: | ---: | ---: | --- | ---: | ---: |');
  const kept: boolean[] = [];
  for (const command of commands) kept.push(await report(command, empty));
  if (kept.includes(false)) process.exitCode = 1;
} finally {
  stripe.close();
  stripe.closeAllConnections();
  rmSync(folder, { recursive: true, force: true });
}
