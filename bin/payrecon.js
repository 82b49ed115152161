#!/usr/bin/env node
// The launcher. Written so that any Node that knows ES modules can read it and say what it needs.
import { existsSync } from 'node:fs'
import * as nodeModule from 'node:module'

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
const main = new URL('../dist/main.js', import.meta.url)

if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`payrecon needs Node 20.19 or newer; this is Node ${process.versions.node}.\n`)
  process.exitCode = 2
} else if (!existsSync(main)) {
  process.stderr.write('payrecon is not built yet: run `npm ci` (or `npm run build`) in its folder.\n')
  process.exitCode = 2
} else {
  // Keeps compiled code between runs where Node can (22.1 and newer): each start is then shorter.
  const { enableCompileCache } = /** @type {{ enableCompileCache?: () => unknown }} */ (nodeModule)
  enableCompileCache?.()
  await import(main.href)
}
