import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import pLimit from 'p-limit';
import { expect, test } from 'vitest';
import { sqlite } from '../../storage/targets.ts';
import { binary } from '../../support/binary.ts';
import { cleanEnvironment } from '../../support/environment.ts';
import { evidenceSource } from '../../support/evidence.ts';
import { expectInvariants } from '../../support/invariants.ts';
import type { PaymentWorld } from '../../support/payment-world.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import {
  aSteadyWorld,
  errorOf,
  expectDecent,
  expectNothingSent,
  type Said,
} from './command-line.ts';
import { chargeLine } from './lines.ts';

function pathOf(world: PaymentWorld): string {
  return world.database.url.slice('sqlite:'.length);
}

function expectRefused(world: PaymentWorld, said: Said, exit: number, code: string | RegExp): void {
  expect({ exit: said.exitCode, stdout: said.stdout }).toEqual({ exit, stdout: '' });
  expect(errorOf(said).code).toMatch(code);
  expectDecent(world, said);
  expect(world.sandbox.books.requests).toEqual([]);
}

async function runWith(world: PaymentWorld, command: readonly string[]): Promise<Said> {
  const home = await temporaryFolder();
  const [file = '', ...args] = command;
  const { exitCode, stdout, stderr } = await execa(file, args, {
    env: cleanEnvironment(home, world.env),
    extendEnv: false,
    cwd: home,
    reject: false,
    input: '',
  });
  return { exitCode, stdout, stderr };
}

/** Root may write to everything, unless that right is taken away first. */
function withoutRightsOfRoot(world: PaymentWorld, args: readonly string[]): Promise<Said> {
  const without =
    process.getuid?.() === 0
      ? ['setpriv', '--bounding-set=-dac_override,-dac_read_search', '--']
      : [];
  return runWith(world, [...without, process.execPath, binary, ...args]);
}

/** No file of the process may grow beyond so many KiB, as on a disk that is full. */
function withLittleSpace(
  world: PaymentWorld,
  kibibytes: number,
  args: readonly string[],
): Promise<Said> {
  return runWith(world, [
    'bash',
    '-c',
    `ulimit -f ${kibibytes}; exec "$0" "$@"`,
    process.execPath,
    binary,
    ...args,
  ]);
}

test('a ledger that may only be read: exit 2, and it says what to change', async () => {
  const world = await aSteadyWorld(sqlite);
  expect((await world.run(['list'])).exitCode).toBe(0);
  const path = pathOf(world);
  await chmod(path, 0o444);
  await chmod(join(path, '..'), 0o555);
  const said = await withoutRightsOfRoot(world, chargeLine({}));
  await chmod(join(path, '..'), 0o700);
  await chmod(path, 0o600);
  expectRefused(world, said, 2, /^database_(read_only|cannot_open)$/);
  expect(errorOf(said).message).toContain(path);
  await expectNothingSent(world);
  expect((await world.run(chargeLine({}))).exitCode).toBe(0);
});

test('a folder that may not be written, cannot be made, or is none', async () => {
  const world = await aSteadyWorld(sqlite);
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'closed'), { mode: 0o555 });
  await writeFile(join(folder, 'file'), 'no folder');
  for (const path of [
    join(folder, 'closed', 'ledger.db'),
    join(folder, 'closed', 'deeper', 'ledger.db'),
    join(folder, 'file', 'ledger.db'),
    folder,
  ]) {
    const said = await withoutRightsOfRoot(
      { ...world, env: { ...world.env, DATABASE_URL: `sqlite:${path}` } },
      chargeLine({}),
    );
    expectRefused(world, said, 2, /^database_/);
    expect(errorOf(said).message).toContain(folder);
  }
});

test('a folder that is not there yet is made', async () => {
  const world = await aSteadyWorld(sqlite);
  const path = join(await temporaryFolder(), 'some', 'where', 'ledger.db');
  expect(
    (await world.run(chargeLine({}), { env: { DATABASE_URL: `sqlite:${path}` } })).exitCode,
  ).toBe(0);
});

test('a file that is no database is left as it is', async () => {
  const world = await aSteadyWorld(sqlite);
  const path = join(await temporaryFolder(), 'accounts.txt');
  const text = 'Not a database. '.repeat(1_000);
  await writeFile(path, text);
  const said = await world.run(chargeLine({}), { env: { DATABASE_URL: `sqlite:${path}` } });
  expectRefused(world, said, 2, 'database_not_a_database');
  expect(await readFile(path, 'utf8')).toBe(text);
});

test('a ledger of a newer payrecon is not touched', async () => {
  const world = await aSteadyWorld(sqlite);
  expect((await world.run(['list'])).exitCode).toBe(0);
  const raw = await world.database.raw();
  await raw.run(
    `insert into payrecon_migrations (name, batch, migration_time) values ('9999_from_the_future', 9, 0)`,
  );
  const said = await world.run(chargeLine({}));
  expectRefused(world, said, 2, 'schema_ahead');
  await expectNothingSent(world);
});

test(
  'a ledger that another program has locked: exit 69, and afterwards the same command goes through',
  { timeout: 60_000 },
  async () => {
    const world = await aSteadyWorld(sqlite);
    expect((await world.run(['list'])).exitCode).toBe(0);
    const raw = await world.database.raw();
    await raw.run('begin exclusive');
    const both = await Promise.all([
      world.run(chargeLine({}), { timeoutMs: 40_000 }),
      world.run(['reconcile', '--json'], { timeoutMs: 40_000 }),
    ]);
    await raw.run('rollback');
    for (const said of both) expectRefused(world, said, 69, 'database_locked');
    await expectNothingSent(world);
    expect((await world.run(chargeLine({}))).exitCode).toBe(0);
  },
);

/** Charges with little space, then with enough; answers how the first ended. */
async function chargeOnFullDisk(kibibytes: number): Promise<number | undefined> {
  const world = await aSteadyWorld(sqlite);
  expect((await world.run(['list'])).exitCode).toBe(0);
  const said = await withLittleSpace(world, kibibytes, chargeLine({}));
  expectDecent(world, said);
  expect([0, 69, 75], `${kibibytes} KiB: ${said.stderr}`).toContain(said.exitCode);
  if (said.exitCode === 69) expect(errorOf(said).code).toMatch(/^database_(full|io)$/);
  const source = await evidenceSource(world.sandbox.books, world.database);
  await expectInvariants(source, { atRest: false });
  const opened = await source.raw.rows('select step from transactions');
  if (opened.length === 0)
    expect(world.sandbox.books.requests.filter(({ method }) => method !== 'GET')).toEqual([]);
  expect({ kibibytes, exit: said.exitCode, recorded: opened.length > 0 }).toEqual({
    kibibytes,
    exit: said.exitCode,
    recorded: said.exitCode !== 69,
  });
  // The lease of a process that could not give it back runs out.
  await source.raw.run(
    'update transactions set lease_expires_at = 1 where lease_token is not null',
  );
  expect((await world.run(chargeLine({}))).exitCode).toBe(0);
  expect((await world.run(['reconcile'])).exitCode).toBe(0);
  await expectInvariants(source, { atRest: true });
  return said.exitCode;
}

test(
  'a disk that is full, at whichever step: nothing is charged twice, and nothing is lost',
  { timeout: 90_000 },
  async () => {
    const limit = pLimit(3);
    const exits = await Promise.all(
      [1, 33, 40, 48, 56, 72, 80, 96, 112, 160, 320].map((kibibytes) =>
        limit(chargeOnFullDisk, kibibytes),
      ),
    );
    expect(new Set(exits)).toEqual(new Set([69, 75, 0]));
  },
);
