import { existsSync } from 'node:fs';
import { expect } from 'vitest';
import { runCommandLine } from '../../../src/cli/run.ts';
import type { CliServices } from '../../../src/cli/dependencies.ts';
import type { Output } from '../../../src/cli/streams.ts';
import { openFromEnvironment, timeZoneFromEnvironment } from '../../../src/compose/services.ts';
import { cleanEnvironment } from '../../support/environment.ts';
import { aPaymentWorld, type PaymentWorld } from '../../support/payment-world.ts';
import type { Target } from '../../storage/targets.ts';
import { temporaryFolder } from '../../support/temporary.ts';

export interface Said {
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

type World = Pick<PaymentWorld, 'env'>;

/** With a time limit that a busy machine does not reach: no answer is lost here. */
export function aSteadyWorld(
  target: Target,
  { env, ...rest }: NonNullable<Parameters<typeof aPaymentWorld>[1]> = {},
): Promise<PaymentWorld> {
  return aPaymentWorld(target, { ...rest, env: { PAYRECON_STRIPE_DEADLINE: '15s', ...env } });
}

/** The command line in this process, with everything behind it as it is: only streams and signals are the test's. */
export async function runHere(
  world: World,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Said> {
  const home = await temporaryFolder();
  const environment = cleanEnvironment(home, { ...world.env, ...env });
  const written = { out: '', err: '' };
  const output = (to: 'out' | 'err'): Output => ({
    isTerminal: false,
    columns: Number.POSITIVE_INFINITY,
    colourLevel: 0,
    write: (text) => void (written[to] += text),
  });
  const never = (): Promise<never> => Promise.reject(new Error('nobody may be asked here'));
  const services: CliServices = {
    streams: { out: output('out'), err: output('err'), canAsk: false },
    prompts: () => ({ select: never, text: never, confirm: never }),
    environment,
    listenForStop: () => new AbortController().signal,
    stoppedBy: () => null,
    now: () => Date.now(),
    timeZone: (flags) => timeZoneFromEnvironment({ environment, flags }),
    open: (request) => openFromEnvironment({ ...request, environment }),
    daemon: never,
    read: () => Promise.reject(new Error('unexpected reading of a file')),
    command: never,
  };
  const exitCode = await runCommandLine(args, services);
  return { exitCode, stdout: written.out, stderr: written.err };
}

/** What no message may ever hold: a key, and the inside of the program. */
export function expectDecent(
  world: World,
  { stdout, stderr }: Said,
  secrets: readonly string[] = [],
): void {
  const hidden = [world.env['STRIPE_SECRET_KEY'], world.env['SENDGRID_API_KEY'], ...secrets].filter(
    (secret) => secret !== undefined,
  );
  for (const secret of hidden) expect(`${stdout}${stderr}`).not.toContain(secret);
  expect(`${stdout}${stderr}`).not.toMatch(
    /\n\s+at .*[:(]|node:internal|node_modules|AxiosError|SqliteError|KnexTimeout|select .* from /,
  );
}

/** Wherever the request could have gone, nothing arrived. */
export async function expectNothingSent(world: PaymentWorld): Promise<void> {
  expect(world.sandbox.books.requests).toEqual([]);
  await expectNothingRecorded(world);
}

/** What a first use reads (whose the ledger is) may have been asked; nothing that changes anything was. */
export async function expectNothingChanged(world: PaymentWorld): Promise<void> {
  expect(world.sandbox.books.requests.filter(({ method }) => method !== 'GET')).toEqual([]);
  await expectNothingRecorded(world);
}

async function expectNothingRecorded(world: PaymentWorld): Promise<void> {
  const path = world.database.url.startsWith('sqlite:')
    ? world.database.url.slice('sqlite:'.length)
    : null;
  if (path !== null && !existsSync(path)) return;
  const raw = await world.database.raw();
  expect(await raw.rows('select id from transactions')).toEqual([]);
}

export interface ErrorShown {
  readonly code: string;
  readonly message: string;
  readonly fields: readonly string[];
}

/** The one JSON document on standard error. */
export function errorOf({ stderr }: Said): ErrorShown {
  return (JSON.parse(stderr) as { error: ErrorShown }).error;
}
