import { spawnSync } from 'node:child_process';
import { createServer } from 'node:http';
import { open } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { execa } from 'execa';
import { describe, expect, it, onTestFinished } from 'vitest';
import { bundle } from '../../.ci/build.js';
import { binary } from '../support/binary.ts';
import { cleanEnvironment } from '../support/environment.ts';
import { temporaryFolder } from '../support/temporary.ts';

/* The edge of the process, with the real one: signals, lost readers, full disks. */

const options = {
  extendEnv: false,
  reject: false,
  timeout: 18_000,
  killSignal: 'SIGKILL',
  stdin: 'ignore',
} as const;

describe('standard input', () => {
  it('that is a directory is no empty file', async () => {
    const folder = await temporaryFolder();
    const handle = await open(folder);
    onTestFinished(() => handle.close());
    const ended = spawnSync(process.execPath, [binary, 'charge', '--file', '-'], {
      stdio: [handle.fd, 'pipe', 'pipe'],
      encoding: 'utf8',
      env: cleanEnvironment(folder, { STRIPE_SECRET_KEY: 'sk_test_0123456789abcdef' }),
    });
    expect(ended).toMatchObject({ status: 2, stdout: '' });
    expect(ended.stderr).toContain('"-" cannot be read: standard input is a directory');
  });
});

/** A Stripe that says whose account it is, and never answers a call that changes something; `asked` resolves at the first one. */
async function silentStripe(): Promise<{ readonly url: string; readonly asked: Promise<void> }> {
  let wasAsked = (): void => undefined;
  const asked = new Promise<void>((resolve) => {
    wasAsked = resolve;
  });
  const server = createServer((request, response) => {
    if (request.method !== 'GET') {
      wasAsked();
      return;
    }
    const isAccount = request.url === '/v1/account';
    const body = isAccount
      ? { id: 'acct_1Silent', object: 'account' }
      : { object: 'list', data: [], has_more: false };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`, asked };
}

/** A charge that is waiting for Stripe's answer. */
async function waitingCharge(deadline: string) {
  const { url, asked } = await silentStripe();
  const env = cleanEnvironment(await temporaryFolder(), {
    STRIPE_SECRET_KEY: 'sk_test_0123456789abcdef',
    STRIPE_API_BASE: url,
  });
  const charge = [
    'charge',
    '--key',
    'order-1',
    '--amount',
    '49.99',
    '--currency',
    'usd',
    '--payment-method',
    'pm_card_visa',
    '--json',
  ];
  const running = execa(process.execPath, [binary, ...charge, '--stripe-deadline', deadline], {
    ...options,
    env,
  });
  await asked;
  return { running };
}

describe('a signal', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s lets a charge record what it knows, then ends it', async (signal, code) => {
    const { running } = await waitingCharge('1s');
    running.kill(signal);
    const { exitCode, stdout } = await running;
    expect(JSON.parse(stdout)).toMatchObject({
      key: 'order-1',
      status: 'pending',
      payment_intent: null,
    });
    expect(exitCode).toBe(code);
  });

  it('ends it at once the second time', async () => {
    const { running } = await waitingCharge('15s');
    running.kill('SIGTERM');
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(running.exitCode).toBeNull();
    const secondAtMs = performance.now();
    running.kill('SIGTERM');
    const { exitCode, stdout } = await running;
    expect(performance.now() - secondAtMs).toBeLessThan(3_000);
    expect([exitCode, stdout]).toEqual([143, '']);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s ends the sandbox, whose lines are out by then', async (signal, code) => {
    const env = cleanEnvironment(await temporaryFolder());
    const running = execa(process.execPath, [binary, 'sandbox', '--port', '0'], {
      ...options,
      env,
    });
    const lines = running.iterable();
    const first = await lines[Symbol.asyncIterator]().next();
    expect(first.value).toMatch(/^export STRIPE_API_BASE=http:\/\/127\.0\.0\.1:\d+$/);
    running.kill(signal);
    expect((await running).exitCode).toBe(code);
  });
});

describe('standard output', () => {
  it('may lose its reader without a word', async () => {
    const env = cleanEnvironment(await temporaryFolder());
    const running = execa(process.execPath, [binary, 'charge', '--help'], { ...options, env });
    running.stdout.destroy();
    const { exitCode, stderr } = await running;
    expect([exitCode, stderr]).toEqual([0, '']);
  });

  it('that cannot be written is no success', async () => {
    const env = cleanEnvironment(await temporaryFolder());
    await execa(process.execPath, [binary, 'migrate'], { ...options, env });
    const { exitCode, stderr } = await execa(
      'sh',
      ['-c', 'exec "$@" > /dev/full', 'sh', process.execPath, binary, 'list', '--json'],
      { ...options, env },
    );
    expect(stderr).toContain('standard output could not be written');
    expect(exitCode).toBe(1);
  });
});

describe('a start', () => {
  it('in a folder that was removed fails no command that needs none', async () => {
    const home = await temporaryFolder();
    const removed = 'mkdir "$HOME/gone"; cd "$HOME/gone"; rmdir "$HOME/gone"; exec "$@"';
    const run = async (typed: readonly string[]) =>
      await execa('sh', ['-c', removed, 'sh', process.execPath, binary, ...typed], {
        ...options,
        env: cleanEnvironment(home),
      });
    expect(await run(['migrate'])).toMatchObject({ exitCode: 0 });
    expect(await run(['list', '--json'])).toMatchObject({ exitCode: 0, stderr: '' });
    const relative = await run(['list', '--config', 'payrecon.env']);
    expect(relative).toMatchObject({ exitCode: 2 });
    expect(relative.stderr).toContain('--config: there is no file');
  });

  it.each([[['--help']], [['--version']], [['charge', '--help']]])(
    'of %j loads neither database nor Stripe',
    async (typed) => {
      const packages = await packagesLoaded(typed);
      expect(packages).toContain('commander');
      expect(
        packages.filter((name) => /^(knex|pg|stripe|zod|ajv|fastify|chalk)$|@/.test(name)),
      ).toEqual(['@commander-js/extra-typings']);
    },
  );

  it('of a list of an SQLite ledger loads no other database, and nothing that sends', async () => {
    const packages = await packagesLoaded(['list']);
    expect(packages).toEqual(expect.arrayContaining(['commander', 'knex']));
    expect(packages.filter((name) => /^(pg|stripe|zod|ajv|fastify|axios)$/.test(name))).toEqual([]);
  });
});

/** The packages inside the files of the bundle that a command loads. */
async function packagesLoaded(typed: readonly string[]): Promise<readonly string[]> {
  const env = cleanEnvironment(await temporaryFolder());
  await execa(process.execPath, [binary, 'migrate'], { ...options, env });
  const { exitCode, stderr } = await execa(process.execPath, [binary, ...typed], {
    ...options,
    env: { ...env, NODE_DEBUG: 'esm' },
  });
  expect(exitCode).toBe(0);
  const { metafile } = await bundle({ write: false });
  const loaded = Object.entries(metafile.outputs).filter(([path]) => stderr.includes(`/${path}`));
  const inputs = loaded.flatMap(([, output]) => Object.keys(output.inputs));
  return [
    ...new Set(
      inputs.flatMap((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []),
    ),
  ];
}
