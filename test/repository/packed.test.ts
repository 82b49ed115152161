import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { cleanEnvironment } from '../support/environment.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { root } from './tree.ts';

interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

describe('the package that is published', () => {
  it('holds what its users need and nothing else', async () => {
    const paths = (await pack('--dry-run')).files.map(({ path }) => path);
    expect(paths).toEqual(
      expect.arrayContaining([
        'LICENSE',
        'README.md',
        'bin/package.json',
        'bin/payrecon.js',
        'dist/library.js',
        'dist/main.js',
        'dist/LICENCES.txt',
        'package.json',
      ]),
    );
    expect(
      paths.filter((path) => /^(src|test|bench|migrations)\/|\.map$|\.built-from$/.test(path)),
    ).toEqual([]);
  });

  it('runs as a command and as a library from where it is installed', async () => {
    const folder = await temporaryFolder();
    const { filename } = await pack('--pack-destination', folder);
    const env = cleanEnvironment(folder);
    const here = { cwd: folder, env, extendEnv: false };
    const installed = join(folder, 'node_modules', 'payrecon');
    await execa('mkdir', ['-p', installed]);
    await execa('tar', ['-xzf', join(folder, filename), '-C', installed, '--strip-components=1']);
    // What npm would install beside it: the one package that is not inside the bundle, with what it needs.
    for (const name of ['libsql', '@libsql', '@neon-rs', 'detect-libc'])
      await symlink(join(root, 'node_modules', name), join(folder, 'node_modules', name));
    const payrecon = async (...args: string[]) =>
      execa(process.execPath, [join(installed, 'bin', 'payrecon.js'), ...args], here);
    await payrecon('migrate');
    const { stdout } = await payrecon('list', '--json');
    expect(JSON.parse(stdout)).toEqual({ data: [], has_more: false, next_cursor: null });
    await writeFile(join(folder, 'use.mjs'), useTheLibrary);
    expect((await execa(process.execPath, ['use.mjs'], here)).stdout).toBe('{"ok":true,"found":0}');
  });

  it('tells TypeScript what the library takes and gives', { timeout: 120_000 }, async () => {
    const folder = await temporaryFolder();
    const compile = async (...args: string[]) =>
      execa(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), ...args], {
        cwd: folder,
        reject: false,
      });
    const types = join(folder, 'node_modules', 'payrecon', 'types');
    const { stdout: problems } = await compile(
      '-p',
      join(root, '.ci/tsconfig.types.json'),
      '--outDir',
      types,
    );
    expect(problems).toBe('');
    await writeFile(
      join(folder, 'node_modules/payrecon/package.json'),
      '{"type":"module","exports":{"types":"./types/src/library.d.ts"}}',
    );
    await writeFile(join(folder, 'use.mts'), misuseTheLibrary);
    const { stdout } = await compile(
      '--noEmit',
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2023',
      'use.mts',
    );
    expect(
      stdout
        .split('\n')
        .map((line) => line.replace(/^use.mts\((\d+),.*(error TS\d+).*$/, '$1 $2'))
        .filter((line) => !line.startsWith(' ')),
    ).toEqual(['4 error TS2322', '5 error TS2322']);
  });
});

/** Two mistakes, on lines 4 and 5. */
const misuseTheLibrary = `import { openPayrecon } from 'payrecon'
const payrecon = await openPayrecon()
const result = await payrecon.list({ limit: 5 })
if (!result.ok) { const code: number = result.error.code; console.log(code) }
const wrong: string = await payrecon.close()
export { wrong }
`;

const useTheLibrary = `
  import { openPayrecon } from 'payrecon'
  const payrecon = await openPayrecon()
  const page = await payrecon.list()
  console.log(JSON.stringify({ ok: page.ok, found: page.value.data.length }))
  await payrecon.close()
`;

/** `--ignore-scripts`: what is built already is what is packed. */
async function pack(...flags: string[]): Promise<Packed> {
  const { stdout } = await execa('npm', ['pack', '--json', '--ignore-scripts', ...flags], {
    cwd: root,
  });
  const [packed] = JSON.parse(stdout) as [Packed];
  return packed;
}
