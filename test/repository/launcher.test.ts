import { createHash } from 'node:crypto';
import { appendFile, cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { binary } from '../support/binary.ts';
import { temporaryFolder } from '../support/temporary.ts';

/** A command that says how it was loaded: as text alone, or from code that was compiled before. */
const probe = (code: string) => {
  const text = `(f=>typeof module==='object'?f(exports,require,module,__filename,__dirname):f)((function(exports,require,module,__filename,__dirname){${code}\n}))`;
  return `/*${createHash('sha256').update(text).digest('hex')}*/${text}`;
};

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

  it('uses compiled code only for the text that it was made of', async () => {
    const folder = await temporaryFolder();
    const launcher = await copyOfLauncher(folder);
    const main = join(folder, 'dist', 'main.cjs');
    await mkdir(join(folder, 'dist'));
    const run = async (script = launcher) => (await execa(process.execPath, [script])).stdout;
    await writeFile(main, probe("console.log('one', module.parent === undefined)"));
    expect(await run()).toBe('one false');
    expect(await run(join(folder, 'bin', 'keep-compiled.js'))).toBe('one true');
    expect(await run(), 'the compiled code is used').toBe('one true');
    // V8 itself would take it: the new text is as long as the old one.
    await writeFile(main, probe("console.log('two', module.parent === undefined)"));
    expect(await run()).toBe('two false');
    await appendFile(`${main}.compiled`, 'x');
    expect(await run()).toBe('two false');
  });

  it('loads the text where the compiled code was made by another Node', async () => {
    const folder = await temporaryFolder();
    const launcher = await copyOfLauncher(folder);
    const main = join(folder, 'dist', 'main.cjs');
    await mkdir(join(folder, 'dist'));
    await writeFile(main, probe("console.log('loaded', module.parent === undefined)"));
    await execa(process.execPath, [join(folder, 'bin', 'keep-compiled.js')]);
    const compiled = await readFile(`${main}.compiled`);
    await writeFile(
      `${main}.compiled`,
      Buffer.from(compiled.toString('latin1').replace(process.version, 'v20.19.99'), 'latin1'),
    );
    expect((await execa(process.execPath, [launcher])).stdout).toBe('loaded false');
    await writeFile(`${main}.compiled`, compiled);
    expect(
      (await execa(process.execPath, ['--no-lazy', launcher])).stdout,
      'V8 with other flags',
    ).toBe('loaded false');
  });

  it('passes an error of the command on instead of hiding it', async () => {
    const folder = await temporaryFolder();
    const launcher = await copyOfLauncher(folder);
    await mkdir(join(folder, 'dist'));
    await writeFile(join(folder, 'dist', 'main.cjs'), "throw new Error('from the command')\n");
    const { exitCode, stderr } = await execa(process.execPath, [launcher], { reject: false });
    expect(exitCode).toBe(1);
    expect(stderr).toContain('Error: from the command');
  });
});

async function copyOfLauncher(folder: string): Promise<string> {
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  await cp(dirname(binary), join(folder, 'bin'), { recursive: true });
  return join(folder, 'bin', 'payrecon.js');
}
