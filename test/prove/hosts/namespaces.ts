import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { onTestFinished } from 'vitest';
import { temporaryFolder } from '../../support/temporary.ts';
import { WAYS, type NetworkHost, type Servers, type Way } from './proxy-links.ts';

/*
 * One namespace in the middle, where PostgreSQL and Stripe seem to be, and one for each host, with two cables to the middle:
 * one leads to PostgreSQL, the other to Stripe. All of them are apart from the machine's own network. What runs on a host
 * speaks to a process beside it, because payrecon sends its key by plain http to its own machine only.
 */

const asRoot = process.getuid?.() === 0;
/** Who is not root is it in a user namespace of his own. */
const UNSHARE = ['unshare', ...(asRoot ? [] : ['--user', '--map-root-user']), '--net'];

export async function namespacesWork(): Promise<boolean> {
  // A cable too: some machines allow namespaces and nothing in them.
  const tried = await execa(
    'timeout',
    [
      '5',
      ...UNSHARE,
      'sh',
      '-c',
      'ip link add name veth0 type veth peer name veth1 && nsenter --version',
    ],
    { reject: false },
  );
  return tried.exitCode === 0;
}

interface Namespace {
  /** What a command in it begins with. */
  readonly enter: readonly string[];
  readonly pid: number;
}

type Crossing = {
  readonly port: number;
  readonly to: { readonly path: string } | { readonly host: string; readonly port: number };
};

/** Kept by the process that passes connections on, which ends with its standard input: when the tests are killed, too. */
async function openNamespace(
  inside: readonly string[],
  crossings: readonly Crossing[],
): Promise<Namespace> {
  const script = fileURLToPath(new URL('crossing.js', import.meta.url));
  const [command, ...args] = [...inside, process.execPath, script, JSON.stringify(crossings)];
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  onTestFinished(async () => {
    child.stdin.end();
    await ended;
  });
  await Promise.race([
    once(child.stdout, 'data'),
    ended.then(() => Promise.reject(new Error('no network namespace was opened'))),
  ]);
  const pid = child.pid ?? 0;
  return {
    pid,
    enter: [
      'nsenter',
      ...(asRoot ? [] : [`--user=/proc/${pid}/ns/user`, '--preserve-credentials']),
      `--net=/proc/${pid}/ns/net`,
    ],
  };
}

async function ip({ enter }: Namespace, lines: readonly string[]): Promise<void> {
  const [command, ...args] = [...enter, 'ip', '-batch', '-'];
  await execa(command, args, { input: `${lines.join('\n')}\n` });
}

/** Reserved for tests of networks (RFC 2544). */
const NETS: Readonly<Record<Way, string>> = { database: '198.18', stripe: '198.19' };
const PORTS: Readonly<Record<Way, number>> = { database: 5432, stripe: 8080 };

export async function openNamespaces(
  hosts: number,
  servers: Servers,
): Promise<readonly NetworkHost[]> {
  const folder = await temporaryFolder();
  const crossings = await Promise.all(
    WAYS.map(async (way) => ({
      port: PORTS[way],
      to: { path: await socketTo(servers[way], join(folder, way)) },
    })),
  );
  const middle = await openNamespace(UNSHARE, crossings);
  return await Promise.all(
    Array.from({ length: hosts }, (_, index) => openHost(middle, index + 1)),
  );
}

async function socketTo(server: URL, path: string): Promise<string> {
  const crossing = createServer((client) => {
    const upstream = connect(Number(server.port), server.hostname);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
      from.pipe(to);
    }
  });
  await new Promise<void>((resolve) => crossing.listen(path, resolve));
  onTestFinished(() => void crossing.close());
  return path;
}

async function openHost(middle: Namespace, number: number): Promise<NetworkHost> {
  const cable = (way: Way): string => `${way}${number}`;
  const address = (way: Way, end: 1 | 2): string => `${NETS[way]}.${number}.${end}`;
  const sidecar = WAYS.map((way) => ({
    port: PORTS[way],
    to: { host: address(way, 1), port: PORTS[way] },
  }));
  const host = await openNamespace(
    asRoot ? UNSHARE : [...middle.enter, 'unshare', '--net'],
    sidecar,
  );
  await ip(
    middle,
    WAYS.flatMap((way) => [
      `link add name ${cable(way)} type veth peer name ${way} netns ${host.pid}`,
      `address add ${address(way, 1)}/30 dev ${cable(way)}`,
      `link set ${cable(way)} up`,
    ]),
  );
  await ip(host, [
    'link set lo up',
    ...WAYS.flatMap((way) => [
      `address add ${address(way, 2)}/30 dev ${way}`,
      `link set ${way} up`,
    ]),
  ]);
  return {
    enter: host.enter,
    address(way, wanted) {
      const url = new URL(wanted);
      url.hostname = '127.0.0.1';
      url.port = String(PORTS[way]);
      return url.href.replace(/\/$/, '');
    },
    // At the far end: the host itself sees no more than that nobody answers.
    cut: (way) => ip(middle, [`link set ${cable(way)} down`]),
    mend: (way) => ip(middle, [`link set ${cable(way)} up`]),
  };
}
