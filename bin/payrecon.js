#!/usr/bin/env node
// CommonJS in plain syntax, so that an old Node can read it too and say what it needs.
'use strict';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const main = '../dist/main.js';

/** @param {string} sentence */
function refuse(sentence) {
  process.stderr.write(`${sentence}\n`);
  process.exitCode = 2;
}

/** Node 22.1 and newer can keep it: in a folder of the user's own, as anybody may write to the standard one. */
function keepCompiledCode() {
  const { enableCompileCache } = /** @type {{ enableCompileCache?: (folder: string) => void }} */ (
    require('node:module')
  );
  const { XDG_CACHE_HOME, HOME, LOCALAPPDATA } = process.env;
  const [folder] = [XDG_CACHE_HOME, HOME && `${HOME}/.cache`, LOCALAPPDATA].filter(Boolean);
  if (enableCompileCache && folder) enableCompileCache(`${folder}/payrecon`);
}

if (major < 20 || (major === 20 && minor < 19)) {
  refuse(`payrecon needs Node 20.19 or newer; this is Node ${process.versions.node}.`);
} else if (!require('node:fs').existsSync(`${__dirname}/${main}`)) {
  refuse('payrecon is not built yet: run `npm ci` (or `npm run build`) in its folder.');
} else {
  keepCompiledCode();
  void import(main);
}
