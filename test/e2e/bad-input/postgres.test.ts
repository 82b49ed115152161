import { createServer, type AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { postgres, sqlite } from '../../storage/targets.ts';
import type { PaymentWorld } from '../../support/payment-world.ts';
import {
  aSteadyWorld,
  errorOf,
  expectDecent,
  expectNothingChanged,
  expectNothingSent,
  type Said,
} from './command-line.ts';
import { chargeLine } from './lines.ts';

async function expectRefused(
  world: PaymentWorld,
  said: Said,
  exit: number,
  code: string | RegExp,
): Promise<void> {
  expect({ exit: said.exitCode, stdout: said.stdout }).toEqual({ exit, stdout: '' });
  expect(errorOf(said).code).toMatch(code);
  expectDecent(world, said, ['hunter2']);
  await expectNothingSent(world);
}

test('a database that may only be read: exit 2, and nothing is sent', async () => {
  const world = await aSteadyWorld(postgres);
  const raw = await world.database.raw();
  const name = new URL(world.database.url).pathname.slice(1);
  await raw.run(`alter database ${name} set default_transaction_read_only = on`);
  await expectRefused(world, await world.run(chargeLine({})), 2, 'database_read_only');
  await raw.run(`alter database ${name} reset default_transaction_read_only`);
  expect((await world.run(chargeLine({}))).exitCode).toBe(0);
});

test('a database that another session has locked: exit 69, and afterwards the same command goes through', async () => {
  const world = await aSteadyWorld(postgres);
  const raw = await world.database.raw();
  await raw.run('begin; lock table transactions in access exclusive mode');
  // payrecon waits 10 s for a lock unless the address says otherwise; a test need not.
  const said = await world.run(chargeLine({}), {
    env: { DATABASE_URL: `${world.database.url}?lock_timeout=500` },
  });
  await raw.run('rollback');
  expect({ exit: said.exitCode, stdout: said.stdout }).toEqual({ exit: 69, stdout: '' });
  expect(errorOf(said).code).toBe('database_locked');
  expectDecent(world, said, ['hunter2']);
  await expectNothingChanged(world);
  expect((await world.run(chargeLine({}))).exitCode).toBe(0);
});

test('a database without our schema: exit 2, and it names the command that makes it', async () => {
  const world = await aSteadyWorld(sqlite);
  const { url } = await postgres.fresh();
  const said = await world.run(chargeLine({}), { env: { DATABASE_URL: url } });
  await expectRefused(world, said, 2, 'schema_behind');
  expect(errorOf(said).message).toContain('payrecon migrate');
});

test.each(['LATIN1', 'SQL_ASCII'])(
  'a database whose encoding is %s: refused by every command that opens it, before it is made a ledger',
  async (encoding) => {
    const world = await aSteadyWorld(sqlite);
    const beside = await postgres.fresh();
    const other = new URL(beside.url);
    other.pathname = `${other.pathname}_${encoding.toLowerCase()}`;
    const name = other.pathname.slice(1);
    const raw = await beside.raw();
    await raw.run(
      `create database ${name} encoding '${encoding}' lc_collate 'C' lc_ctype 'C' template template0`,
    );
    onTestFinished(() => raw.run(`drop database ${name} with (force)`));
    const env = { DATABASE_URL: other.href };
    for (const typed of [['migrate'], ['migrate', 'status'], ['list', '--json'], chargeLine({})]) {
      const said = await world.run([...typed], { env });
      expect({ typed, exit: said.exitCode, stdout: said.stdout }).toEqual({
        typed,
        exit: 2,
        stdout: '',
      });
      expect(said.stderr).toContain(`stores texts as ${encoding}`);
      expect(said.stderr).toContain("ENCODING 'UTF8'");
      expectDecent(world, said, ['hunter2']);
    }
    await expectNothingSent(world);
    const doctor = await world.run(['doctor', '--json'], { env });
    expect(doctor.exitCode).toBe(2);
    expect(doctor.stdout).toContain(`stores texts as ${encoding}`);
  },
);

test('a server that is not there, and a database or user that it does not know', async () => {
  const world = await aSteadyWorld(sqlite);
  const { url } = await postgres.fresh();
  const changed = (change: (url: URL) => void): string => {
    const other = new URL(url);
    other.password = 'hunter2';
    change(other);
    return other.href;
  };
  const port = await freePort();
  const away = await world.run(chargeLine({}), {
    env: { DATABASE_URL: changed((other) => (other.port = port)) },
  });
  await expectRefused(world, away, 69, /^database_/);
  const unknown = await world.run(chargeLine({}), {
    env: { DATABASE_URL: changed((other) => (other.pathname = '/no_such_database')) },
  });
  await expectRefused(world, unknown, 2, /^database_/);
  const stranger = await world.run(chargeLine({}), {
    env: { DATABASE_URL: changed((other) => (other.username = 'nobody_knows')) },
  });
  await expectRefused(world, stranger, 2, /^database_/);
});

async function freePort(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return String(port);
}
