// What of the packages is bundled in another form than they bring it, so that a command starts sooner (see build.js and
// bench/cold-start.ts).
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

const nativeTarget = `
  const { familySync, MUSL } = require('detect-libc')
  exports.load = () => { throw new Error('not in a bundle') }
  exports.currentTarget = () =>
    process.platform === 'linux' && ['x64', 'arm64'].includes(process.arch)
      ? 'linux-' + process.arch + (familySync() === MUSL ? '-musl' : '-gnu')
      : require('@neon-rs/load').currentTarget()
`;

/** Beside payrecon with npm; with package managers that keep packages apart, only libsql itself can reach it. */
const nativeBinary = `
  try {
    return require('@libsql/' + target)
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') throw error
    const { createRequire } = require('node:module')
    return createRequire(createRequire(__filename).resolve('libsql'))('@libsql/' + target)
  }`;

const lateSegmenter = `
  export class LateSegmenter {
    constructor(...args) { this.args = args }
    segment(input) {
      const { granularity = 'grapheme' } = this.args[1] ?? {}
      if (granularity === 'grapheme' && /^[ -~]*$/.test(input)) return Array.from(input, (segment, index) => ({ segment, index, input }))
      this.real ??= new globalThis.Intl.Segmenter(...this.args)
      return this.real.segment(input)
    }
  }
`;

/** Classes that knex needs to change a schema, which is half of its code and done by no command but `migrate`. */
const schemaClass = /\/(schema|migrations)\//;
const loadsSchemaClasses =
  /\/knex\/lib\/(client|knex-builder\/(Knex|make-knex)|dialects\/(sqlite3|postgres)\/index)\.js$/;

/** @param {string} path a module that exports a class, or one under its file's name @returns {string} the same, loaded when an instance is made */
function lateClass(path) {
  const name = basename(path, '.js');
  const load = `require(${JSON.stringify(path)})`;
  const late = (/** @type {string} */ real) =>
    `new Proxy(function () {}, { construct: (_, args) => Reflect.construct(${real}, args), get: (_, key) => ${real}[key] })`;
  return `module.exports = ${name === 'Migrator' ? `{ Migrator: ${late(`${load}.Migrator`)} }` : late(load)}`;
}

const loadedLate =
  /^(node:)?(assert|crypto|child_process|tty|net|tls|http|https|http2|zlib|dns|readline|inspector|worker_threads)$/;

/** Of these, nothing but functions is imported by name. */
const functionsOnly = new Set(['crypto', 'child_process']);

/** @type {import('esbuild').Plugin} */
export const startLighter = {
  name: 'start-lighter',
  setup(build) {
    // knex's dialects for the drivers above: 400 kB that would be read at each start.
    build.onResolve(
      {
        filter: /^\.\/(cockroachdb|mssql|mysql|mysql2|mariadb|oracle|oracledb|pgnative|redshift)$/,
      },
      (args) =>
        args.importer.endsWith(join('knex', 'lib', 'dialects', 'index.js'))
          ? { path: args.path, namespace: 'not-used' }
          : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: 'not-used' }, (args) => ({
      contents: `throw new Error('payrecon is built without ${args.path}')`,
    }));
    build.onResolve({ filter: schemaClass }, (args) => {
      if (args.namespace !== 'file' || !loadsSchemaClasses.test(args.importer)) return undefined;
      const real = createRequire(args.importer).resolve(args.path);
      return { path: basename(real), namespace: 'late-class', pluginData: real };
    });
    build.onLoad({ filter: /.*/, namespace: 'late-class' }, ({ pluginData }) => ({
      contents: lateClass(String(pluginData)),
      resolveDir: root,
    }));
    // Importing `node:process` makes Node open all three standard streams; the global is the same object.
    build.onResolve({ filter: /^(node:)?process$/ }, () => ({
      path: 'process',
      namespace: 'at-hand',
    }));
    build.onLoad({ filter: /^process$/, namespace: 'at-hand' }, () => ({
      contents: 'module.exports = process',
    }));
    // Whether there are colours is decided by the command itself (src/cli/streams.ts); asking the terminal opens it.
    build.onResolve({ filter: /^(#?supports-color|tty)$/ }, (args) =>
      /node_modules\/(debug|colorette|chalk)\//.test(args.importer)
        ? { path: 'colourless', namespace: 'at-hand' }
        : undefined,
    );
    build.onLoad({ filter: /^colourless$/, namespace: 'at-hand' }, () => ({
      contents: 'module.exports = { isatty: () => false, stdout: false, stderr: false }',
    }));
    // Parts of Node that take milliseconds to load are loaded when something of them is used, not when it is named.
    build.onResolve({ filter: loadedLate }, (args) => {
      if (args.namespace.startsWith('late')) return undefined;
      const path = args.path.replace(/^node:/, '');
      return {
        path,
        namespace:
          args.kind === 'import-statement' && functionsOnly.has(path) ? 'late-functions' : 'late',
      };
    });
    // Where single functions are imported, only these are made: otherwise each importer would copy all names of the part.
    build.onLoad({ filter: /.*/, namespace: 'late-functions' }, ({ path }) => ({
      contents: Object.entries(/** @type {object} */ (process.getBuiltinModule(path)))
        .filter(([, value]) => typeof value === 'function')
        .map(
          ([name]) =>
            `export const ${name} = (...args) => require('node:${path}').${name}(...args)`,
        )
        .join('\n'),
    }));
    build.onLoad({ filter: /.*/, namespace: 'late' }, ({ path }) => ({
      contents: `module.exports = (...args) => require('node:${path}')(...args)
        for (const name of ${JSON.stringify(Object.keys(/** @type {object} */ (process.getBuiltinModule(path))))})
        Object.defineProperty(module.exports, name, { enumerable: true, get: () => require('node:${path}')[name] })`,
    }));
    // Making an Intl.Segmenter takes 10 ms, and two packages make one when they are loaded. Most text is plain ASCII, in
    // which each letter is a grapheme.
    build.onResolve({ filter: /^late-segmenter$/ }, (args) => ({
      path: args.path,
      namespace: 'at-hand',
    }));
    build.onLoad({ filter: /^late-segmenter$/, namespace: 'at-hand' }, () => ({
      contents: lateSegmenter,
    }));
    // libsql asks Node for a diagnostic report, 5 ms, only to learn which C library there is; reading ldd tells that too.
    build.onResolve({ filter: /^@neon-rs\/load$/ }, (args) =>
      args.namespace === 'at-hand' ? undefined : { path: 'neon', namespace: 'at-hand' },
    );
    build.onLoad({ filter: /^neon$/, namespace: 'at-hand' }, () => ({
      contents: nativeTarget,
      resolveDir: join(root, 'node_modules', 'libsql'),
    }));
    build.onLoad({ filter: /node_modules\/libsql\/index\.js$/ }, (args) => {
      const text = readFileSync(args.path, 'utf8');
      const contents = text.replace('return require(`@libsql/${target}`)', nativeBinary);
      if (contents === text)
        throw new Error('libsql loads its binary in another way than build.js expects');
      return { contents };
    });
  },
};
