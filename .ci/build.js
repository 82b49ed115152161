// Bundles the command and the library into dist/. Run by `npm ci` (prepare), and by the tests when dist/ is out of date.
//
// How the result is cut decides how fast the command starts (see bench/cold-start.ts). Loading an ES module costs Node
// about 1 ms a file and reading the loader's own code 3 ms more; so the command is one CommonJS file, in which a part
// that is imported dynamically is evaluated only when it is asked for. What is large and seldom needed (see `apart`) is a
// file of its own. bin/start.js loads these files with compiled code that is kept beside them.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as esbuild from 'esbuild';
import { startLighter } from './start-lighter.js';
import { licenceTexts, packagesIn, thirdPartyList } from './licences.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const outdir = join(root, 'dist');
const target = 'node20.19';
/** Short to read at each start; a stack trace still names the functions of the source. */
const small = { minifyWhitespace: true, minifySyntax: true };
const stamp = join(outdir, '.built-from');

/** Where the list of bundled packages is kept, for people to read. */
export const thirdPartyPath = join(root, 'docs', 'THIRD-PARTY.md');

/** The one part that stays outside: SQLite's native binary, in the package for the platform at hand. */
const native = ['@libsql/*'];

/** Database drivers that knex can use and payrecon does not; knex asks for them only when told to. */
const driversNotUsed = [
  'better-sqlite3',
  'sqlite3',
  'mysql',
  'mysql2',
  'mariadb/callback',
  'oracledb',
  'tedious',
  'pg-native',
];

