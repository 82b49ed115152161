#!/usr/bin/env node
// The launcher. CommonJS in the plainest syntax, so that any Node can read it and say what it needs; and because Node
// starts such a program 3 ms sooner than an ES module.
'use strict';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(
    `payrecon needs Node 20.19 or newer; this is Node ${process.versions.node}.\n`,
  );
  process.exitCode = 2;
} else {
  require('./start.js').start();
}
