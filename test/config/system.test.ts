import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadSettings } from '../../src/config/settings.ts';
import { userFolders } from '../../src/config/folders.ts';
import { systemSources } from '../../src/config/system.ts';
import { temporaryFolder } from '../support/temporary.ts';

describe('systemSources', () => {
  it('reads real files with their permissions', async () => {
    const folder = await temporaryFolder();
    const key = join(folder, 'key');
    await writeFile(key, 'sk_test_abc\n');
    await chmod(key, 0o644);
    // As container platforms mount them: a link to the file.
    await symlink(key, join(folder, 'link'));
    const file = join(folder, 'settings.env');
    await writeFile(file, 'PAYRECON_MAX_ATTEMPTS=9\nSTRIPE_SECRET_KEY_FILE=link\n');
    const load = () => loadSettings(systemSources({ config: file }, {}));
    expect(load()).toMatchObject({
      maxAttempts: 9,
      stripeSecretKey: 'sk_test_abc',
      configFile: file,
    });
    expect(load().warnings).toHaveLength(1);
    await chmod(key, 0o600);
    expect(load().warnings).toEqual([]);
  });

  it('knows a file that is not there from one that cannot be read', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'directory'));
    await writeFile(join(folder, 'large'), 'x'.repeat(70_000));
    const { readFile } = systemSources({}, {});
    expect(readFile(join(folder, 'nothing'))).toBeNull();
    expect(readFile(join(folder, 'large', 'below'))).toBeNull();
    expect(() => readFile(join(folder, 'directory'))).toThrow(/EISDIR/);
    expect(() => readFile(join(folder, 'large'))).toThrow('it has more than 65536 bytes');
  });
});

describe('userFolders', () => {
  const linux = (environment: Record<string, string>, home: string | null = '/home/ada') =>
    userFolders(environment, { platform: 'linux', home: () => home });
  const path = (text: string) => ({ ok: true, path: text });
  const problem = (field: string, message: string) => ({
    ok: false,
    problem: { field, message: expect.stringContaining(message) as string },
  });

  it("are the system's own, below the home that the environment names", () => {
    expect(linux({})).toEqual({
      config: path('/home/ada/.config/payrecon'),
      data: path('/home/ada/.local/share/payrecon'),
    });
    expect(linux({ HOME: '/home/bob' })).toEqual({
      config: path('/home/bob/.config/payrecon'),
      data: path('/home/bob/.local/share/payrecon'),
    });
    expect(linux({ XDG_CONFIG_HOME: '/c', XDG_DATA_HOME: '/d' }, null)).toEqual({
      config: path('/c/payrecon'),
      data: path('/d/payrecon'),
    });
    expect(userFolders({}, { platform: 'darwin', home: () => '/Users/ada' })).toEqual({
      config: path('/Users/ada/Library/Preferences/payrecon'),
      data: path('/Users/ada/Library/Application Support/payrecon'),
    });
  });

  it.each<[Record<string, string>, string | null, string, string]>([
    [{}, null, 'HOME', 'it is not set'],
    [{ HOME: '' }, '/home/ada', 'HOME', 'must be an absolute path'],
    [{ HOME: 'ada' }, '/home/ada', 'HOME', 'must be an absolute path'],
    [{ HOME: '/' }, '/home/ada', 'HOME', 'it is /'],
    [{}, '/', 'HOME', 'it is /'],
    [{ XDG_DATA_HOME: 'data' }, '/home/ada', 'XDG_DATA_HOME', 'must be an absolute path'],
  ])(
    '%j with the home %j has no place for a ledger, and says that DATABASE_URL may name one',
    (environment, home, field, message) => {
      expect(linux(environment, home).data).toEqual(problem(field, message));
      expect(linux(environment, home).data).toEqual(problem(field, 'DATABASE_URL'));
    },
  );

  it('are asked of the machine where the environment names none', () => {
    const { config, data } = systemSources({}, {}).folders();
    expect([config, data].map((folder) => folder.ok && isAbsolute(folder.path))).toEqual([
      true,
      true,
    ]);
    expect(config).not.toEqual(data);
  });
});