/** Files of their own, loaded at the first use: the packages that match, or a folder of our own. */
const apart = [
  { file: 'knex.cjs', packages: /^knex(\/|$)/ },
  { file: 'pg.cjs', packages: /^pg(\/|$)/ },
  { file: 'libsql.cjs', packages: /^libsql$/ },
  { file: 'stripe.cjs', packages: /^stripe(\/|$)/ },
  { file: 'sendgrid.cjs', packages: /^@sendgrid\// },
  { file: 'inquirer.cjs', packages: /^@inquirer\// },
  { file: 'cron.cjs', packages: /^node-cron(\/|$)/ },
  { file: 'csv.cjs', packages: /^csv-parse(\/|$)/ },
  { file: 'fastify.cjs', packages: /^fastify(\/|$)/ },
  { file: 'sandbox.cjs', folder: join(root, 'src', 'sandbox') },
];

/** @param {string} path a package or a file of ours @returns {string} its name inside the file that lies apart */
function nameOf(path) {
  return path.startsWith(root) ? relative(root, path) : path;
}

/** @param {string} path @returns {Promise<string[]>} the names that an ES module of ours, or one of a package, exports; none of CommonJS */
async function namesExportedBy(path) {
  if (!path.startsWith(root))
    return path.startsWith('@inquirer/')
      ? Object.keys(await import(path)).filter((name) => name !== 'default')
      : [];
  const { metafile } = await esbuild.build({
    entryPoints: [path],
    outdir,
    format: 'esm',
    write: false,
    metafile: true,
    logLevel: 'silent',
  });
  return Object.values(metafile.outputs).flatMap((output) => output.exports);
}

/** @typedef {Map<string, Set<string>>} Wanted what is imported from each file that lies apart */

/**
 * Turns an import of what lies apart into a `require` of its file, and notes it in `wanted`.
 * @param {Wanted} wanted @param {string | undefined} self the file that is being made, which takes its own parts in
 * @returns {esbuild.Plugin}
 */
function loadApart(wanted, self) {
  return {
    name: 'load-apart',
    setup(build) {
      build.onResolve({ filter: /.*/ }, (args) => {
        if (args.kind === 'entry-point' || args.namespace === 'apart') return undefined;
        const path = args.path.startsWith('.') ? join(args.resolveDir, args.path) : args.path;
        const place = apart.find(
          ({ packages, folder }) =>
            packages?.test(path) === true || (folder !== undefined && path.startsWith(folder)),
        );
        if (
          place === undefined ||
          place.file === self ||
          (place.folder !== undefined && args.kind !== 'dynamic-import')
        )
          return undefined;
        wanted.set(place.file, (wanted.get(place.file) ?? new Set()).add(path));
        return { path, namespace: 'apart', pluginData: place.file };
      });
      build.onResolve({ filter: /.*/, namespace: 'apart' }, (args) => ({
        path: args.path,
        external: true,
      }));
      build.onLoad({ filter: /.*/, namespace: 'apart' }, async (args) => {
        const part = `require('./${String(args.pluginData)}')[${JSON.stringify(nameOf(args.path))}]`;
        const names = await namesExportedBy(args.path);
        // A dynamic import of a CommonJS module has a default only; an ES module says its names.
        return {
          contents:
            names.length === 0
              ? `module.exports = ${part}`
              : `const part = ${part}\n${names.map((name) => `export const ${name} = part.${name}`).join('\n')}`,
        };
      });
    },
  };
}

/** @param {Wanted} wanted @param {string} [self] */
function options(wanted, self) {
  return /** @satisfies {esbuild.BuildOptions} */ ({
    absWorkingDir: root,
    bundle: true,
    write: false,
    metafile: true,
    platform: /** @type {const} */ ('node'),
    target,
    external: [...native, ...driversNotUsed],
    define: { 'Intl.Segmenter': 'LateSegmenter' },
    inject: ['late-segmenter'],
    plugins: [startLighter, loadApart(wanted, self)],
    logLevel: /** @type {const} */ ('warning'),
    // The command is not an ES module any more when it runs.
    logOverride: { 'empty-import-meta': /** @type {const} */ ('error') },
    supported: { 'dynamic-import': false },
    legalComments: /** @type {const} */ ('none'),
    ...small,
  });
}

/** @typedef {esbuild.BuildResult<{ write: false, metafile: true }>} Built */

/** @param {string} file @param {Iterable<string>} parts @param {Wanted} wanted @returns {Promise<Built>} */
async function bundleApart(file, parts, wanted) {
  const getters = [...parts].sort().map((part) => {
    const path = JSON.stringify(part);
    return `get ${JSON.stringify(nameOf(part))}() { return require(${path}) },`;
  });
  return esbuild.build({
    ...options(wanted, file),
    stdin: {
      contents: `module.exports = {\n${getters.join('\n')}\n}`,
      resolveDir: root,
      sourcefile: file,
    },
    outfile: join(outdir, file),
    format: 'cjs',
    // A few packages offer an ES module only.
    conditions: file === 'inquirer.cjs' ? ['import'] : [],
  });
}

/**
 * The command as two files: what every start needs, and the rest of our own code. esbuild finds out what is shared and
 * what is imported dynamically, as it does for ES modules; its chunks are then packed, since a hundred small files are
 * slow to load.
 * @param {Wanted} wanted @returns {Promise<Built>}
 */
async function bundleCommand(wanted) {
  const result = await esbuild.build({
    ...options(wanted),
    entryPoints: ['src/main.ts'],
    outdir,
    format: 'esm',
    splitting: true,
    supported: {},
  });
  const outputs = new Map(
    Object.entries(result.metafile.outputs).map(([path, output]) => [basename(path), output]),
  );
  const first = new Set(['main.js']);
  for (const chunk of first) {
    for (const { path, kind } of outputs.get(chunk)?.imports ?? []) {
      if (kind === 'import-statement' && outputs.has(basename(path))) first.add(basename(path));
    }
  }
  const packed = await Promise.all(
    result.outputFiles.map(async ({ path, text }) => {
      const { code } = await esbuild.transform(text, {
        format: 'cjs',
        platform: 'node',
        target,
        supported: { 'dynamic-import': false },
        ...small,
      });
      return {
        name: basename(path),
        code: `${JSON.stringify(`./${basename(path)}`)}(exports, require, module) {\n${code}}`,
      };
    }),
  );
  const pack = (/** @type {boolean} */ inFirst) =>
    packed
      .filter(({ name }) => first.has(name) === inFirst)
      .map(({ code }) => code)
      .join(',\n');
  const main = `const first = {\n${pack(true)}\n};\nlet rest;\nconst modules = {};
function load(id) {
  if (modules[id] !== undefined) return modules[id].exports;
  const part = first[id] ?? (id.endsWith('.js') ? (rest ??= require('./rest.cjs'))[id] : undefined);
  if (part === undefined) return require(id);
  const module = (modules[id] = { exports: {} });
  part(module.exports, load, module);
  return module.exports;
}
load('./main.js');\n`;
  return {
    ...result,
    outputFiles: [
      asFile('main.cjs', main),
      asFile('rest.cjs', `module.exports = {\n${pack(false)}\n};\n`),
    ],
  };
}

/** @param {string} name @param {string} text @returns {esbuild.OutputFile} */
function asFile(name, text) {
  return { path: join(outdir, name), text, contents: Buffer.from(text), hash: '' };
}

/**
 * Everything that dist/ holds, in memory.
 * @returns {Promise<Built[]>}
 */
export async function bundle() {
  /** @type {Wanted} */
  const wanted = new Map();
  const results = await Promise.all([
    bundleCommand(wanted),
    esbuild.build({
      ...options(wanted),
      entryPoints: ['src/library.ts'],
      outfile: join(outdir, 'library.js'),
      format: 'esm',
      banner: {
        js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);",
      },
    }),
  ]);
  // A file that lies apart may want parts of another one, also of one that is made already.
  /** @type {Map<string, { parts: number, result: Built }>} */
  const made = new Map();
  const lacking = () => [...wanted].find(([file, parts]) => made.get(file)?.parts !== parts.size);
  for (let next = lacking(); next !== undefined; next = lacking()) {
    const [file, parts] = next;
    made.set(file, { parts: parts.size, result: await bundleApart(file, parts, wanted) });
  }
  return [...results, ...[...made.values()].map(({ result }) => result)];
}

/**
 * The packages inside the bundle.
 * @param {Built[]} results
 */
export function bundledPackages(results) {
  return packagesIn(Object.assign({}, ...results.map((result) => result.metafile.inputs)));
}

/** One value for everything a build is made of; the same value means that dist/ is up to date. */
function fingerprint() {
  const hash = createHash('sha256').update(process.version + process.arch);
  const files = ['src', 'migrations'].flatMap((folder) =>
    existsSync(join(root, folder))
      ? readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => join(entry.parentPath, entry.name))
      : [],
  );
  const others = [
    '.ci/build.js',
    '.ci/start-lighter.js',
    '.ci/licences.js',
    'bin/start.js',
    'package.json',
    'package-lock.json',
  ].map((name) => join(root, name));
  for (const file of [...files.sort(), ...others])
    hash.update(`${relative(root, file)}\0`).update(readFileSync(file));
  return hash.digest('hex');
}

