import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { sqlite } from '../../storage/targets.ts';
import { runPayrecon } from '../../support/binary.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { aSteadyWorld, errorOf, expectDecent } from './command-line.ts';
import { chargeLine } from './lines.ts';

interface Address {
  readonly env: Readonly<Record<string, string>>;
  readonly says: RegExp;
}

const ADDRESSES: readonly Address[] = [
  {
    env: { DATABASE_URL: '' },
    says: /DATABASE_URL: it is set but empty: give it a value, or unset it/,
  },
  { env: { DATABASE_URL_FILE: '' }, says: /DATABASE_URL_FILE: it is set but empty/ },
  { env: { DATABASE_URL_FILE: 'empty' }, says: /DATABASE_URL_FILE: the file .*empty is empty/ },
  { env: { CREDENTIALS_DIRECTORY: 'HERE' }, says: /database_url\): the file is empty/ },
  {
    env: { PAYRECON_CONFIG: 'empty.env' },
    says: /DATABASE_URL in .*empty\.env: it is set but empty/,
  },
  { env: { PAYRECON_CONFIG: '' }, says: /PAYRECON_CONFIG: it is set but empty/ },
  {
    env: { DATABASE_URL: 'sqlite:ledger.db' },
    says: /the path must be absolute.*write sqlite:\/.*\/ledger\.db/,
  },
  { env: { XDG_DATA_HOME: 'data' }, says: /XDG_DATA_HOME: it must be an absolute path/ },
  { env: { XDG_DATA_HOME: '', HOME: '/' }, says: /HOME: it is \/, which is no home/ },
  { env: { XDG_DATA_HOME: '', HOME: '' }, says: /HOME: it must be an absolute path.*DATABASE_URL/ },
];

const COMMANDS = [
  chargeLine({}),
  ['reconcile', '--json'],
  ['list', '--json'],
  ['migrate', '--json'],
];

test(
  'an address of the ledger that is empty or relative: exit 2, no ledger is made, and nothing is sent',
  { timeout: 60_000 },
  async () => {
    const { env: given, sandbox } = await aSteadyWorld(sqlite);
    const { DATABASE_URL: _, ...world } = given;
    for (const [index, { env, says }] of ADDRESSES.entries()) {
      const cwd = await temporaryFolder();
      await writeFile(join(cwd, 'empty'), '\n');
      await writeFile(join(cwd, 'empty.env'), 'DATABASE_URL=\n');
      await writeFile(join(cwd, 'database_url'), '\n');
      await mkdir(join(cwd, 'home'));
      const home = join(cwd, 'home');
      const whole = Object.fromEntries(
        Object.entries(env).map(([name, value]) => [name, value === 'HERE' ? cwd : value]),
      );
      const said = await runPayrecon(COMMANDS[index % COMMANDS.length] ?? [], {
        cwd,
        home,
        env: { ...world, ...whole },
      });
      expect({ env, exit: said.exitCode, stdout: said.stdout }).toEqual({
        env,
        exit: 2,
        stdout: '',
      });
      expect(errorOf(said).message).toMatch(says);
      expectDecent({ env: world }, said);
      expect((await readdir(cwd, { recursive: true })).sort()).toEqual([
        'database_url',
        'empty',
        'empty.env',
        'home',
      ]);
    }
    expect(sandbox.books.requests).toEqual([]);
  },
);
