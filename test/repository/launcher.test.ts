import { cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { binary } from '../support/binary.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { root } from './tree.ts';

describe('the launcher', () => {
  it('works from any folder and through a link', async () => {
    const folder = await temporaryFolder();
    await symlink(binary, join(folder, 'payrecon'));
    const direct = await execa(process.execPath, [binary, '--version'], { cwd: '/' });
    const linked = await execa(join(folder, 'payrecon'), ['--version'], { cwd: folder });
    expect(direct.stdout).not.toBe('');
    expect(linked.stdout).toBe(direct.stdout);
  });

  it('says what to do where nothing is built', async () => {
    const folder = await temporaryFolder();
    const { exitCode, stderr } = await execa(process.execPath, [await copyOfLauncher(folder)], {
      reject: false,
    });
    expect({ exitCode, stderr }).toEqual({
      exitCode: 2,
      stderr: 'payrecon is not built yet: run `npm ci` (or `npm run build`) in its folder.',
    });
  });

  it.each(['18.20.4', '20.18.3'])('says which Node it needs on Node %s', async (version) => {
    const pretend = `data:text/javascript,Object.defineProperty(process.versions,"node",{value:"${version}"})`;
    const { exitCode, stderr } = await execa(process.execPath, ['--import', pretend, binary], {
      reject: false,
    });
    expect({ exitCode, stderr }).toEqual({
      exitCode: 2,
      stderr: `payrecon needs Node 20.19 or newer; this is Node ${version}.`,
    });
  });

  it('lets Node keep compiled code in a folder of the user alone, where Node can', async () => {
    const folder = await temporaryFolder();
    const launcher = await copyOfLauncher(folder);
    await mkdir(join(folder, 'dist'));
    await writeFile(join(folder, 'dist', 'main.js'), '');
    const pretend =
      'data:text/javascript,import module from "node:module";' +
      'module.enableCompileCache=(folder)=>console.log(folder);';
    const keptIn = async (env: Record<string, string>) =>
      (await execa(process.execPath, ['--import', pretend, launcher], { env, extendEnv: false }))
        .stdout;
    expect(await keptIn({ HOME: '/home/ann' })).toBe('/home/ann/.cache/payrecon');
    expect(await keptIn({ HOME: '/home/ann', XDG_CACHE_HOME: '/cache' })).toBe('/cache/payrecon');
    expect(await keptIn({}), 'nowhere rather than where others can write').toBe('');
  });

  it('passes an error of the command on instead of hiding it', async () => {
    const folder = await temporaryFolder();
    const launcher = await copyOfLauncher(folder);
    await mkdir(join(folder, 'dist'));
    await writeFile(join(folder, 'dist', 'main.js'), "throw new Error('from the command')\n");
    const { exitCode, stderr } = await execa(process.execPath, [launcher], { reject: false });
    expect(exitCode).toBe(1);
    expect(stderr).toContain('Error: from the command');
  });
});

describe('the build', () => {
  it('says in a sentence that it needs the development packages', async () => {
    const folder = await temporaryFolder();
    for (const name of ['.ci', 'package.json', 'package-lock.json', 'src', 'migrations'])
      await cp(join(root, name), join(folder, name), { recursive: true });
    const { exitCode, stderr } = await execa(process.execPath, [join(folder, '.ci/build.js')], {
      reject: false,
    });
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr:
        'dist/ is out of date, and building it takes the development packages: run `npm ci` without --omit=dev.',
    });
  });
});

async function copyOfLauncher(folder: string): Promise<string> {
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  await cp(dirname(binary), join(folder, 'bin'), { recursive: true });
  return join(folder, 'bin', 'payrecon.js');
}
