// Runs PostgreSQL for as long as this process's standard input is open, and leaves nothing behind.
//
// A process of its own, because the test run may end in any way, SIGKILL included: the pipe then closes, the servers
// are stopped and their folder is removed. Prints one line of JSON, {"host","port","startedInMs"}, once the first
// server, called `first`, takes connections. After that each line of standard input is a command (ServerCommand in
// postgres-server.ts) and is answered by one line, {"port"} or {"error"}. Plain JavaScript, because Node 20 starts it
// directly.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { nativeFolder } from './postgres-binaries.js';

/**
 * @typedef {import('node:child_process').ChildProcessByStdio<null, null, import('node:stream').Readable>} Server
 * @typedef {import('./postgres-server.ts').ServerCommand} Command
 */

const startedAtMs = performance.now();
const options = /** @type {import('./postgres-server.ts').PostgresServerOptions} */ (
  JSON.parse(process.argv[2] ?? '{}')
);
const folder = mkdtempSync(join(tmpdir(), 'payrecon-postgres-'));
const first = 'first';

/** PostgreSQL refuses to run as root; there it runs as `nobody`, who is on every system. */
const nobody = 65534;
const asRoot = process.getuid?.() === 0;
const identity = asRoot ? { uid: nobody, gid: nobody } : {};
if (asRoot) chownSync(folder, nobody, nobody);
const native = nativeFolder(folder, identity);

/** @type {Map<string, Server>} */
const running = new Map();

/** @param {string} node */
function dataFolder(node) {
  return join(folder, node);
}

/** @returns {Promise<number>} a port that is free at this moment */
async function freePort() {
  const server = createServer();
  await new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () => {
      resolve(undefined);
    }),
  );
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('the system named no port');
  return address.port;
}

/** @param {string} node @param {number} port @param {Record<string, string>} more */
function startServer(node, port, more) {
  const settings = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    max_connections: '500',
    timezone: 'UTC',
    log_timezone: 'UTC',
    // Nothing here survives the run, so nothing has to reach the disk, unless a test is about just that.
    ...(options.durable === true
      ? {}
      : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
    ...options.settings,
    ...more,
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return spawn(join(native, 'bin', 'postgres'), ['-D', dataFolder(node), ...flags], {
    ...identity,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}

/** @param {Server} server */
async function ready(server) {
  return new Promise((resolve, reject) => {
    let log = '';
    server.stderr.setEncoding('utf8').on('data', (/** @type {string} */ chunk) => {
      log = (log + chunk).slice(-20_000);
      if (/ready to accept (read-only )?connections/.test(log)) resolve(undefined);
    });
    server.once('exit', () => {
      reject(new Error(`PostgreSQL did not start:\n${log}`));
    });
  });
}

/** @param {string} node @param {Record<string, string>} settings @returns {Promise<number>} its port */
async function start(node, settings = {}) {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const server = startServer(node, port, settings);
    try {
      await ready(server);
      running.set(node, server);
      return port;
    } catch (error) {
      // Another program may take the port between the look and the start.
      if (attempt === 3) throw error;
    }
  }
}

function initialize() {
  const flags = [
    '-D',
    dataFolder(first),
    '-U',
    'postgres',
    '--auth=trust',
    '--encoding=UTF8',
    '--locale=C',
    '--no-sync',
    '--no-instructions',
  ];
  // A durable server is one whose data folder may be copied: that should be small.
  const segments = options.durable === true ? ['--wal-segsize=1'] : [];
  const initdb = spawnSync(join(native, 'bin', 'initdb'), [...flags, ...segments], {
    ...identity,
    encoding: 'utf8',
    cwd: folder,
  });
  if (initdb.status !== 0) throw new Error(`initdb failed: ${initdb.stderr}`);
}

/** By the system's own list; the name before the state may hold anything, a closing parenthesis too. @param {string} pid */
function processOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state = '', parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { runs: !'ZX'.includes(state), parent: Number(parent) };
  } catch {
    // It has ended meanwhile.
    return { runs: false, parent: 0 };
  }
}

/** The machine loses power, as far as other machines can tell: no process of it gets anything done any more. @param {Server} server */
async function killWhole(server) {
  server.kill('SIGSTOP');
  const children = readdirSync('/proc').filter(
    (name) => /^\d+$/.test(name) && processOf(name).parent === server.pid,
  );
  server.kill('SIGKILL');
  for (const child of children) {
    try {
      process.kill(Number(child), 'SIGKILL');
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ESRCH') throw error;
    }
  }
  // As long as one of them holds its memory, the server cannot be started again.
  while (children.some((child) => processOf(child).runs)) await setTimeout(1);
}

/** @param {string} node @param {'immediate' | 'kill'} how */
async function stop(node, how) {
  const server = running.get(node);
  if (server === undefined) return;
  running.delete(node);
  const exited = once(server, 'exit');
  if (how === 'kill') await killWhole(server);
  else server.kill('SIGQUIT');
  await exited;
}

/** Nobody else's: what a server keeps about itself, and its log, of which a follower asks for what it needs. */
const notCopied = new Set(['pg_wal', 'postmaster.pid', 'postmaster.opts']);

/** @param {string} from @param {string} to */
function copy(from, to) {
  rmSync(dataFolder(to), { recursive: true, force: true });
  const log = join(dataFolder(to), 'pg_wal');
  const entries = readdirSync(dataFolder(from)).filter((name) => !notCopied.has(name));
  for (const path of [dataFolder(to), log]) {
    mkdirSync(path, { mode: 0o700 });
    if (asRoot) chownSync(path, nobody, nobody);
  }
  // Files may vanish while a running server is copied, and it is made for that; what is missing for good is seen at the start.
  spawnSync('cp', ['-R', ...entries.map((name) => join(dataFolder(from), name)), dataFolder(to)], {
    ...identity,
    cwd: folder,
  });
}

/** @param {string} node @param {Record<string, string>} files */
function write(node, files) {
  for (const [name, content] of Object.entries(files)) {
    const path = join(dataFolder(node), name);
    writeFileSync(path, content, { mode: 0o600 });
    if (asRoot) chownSync(path, nobody, nobody);
  }
}

/** @param {Command} command @returns {Promise<object>} */
async function carryOut(command) {
  switch (command.do) {
    case 'start':
      return { port: await start(command.node, command.settings) };
    case 'stop':
      await stop(command.node, command.how);
      return {};
    case 'copy':
      copy(command.from, command.to);
      return {};
    case 'write':
      write(command.node, command.files);
      return {};
  }
}

/** @param {object} line */
function say(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

// Ctrl-C reaches the whole process group; the end of the run is told by the closed pipe alone.
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']))
  process.on(signal, () => undefined);

try {
  initialize();
  const port = await start(first);
  say({ host: '127.0.0.1', port, startedInMs: Math.round(performance.now() - startedAtMs) });
  for await (const line of createInterface({ input: process.stdin })) {
    say(
      await carryOut(/** @type {Command} */ (JSON.parse(line))).catch(
        (/** @type {unknown} */ error) => ({ error: String(error) }),
      ),
    );
  }
} finally {
  for (const node of [...running.keys()]) await stop(node, 'immediate');
  rmSync(folder, { recursive: true, force: true });
}
