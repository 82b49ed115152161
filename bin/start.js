// Loads the built files, with the code that V8 compiled for them on an earlier run where that is kept beside them: the
// start is then a third shorter. Kept code is used only by the very Node that wrote it and for the very text it was made
// of (V8 itself compares no more than the length); in every other case the files are loaded like every module, with
// Node's own store of compiled code where Node has one (22.1 and newer).
'use strict';

const { readFileSync, renameSync, writeFileSync } = require('node:fs');
const nodeModule = require('node:module');
const path = require('node:path');
const { Script } = require('node:vm');

const dist = path.join(__dirname, '..', 'dist');
const main = path.join(dist, 'main.cjs');
const hashLength = 64;

/** @typedef {{ file: string, text: string, kept: Buffer | undefined }} Source */
/** What the text is as a script (see build.js). @typedef {(exports: unknown, require: unknown, module: unknown, filename: string, dirname: string) => void} Factory */

/** @param {string} text */
function identity(text) {
  return `${text.slice(2, 2 + hashLength)} ${process.version} ${process.arch}\n`;
}

/** @param {string} file @returns {Source} */
function read(file) {
  // The build writes nothing but ASCII, and reading that is a mere copy.
  const text = readFileSync(file, 'latin1');
  const expected = identity(text);
  /** @type {Buffer | undefined} */
  let kept;
  try {
    kept = readFileSync(`${file}.compiled`);
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ENOENT') throw error;
  }
  const fits = kept?.toString('latin1', 0, expected.length) === expected;
  return { file, text, kept: fits ? kept?.subarray(expected.length) : undefined };
}

/** @param {Source} source */
function compile({ file, text, kept }) {
  return new Script(text, { filename: file, cachedData: kept });
}

/** @type {Map<string, { exports: unknown }>} */
const modules = new Map();
/** @type {Map<Source, Script>} */
const scripts = new Map();
const requireBeside = nodeModule.createRequire(main);

/** What `require` is inside the built files. @param {string} id */
function load(id) {
  if (!id.startsWith('./')) return /** @type {unknown} */ (requireBeside(id));
  return modules.get(id)?.exports ?? evaluate(id, read(path.join(dist, id)));
}
load.resolve = requireBeside.resolve;

/** @param {string} id @param {Source} source @param {Script} [script] */
function evaluate(id, source, script = compile(source)) {
  const module = { exports: {} };
  modules.set(id, module);
  scripts.set(source, script);
  const factory = /** @type {Factory} */ (script.runInThisContext());
  factory(module.exports, load, module, source.file, dist);
  return module.exports;
}

/** Starts the command that is named by `process.argv`. */
exports.start = function start() {
  /** @type {Source} */
  let source;
  try {
    source = read(main);
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ENOENT') throw error;
    process.stderr.write(
      'payrecon is not built yet: run `npm ci` (or `npm run build`) in its folder.\n',
    );
    process.exitCode = 2;
    return;
  }
  const script = source.kept === undefined ? undefined : compile(source);
  if (script?.cachedDataRejected === false) {
    evaluate('./main.cjs', source, script);
  } else {
    const { enableCompileCache } = /** @type {{ enableCompileCache?: () => unknown }} */ (
      nodeModule
    );
    enableCompileCache?.();
    requireBeside(main);
  }
};

/**
 * Starts the command and, when the process ends, keeps the code that was compiled by then.
 * @param {string} [only] for this file alone: what one command compiles in the others would be read by all
 */
exports.startAndKeepCompiled = function startAndKeepCompiled(only) {
  process.on('exit', () => {
    for (const [{ file, text }, script] of scripts) {
      if (only !== undefined && only !== path.basename(file)) continue;
      const draft = `${file}.compiled.${process.pid}`;
      writeFileSync(
        draft,
        Buffer.concat([Buffer.from(identity(text), 'latin1'), script.createCachedData()]),
      );
      renameSync(draft, `${file}.compiled`);
    }
  });
  evaluate('./main.cjs', read(main));
};
