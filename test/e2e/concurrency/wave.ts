import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { expect } from 'vitest';
import type { PaymentWorld } from '../../support/payment-world.ts';
import { runPayrecon, type RunResult } from '../../support/binary.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const EVERYBODY_WITHIN_MS = 60_000;

/** Loaded by each process before anything else: it says that it is there, and holds until the gate is open. */
const HOLD = `
const fs = require('node:fs');
fs.writeFileSync(process.env.TEST_GATE + '.' + process.pid, '');
const cell = new Int32Array(new SharedArrayBuffer(4));
while (!fs.existsSync(process.env.TEST_GATE)) Atomics.wait(cell, 0, 0, 2);
`;

/** The real binary, many times, all let go at the same moment. */
export async function runAtOnce(
  world: Pick<PaymentWorld, 'env'>,
  commands: readonly (readonly string[])[],
  env: Readonly<Record<string, string>> = {},
): Promise<readonly RunResult[]> {
  const folder = await temporaryFolder();
  const hold = join(folder, 'hold.cjs');
  const gate = join(folder, 'gate');
  await writeFile(hold, HOLD);
  const held = { ...world.env, ...env, NODE_OPTIONS: `--require ${hold}`, TEST_GATE: gate };
  const home = await temporaryFolder();
  const runs = commands.map((args) =>
    runPayrecon(args, { home, env: held, timeoutMs: 2 * EVERYBODY_WITHIN_MS }),
  );
  await allWaiting(folder, commands.length);
  await writeFile(gate, '');
  return Promise.all(runs);
}

async function allWaiting(folder: string, count: number): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += 20) {
    const waiting = (await readdir(folder)).filter((name) => name.startsWith('gate.')).length;
    if (waiting >= count) return;
    if (waitedMs > EVERYBODY_WITHIN_MS)
      throw new Error(`only ${waiting} of ${count} processes have started`);
    await wait(20);
  }
}

interface Printed {
  readonly id: string;
  readonly key: string;
  readonly status: string;
  readonly payment_intent: string | null;
}

/** The transaction that a command printed: its own on stdout, or, where it was refused, the one that stands in the way. */
export function transactionOf(result: RunResult): Printed {
  if (result.exitCode !== 4) return result.json() as Printed;
  expect(result.stdout).toBe('');
  const { error } = JSON.parse(result.stderr) as { readonly error: { transaction: Printed } };
  return error.transaction;
}

/** The code of the error that a command printed as JSON. */
export function errorCodeOf(result: RunResult): string | null {
  if (result.stderr === '') return null;
  const documents = result.stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { readonly error?: { readonly code: string } });
  return documents.find(({ error }) => error !== undefined)?.error?.code ?? null;
}

export function chargeCommand(key: string, ...more: readonly string[]): readonly string[] {
  return [
    'charge',
    '--json',
    '--key',
    key,
    '--amount',
    '49.99',
    '--currency',
    'usd',
    '--payment-method',
    'pm_card_visa',
    ...more,
  ];
}
