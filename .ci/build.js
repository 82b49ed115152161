// Bundles the command and the library into dist/: run by `npm ci` (prepare), and by the tests when dist/ is out of date.
// What is imported dynamically is a file of its own, so that a command loads what it needs and no more.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { licenceTexts, packagesIn, thirdPartyList } from './licences.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const outdir = join(root, 'dist');
const stamp = join(outdir, '.built-from');

/**
 * knex looks its dialects up by name; payrecon gives it classes, and needs none of the twelve.
 * @type {import('esbuild').Plugin}
 */
const noDialectsByName = {
  name: 'no-dialects-by-name',
  setup(build) {
    build.onLoad({ filter: /[/\\]knex[/\\]lib[/\\]dialects[/\\]index\.js$/ }, () => ({
      contents: `exports.getDialectByNameOrAlias = (name) => { throw new Error('not bundled: ' + name) }`,
    }));
  },
};

/** @param {{ write: boolean }} how whether dist/ is written, or only said what would be in it */
export async function bundle({ write }) {
  const esbuild = await import('esbuild');
  return await esbuild.build({
    absWorkingDir: root,
    entryPoints: ['src/main.ts', 'src/library.ts'],
    outdir,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    // libsql finds its native binary beside itself; the others are drivers that knex and pg could use.
    external: ['libsql', 'better-sqlite3', 'sqlite3', 'pg-native'],
    plugins: [noDialectsByName],
    // For the packages that are CommonJS.
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
    minifyWhitespace: true,
    legalComments: 'none',
    sourcemap: 'external',
    metafile: true,
    write,
    logLevel: 'warning',
  });
}

/** The text of docs/THIRD-PARTY.md for what is in the bundle. */
export async function thirdParty() {
  return thirdPartyList(packagesIn((await bundle({ write: false })).metafile.inputs));
}

/** A hash of everything that a build is made of: the same means that dist/ is up to date. */
function fingerprint() {
  const hash = createHash('sha256');
  for (const folder of ['src', 'migrations'])
    for (const entry of readdirSync(join(root, folder), { recursive: true, withFileTypes: true }))
      if (entry.isFile()) add(join(entry.parentPath, entry.name));
  for (const name of ['.ci/build.js', '.ci/licences.js', 'package.json', 'package-lock.json'])
    add(join(root, name));
  /** @param {string} file */
  function add(file) {
    hash.update(`${file}\0`).update(readFileSync(file));
  }
  return hash.digest('hex');
}

/** Brings dist/ up to date. Returns whether anything had to be built. */
export async function buildIfStale() {
  const now = fingerprint();
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === now) return false;
  const { metafile } = await bundle({ write: true });
  writeFileSync(join(outdir, 'LICENCES.txt'), licenceTexts(packagesIn(metafile.inputs)));
  // Afterwards, so that a command that starts meanwhile finds the files of one build or the other.
  const current = Object.keys(metafile.outputs).map((path) => basename(path));
  for (const name of readdirSync(outdir))
    if (![...current, 'LICENCES.txt', 'types'].includes(name))
      rmSync(join(outdir, name), { recursive: true });
  writeFileSync(stamp, now);
  return true;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    if (process.argv[2] === '--third-party')
      writeFileSync(join(root, 'docs', 'THIRD-PARTY.md'), await thirdParty());
    else console.error((await buildIfStale()) ? 'Built dist/.' : 'dist/ is up to date.');
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    console.error(
      'dist/ is out of date, and building it takes the development packages: run `npm ci` without --omit=dev.',
    );
    process.exitCode = 1;
  }
}
