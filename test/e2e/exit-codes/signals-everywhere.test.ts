import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir } from 'node:fs/promises';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import type { CommandUnknownOpts } from '@commander-js/extra-typings';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createWholeProgram } from '../../../src/cli/program.ts';
import { binary } from '../../support/binary.ts';
import { cleanEnvironment } from '../../support/environment.ts';
import { temporaryFolder } from '../../support/temporary.ts';

/*
 * Every command ends by a signal with the exit code of the contract, without a stack. A command that
 * uses the ledger is caught while its database does not answer; the others when they have said
 * something by which they are known to be under way.
 */

const SIGNALS = [
  { signal: 'SIGINT', exitCode: 130 },
  { signal: 'SIGTERM', exitCode: 143 },
] as const;

const PAYMENT = '--amount 49.99 --currency usd --payment-method pm_card_visa';
const DECISION = '--as failed --reason none --yes';

/** What is typed for each command that opens the ledger. */
const ON_THE_LEDGER: Readonly<Record<string, string>> = {
  list: 'list --json',
  show: 'show order-1',
  'stuck list': 'stuck list',
  'stuck resolve': `stuck resolve order-1 ${DECISION}`,
  'notifications list': 'notifications list',
  'notifications resend': 'notifications resend ntf_1',
  'audit verify': 'audit verify',
  status: 'status',
  doctor: 'doctor',
  migrate: 'migrate up',
};

/** They finish what is under way, which is to find out that the database does not answer, and say it. */
const DRAINING: Readonly<Record<string, string>> = {
  charge: `charge --key order-1 ${PAYMENT}`,
  reconcile: 'reconcile',
  cancel: 'cancel order-1',
  'notifications send': 'notifications send',
};

interface Spoken {
  readonly typed: string;
  /** Once this was written, it is under way. */
  readonly until: string;
}

const SPEAKING: readonly Spoken[] = [
  { typed: 'sandbox --port 0', until: 'Ctrl-C ends it' },
  { typed: 'reconcile --daemon', until: 'reconciling on schedule' },
  { typed: 'demo', until: '1  A plain client' },
  { typed: 'demo', until: '$ payrecon charge' },
  { typed: 'demo', until: 'exit 75' },
  { typed: 'demo', until: '$ payrecon show' },
  { typed: 'demo', until: 'The e-mail that' },
];

/** It prints and ends: there is nothing to interrupt. */
const NEVER_WAITING = ['completion'];

describe.each(SIGNALS)('$signal', ({ signal, exitCode }) => {
  it.each(Object.values(ON_THE_LEDGER))(
    `ends \`%s\` with ${String(exitCode)} while the database does not answer`,
    async (typed) => {
      const database = await silentServer();
      const running = await start(typed, { DATABASE_URL: database.url });
      await database.asked;
      running.child.kill(signal);
      expect(await running.end).toMatchObject({ exitCode, signalCode: null, stderr: '' });
    },
  );

  it.each(Object.values(DRAINING))(
    `ends \`%s\` with ${String(exitCode)} once the database is found not to answer`,
    async (typed) => {
      const database = await silentServer();
      const running = await start(typed, { DATABASE_URL: database.url });
      await database.asked;
      running.child.kill(signal);
      const end = await running.end;
      expect(end).toMatchObject({ exitCode, signalCode: null, stdout: '' });
      expect(end.stderr).toMatch(/^payrecon: PostgreSQL database payments .* cannot be reached/);
    },
  );

  it.each(SPEAKING)(
    `ends \`$typed\` after "$until" with ${String(exitCode)}`,
    async ({ typed, until }) => {
      const running = await start(typed);
      await running.said(until);
      running.child.kill(signal);
      const end = await running.end;
      expect(end).toMatchObject({ exitCode, signalCode: null });
      expect(`${end.stdout}${end.stderr}`).not.toMatch(/this is a bug|\n\s+at /);
      expect(await readdir(running.temporary)).toEqual([]);
    },
  );

  it(`ends a charge whose lines are still to come with ${String(exitCode)}`, async () => {
    const running = await start('charge --file - --json');
    running.child.stdin.write('{"key":""}\n');
    await running.said('invalid_line');
    running.child.kill(signal);
    const end = await running.end;
    expect(end).toMatchObject({ exitCode, signalCode: null });
    expect(JSON.parse(end.stderr)).toMatchObject({ summary: { lines: 1, interrupted: true } });
  });
});

it('the table holds every command that there is', async () => {
  const names = commandsBelow(await createWholeProgram(), []);
  const listed = [
    ...Object.keys(ON_THE_LEDGER),
    ...Object.keys(DRAINING),
    ...SPEAKING.map(({ typed }) => typed.split(' ')[0] ?? ''),
    ...NEVER_WAITING,
  ];
  expect(names.filter((name) => !listed.includes(name))).toEqual([]);
  expect(listed.filter((name) => !names.includes(name))).toEqual([]);
});

function commandsBelow(command: CommandUnknownOpts, path: readonly string[]): readonly string[] {
  const below = command.commands.filter((each) => each.name() !== 'help');
  if (below.length === 0) return [path.join(' ')];
  return below.flatMap((each) => commandsBelow(each, [...path, each.name()]));
}

/** A server that takes the connection and what is sent, and says nothing. */
async function silentServer(): Promise<{ readonly url: string; readonly asked: Promise<void> }> {
  const open = new Set<Socket>();
  const { promise: asked, resolve } = withResolvers();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', resolve);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  onTestFinished(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `postgres://payrecon@127.0.0.1:${String(port)}/payments`, asked };
}

function withResolvers(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}

async function start(typed: string, env: Readonly<Record<string, string>> = {}) {
  const home = await temporaryFolder();
  const temporary = join(home, 'temporary');
  await mkdir(temporary);
  const ledger = `sqlite:${join(home, 'ledger.db')}`;
  const environment = cleanEnvironment(home, {
    TMPDIR: temporary,
    DATABASE_URL: ledger,
    STRIPE_SECRET_KEY: 'sk_test_0123456789abcdef',
    STRIPE_API_BASE: 'http://127.0.0.1:9',
    ...env,
  });
  const options = { env: environment, cwd: home };
  if (typed.includes('--daemon')) {
    const made = spawn(process.execPath, [binary, 'migrate'], { ...options, stdio: 'ignore' });
    await once(made, 'close');
  }
  const child = spawn(process.execPath, [binary, ...typed.split(' ')], options);
  const written = { stdout: '', stderr: '' };
  const heard = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      written[name] += text;
      for (const each of heard) each();
    });
  }
  const end = once(child, 'close').then(([exitCode, signalCode]) => ({
    exitCode: exitCode as number | null,
    signalCode: signalCode as string | null,
    ...written,
  }));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await end;
  });
  const said = async (text: string): Promise<void> => {
    await new Promise<void>((resolve, reject) => {
      const look = (): void => {
        if (`${written.stdout}${written.stderr}`.includes(text)) resolve();
      };
      heard.add(look);
      void end.then(() => {
        reject(new Error(`it ended without saying ${text}: ${written.stdout}${written.stderr}`));
      });
      look();
    });
  };
  return { child, end, said, temporary };
}
