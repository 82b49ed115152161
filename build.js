// Bundles the command and the library into dist/: one ES module per entry point, and one chunk for each part that
// is loaded only when a command needs it. Run by `npm ci` (prepare), and by the tests when the result is out of date.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as esbuild from 'esbuild'
import { licenceTexts, packagesIn, thirdPartyList } from './third-party.js'

const root = dirname(fileURLToPath(import.meta.url))
const outdir = join(root, 'dist')
const stamp = join(outdir, '.built-from')
const replacedChunksKeptMs = 10 * 60_000

/** The parts of the package that are built; a part that is not written yet is left out. */
const entryPoints = ['src/main.ts', 'src/library.ts'].filter((entry) => existsSync(join(root, entry)))

/** The only package that stays outside: it finds its native binary beside itself. */
const native = ['libsql']

/** Database drivers that knex can use and payrecon does not; knex asks for them only when told to. */
const driversNotUsed = ['better-sqlite3', 'sqlite3', 'mysql', 'mysql2', 'mariadb/callback', 'oracledb', 'tedious', 'pg-native']

/** knex's dialects for those drivers: 400 kB that would be parsed at each start. */
const dialectsNotUsed = /^\.\/(cockroachdb|mssql|mysql|mysql2|mariadb|oracle|oracledb|pgnative|redshift)$/

/**
 * Keeps `pg` out of every chunk that only mentions it: knex asks for it with a synchronous `require`, which would
 * otherwise put the whole driver beside knex and be parsed for SQLite as well.
 * @type {esbuild.Plugin}
 */
const driversApart = {
  name: 'drivers-apart',
  setup(build) {
    build.onResolve({ filter: /^pg$/ }, () => ({ path: 'pg', namespace: 'apart' }))
    build.onLoad({ filter: /.*/, namespace: 'apart' }, () => ({ contents: 'module.exports = require("./pg.cjs")' }))
    build.onResolve({ filter: /^\.\/pg\.cjs$/, namespace: 'apart' }, () => ({ path: './pg.cjs', external: true }))
    build.onResolve({ filter: dialectsNotUsed }, (args) =>
      args.importer.endsWith(join('knex', 'lib', 'dialects', 'index.js'))
        ? { path: args.path, namespace: 'not-used' }
        : undefined,
    )
    build.onLoad({ filter: /.*/, namespace: 'not-used' }, (args) => ({
      contents: `throw new Error('payrecon is built without the knex dialect ${args.path}')`,
    }))
  },
}

const shared = /** @satisfies {esbuild.BuildOptions} */ ({
  absWorkingDir: root,
  bundle: true,
  write: false,
  platform: /** @type {const} */ ('node'),
  target: 'node20.19',
  logLevel: /** @type {const} */ ('warning'),
  legalComments: /** @type {const} */ ('none'),
  metafile: true,
  sourcemap: /** @type {const} */ ('linked'),
  sourcesContent: false,
  // Short to parse at each start, yet a stack trace still names the functions of the source.
  minifyWhitespace: true,
  minifySyntax: true,
})

/** @returns {Promise<esbuild.BuildResult<typeof shared>[]>} everything that dist/ holds, in memory */
export async function bundle() {
  return Promise.all([
    esbuild.build({
      ...shared,
      entryPoints,
      outdir,
      format: 'esm',
      splitting: true,
      chunkNames: '[name]-[hash]',
      external: [...native, ...driversNotUsed],
      plugins: [driversApart],
      // Packages in the older format call `require` for what belongs to Node itself.
      banner: { js: "import{createRequire as nodeRequire}from'node:module';const require=nodeRequire(import.meta.url);" },
    }),
    esbuild.build({
      ...shared,
      stdin: { contents: "module.exports = require('pg')", resolveDir: root, sourcefile: 'pg.cjs' },
      outfile: join(outdir, 'pg.cjs'),
      format: 'cjs',
      external: driversNotUsed,
    }),
  ])
}

/**
 * The packages inside the bundle.
 * @param {Awaited<ReturnType<typeof bundle>>} results
 */
export function bundledPackages(results) {
  return packagesIn(Object.assign({}, ...results.map((result) => result.metafile.inputs)))
}

/** One value for everything a build is made of; the same value means that dist/ is up to date. */
function fingerprint() {
  const hash = createHash('sha256')
  const files = ['src', 'migrations'].flatMap((folder) =>
    existsSync(join(root, folder))
      ? readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => join(entry.parentPath, entry.name))
      : [],
  )
  for (const file of [...files.sort(), ...['build.js', 'third-party.js', 'package.json', 'package-lock.json'].map((name) => join(root, name))]) {
    hash.update(`${relative(root, file)}\0`).update(readFileSync(file))
  }
  return hash.digest('hex')
}

/**
 * Puts each file in place by a rename, the entry points last, and leaves replaced chunks for a while: a command that
 * is running at this moment still finds the parts that it has yet to load.
 * @param {esbuild.OutputFile[]} files
 */
function install(files) {
  mkdirSync(outdir, { recursive: true })
  const isEntry = (/** @type {esbuild.OutputFile} */ file) => /^(main|library)\.js$/.test(basename(file.path))
  for (const file of [...files.filter((file) => !isEntry(file)), ...files.filter(isEntry)]) {
    const draft = `${file.path}.${String(process.pid)}`
    writeFileSync(draft, file.contents)
    renameSync(draft, file.path)
  }
  const current = new Set(files.map((file) => basename(file.path)))
  for (const name of readdirSync(outdir)) {
    const path = join(outdir, name)
    if (!current.has(name) && Date.now() - statSync(path).mtimeMs > replacedChunksKeptMs) rmSync(path, { recursive: true })
  }
}

/** Brings dist/ up to date; does nothing when it is. Returns whether anything was built. */
export async function buildIfStale() {
  const now = fingerprint()
  if (existsSync(stamp) && existsSync(join(outdir, 'main.js')) && readFileSync(stamp, 'utf8') === now) return false
  const results = await bundle()
  install(results.flatMap((result) => result.outputFiles))
  writeFileSync(join(outdir, 'LICENCES.txt'), licenceTexts(bundledPackages(results)))
  writeFileSync(stamp, now)
  return true
}

/** Where the list of bundled packages is kept, for people to read. */
export const thirdPartyPath = join(root, 'docs', 'THIRD-PARTY.md')

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv[2] === '--third-party') {
    writeFileSync(thirdPartyPath, thirdPartyList(bundledPackages(await bundle())))
  } else {
    const startedAtMs = performance.now()
    const built = await buildIfStale()
    process.stderr.write(built ? `Built dist/ in ${(performance.now() - startedAtMs).toFixed(0)} ms.\n` : 'dist/ is up to date.\n')
  }
}
