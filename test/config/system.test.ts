import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadSettings } from '../../src/config/settings.ts';
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
    expect(load()).toMatchObject({ maxAttempts: 9, stripeSecretKey: 'sk_test_abc', configFile: file });
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

  it("names the user's own folders, whole", () => {
    const { config, data } = systemSources({}, {}).folders();
    expect([config, data].map((folder) => isAbsolute(folder))).toEqual([true, true]);
    expect(config).toMatch(/payrecon/);
    expect(config).not.toBe(data);
  });
});
