// How long a command takes to start, as a multiple of a Node program that does nothing: an empty ES module, which is what
// payrecon is written as, and for comparison an empty CommonJS file, which Node starts about 3 ms sooner.
// Each run of a command is paired with runs of the empty programs just beside it, in alternating order, so that a busy
// moment of the machine touches all; the figures are medians of the ratios. Exits with 1 when a limit is exceeded.
//
//   npm run bench:cold-start [-- PAIRS]
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildIfStale } from '../build.js'
import { cleanEnvironment } from '../test/support/environment.ts'

interface Command {
  readonly args: readonly string[]
  /** Largest acceptable ratio on Node 20. */
  readonly limit: number
}

const commands: readonly Command[] = [
  { args: ['--help'], limit: 1.3 },
  { args: ['--version'], limit: 1.3 },
  { args: ['list'], limit: 2.5 },
]

const pairs = Number(process.argv[2] ?? 41)
const binary = fileURLToPath(new URL('../bin/payrecon.js', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'payrecon-bench-'))
const environment = cleanEnvironment(folder)

function runMs(args: readonly string[]): number {
  const startedAtMs = performance.now()
  const { status, stderr } = spawnSync(process.execPath, args, { env: environment, cwd: folder, encoding: 'utf8' })
  const tookMs = performance.now() - startedAtMs
  if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status ?? 'a signal'}: ${stderr}`)
  return tookMs
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

interface Measured {
  readonly commandMs: number
  readonly moduleMs: number
  readonly scriptMs: number
}

interface EmptyPrograms {
  readonly module: string
  readonly script: string
}

function measurePair(args: readonly string[], empty: EmptyPrograms, pair: number): Measured {
  const runs: Record<keyof Measured, () => number> = {
    moduleMs: () => runMs([empty.module]),
    commandMs: () => runMs([binary, ...args]),
    scriptMs: () => runMs([empty.script]),
  }
  const order = Object.keys(runs) as (keyof Measured)[]
  if (pair % 2 === 1) order.reverse()
  const measured = { commandMs: 0, moduleMs: 0, scriptMs: 0 }
  for (const name of order) measured[name] = runs[name]()
  return measured
}

/** One row of the table; says whether the limit was kept. */
function report({ args, limit }: Command, empty: EmptyPrograms): boolean {
  // Once to create and migrate the database and to fill the caches of the system.
  runMs([binary, ...args])
  const measured = Array.from({ length: pairs }, (_, pair) => measurePair(args, empty, pair))
  const ratio = median(measured.map(({ commandMs, moduleMs }) => commandMs / moduleMs))
  const kept = ratio <= limit
  const cells = [
    `\`payrecon ${args.join(' ')}\``,
    median(measured.map(({ moduleMs }) => moduleMs)).toFixed(1),
    median(measured.map(({ commandMs }) => commandMs)).toFixed(1),
    `${ratio.toFixed(2)} x`,
    `${limit} x`,
    kept ? 'kept' : 'EXCEEDED',
    `${median(measured.map(({ commandMs, scriptMs }) => commandMs / scriptMs)).toFixed(2)} x`,
  ]
  console.log(`| ${cells.join(' | ')} |`)
  return kept
}

try {
  await buildIfStale()
  const empty = { module: join(folder, 'empty.mjs'), script: join(folder, 'empty.cjs') }
  for (const file of Object.values(empty)) writeFileSync(file, '')
  console.log(`Node ${process.versions.node}, ${pairs} pairs a command, medians\n`)
  console.log('| command | empty module, ms | command, ms | ratio | limit | | to CommonJS |')
  console.log('| --- | ---: | ---: | ---: | ---: | --- | ---: |')
  const kept = commands.map((command) => report(command, empty))
  if (kept.includes(false)) process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
