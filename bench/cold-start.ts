// How long a command takes to start, as a multiple of a Node program that does nothing.
// Each run of a command is paired with a run of the empty program just beside it, in alternating order, so that a busy
// moment of the machine touches both; the figure is the median of the ratios. Exits with 1 when a limit is exceeded.
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
  readonly name: string
  readonly emptyMs: number
  readonly commandMs: number
  readonly ratio: number
  readonly limit: number
}

function measure({ args, limit }: Command, empty: string): Measured {
  const run = { empty: () => runMs([empty]), command: () => runMs([binary, ...args]) }
  // Once to create and migrate the database and to fill the caches of the system.
  run.empty()
  run.command()
  const measured = Array.from({ length: pairs }, (_, pair) => {
    if (pair % 2 === 0) {
      const emptyMs = run.empty()
      return { emptyMs, commandMs: run.command() }
    }
    const commandMs = run.command()
    return { emptyMs: run.empty(), commandMs }
  })
  return {
    name: `payrecon ${args.join(' ')}`,
    emptyMs: median(measured.map(({ emptyMs }) => emptyMs)),
    commandMs: median(measured.map(({ commandMs }) => commandMs)),
    ratio: median(measured.map(({ emptyMs, commandMs }) => commandMs / emptyMs)),
    limit,
  }
}

try {
  await buildIfStale()
  const empty = join(folder, 'empty.mjs')
  writeFileSync(empty, '')
  console.log(`Node ${process.versions.node}, ${pairs} pairs a command, medians\n`)
  console.log('| command | empty Node, ms | command, ms | ratio | limit | |\n| --- | ---: | ---: | ---: | ---: | --- |')
  for (const command of commands) {
    const { name, emptyMs, commandMs, ratio, limit } = measure(command, empty)
    const kept = ratio <= limit
    if (!kept) process.exitCode = 1
    const figures = [emptyMs.toFixed(1), commandMs.toFixed(1), `${ratio.toFixed(2)} x`, `${limit} x`]
    console.log(`| ${[`\`${name}\``, ...figures, kept ? 'kept' : 'EXCEEDED'].join(' | ')} |`)
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