/**
 * A module that is, as a script, the function of its content: so bin/start.js need not put one around it, which copies half
 * a megabyte at each start. The brackets around the function let V8 read it once instead of twice.
 * @param {string} text
 */
function callable(text) {
  return `(f=>typeof module==='object'?f(exports,require,module,__filename,__dirname):f)((function(exports,require,module,__filename,__dirname){${text}\n}))`;
}

/**
 * Puts each file in place by a rename, so that a command that starts at this moment reads a whole one. Each begins with
 * the hash of what follows, by which kept compiled code is known to belong to it.
 * @param {esbuild.OutputFile[]} files
 */
function install(files) {
  mkdirSync(outdir, { recursive: true });
  for (const { path, text: bundled } of files) {
    const text = path.endsWith('.cjs') ? callable(bundled) : bundled;
    // bin/start.js reads one byte as one letter. esbuild escapes the others in strings, and leaves regular expressions as they are.
    if (path.endsWith('.cjs') && Buffer.byteLength(text) !== text.length)
      throw new Error(
        `${path} has letters beyond ASCII: write them as \\u.... where they are in a regular expression`,
      );
    const draft = `${path}.${String(process.pid)}`;
    writeFileSync(draft, `/*${createHash('sha256').update(text).digest('hex')}*/${text}`);
    renameSync(draft, path);
  }
}

/** Nobody listens there; by then all that a charge needs for its first call is loaded, and nothing is recorded. */
const noStripe = { STRIPE_SECRET_KEY: 'sk_test_build', STRIPE_API_BASE: 'http://127.0.0.1:9' };
const outOfReachExitCode = 69;

/** Runs the command a few times, on an empty database, and keeps the code that Node compiled for it beside dist/. */
function keepCompiledCode() {
  const home = mkdtempSync(join(tmpdir(), 'payrecon-build-'));
  const { PATH = '' } = process.env;
  const env = {
    PATH,
    HOME: home,
    XDG_DATA_HOME: home,
    XDG_CONFIG_HOME: home,
    XDG_STATE_HOME: home,
    DATABASE_URL: `sqlite:${join(home, 'build.db')}`,
  };
  const run = (
    /** @type {string} */ script,
    /** @type {string[]} */ args,
    /** @type {Record<string, string>} */ more = {},
    expected = 0,
  ) => {
    const { status, stderr } = spawnSync(process.execPath, [join(root, 'bin', script), ...args], {
      env: { ...env, ...more },
      encoding: 'utf8',
      cwd: home,
    });
    if (status !== expected)
      process.stderr.write(
        `The first run of "payrecon ${args.join(' ')}" failed; it will start more slowly.\n${stderr}`,
      );
  };
  try {
    // The first run creates the database; what only that needs is better not kept, as all that is kept is read each time.
    run('payrecon.js', ['migrate']);
    run('keep-compiled.js', ['list']);
    run('keep-compiled.js', ['--help']);
    const charge = [
      'charge',
      '--key',
      'build',
      '--amount',
      '1.00',
      '--currency',
      'usd',
      '--payment-method',
      'pm_card_visa',
    ];
    run(
      'keep-compiled.js',
      charge,
      { ...noStripe, KEEP_COMPILED_OF: 'stripe.cjs' },
      outOfReachExitCode,
    );
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** Brings dist/ up to date; does nothing when it is. Returns whether anything was built. */
export async function buildIfStale() {
  const now = fingerprint();
  if (
    existsSync(stamp) &&
    existsSync(join(outdir, 'main.cjs')) &&
    readFileSync(stamp, 'utf8') === now
  )
    return false;
  const results = await bundle();
  const files = results.flatMap((result) => result.outputFiles);
  install(files);
  writeFileSync(join(outdir, 'LICENCES.txt'), licenceTexts(bundledPackages(results)));
  keepCompiledCode();
  const current = new Set([...files.map(({ path }) => basename(path)), 'LICENCES.txt', 'types']);
  for (const name of readdirSync(outdir))
    if (!current.has(name.replace(/\.compiled$/, '')))
      rmSync(join(outdir, name), { recursive: true });
  writeFileSync(stamp, now);
  return true;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv[2] === '--third-party') {
    writeFileSync(thirdPartyPath, thirdPartyList(bundledPackages(await bundle())));
  } else {
    const startedAtMs = performance.now();
    const built = await buildIfStale();
    process.stderr.write(
      built
        ? `Built dist/ in ${(performance.now() - startedAtMs).toFixed(0)} ms.\n`
        : 'dist/ is up to date.\n',
    );
  }
}
