import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/*
 * Stands between payrecon and PostgreSQL, message by message, to do what networks and poolers do.
 */

export interface Proxy {
  readonly url: string;
  /** Simple and extended queries seen so far, by their text. */
  readonly statements: string[];
  /** Names of prepared statements; a pooler would lose them. */
  readonly names: string[];
  /** Called with the text of each query before it is passed on; the answer decides what becomes of it. */
  onStatement: (sql: string) => 'pass' | 'cut_before' | 'cut_after';
  /** Refuse whoever connects from now on. */
  refusing: boolean;
}

export interface ProxyOptions {
  /** Refuse start-up parameters as a pooler does, unless they are ones that it tracks. */
  readonly pooler?: boolean;
}

const STARTUP = 196_608;
const POOLER_TAKES = new Set([
  'user',
  'database',
  'application_name',
  'client_encoding',
  'DateStyle',
  'TimeZone',
  'standard_conforming_strings',
]);

export async function postgresProxy(target: string, options: ProxyOptions = {}): Promise<Proxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    if (proxy.refusing) {
      client.destroy();
      return;
    }
    const upstream = connect(Number(port), hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    relay(client, upstream, proxy, options);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const url = new URL(target);
  url.port = String((server.address() as AddressInfo).port);
  const proxy: Proxy = {
    url: url.href,
    statements: [],
    names: [],
    onStatement: () => 'pass',
    refusing: false,
  };
  return proxy;
}

/** Client messages are cut out of the stream one by one; server messages pass, unless the client is to be left without. */
function relay(client: Socket, upstream: Socket, proxy: Proxy, options: ProxyOptions): void {
  let pending = Buffer.alloc(0);
  let started = false;
  let silent = false;
  client.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    for (;;) {
      const head = started ? 1 : 0;
      if (pending.length < head + 4) return;
      const length = head + pending.readInt32BE(head);
      if (pending.length < length) return;
      const message = pending.subarray(0, length);
      pending = pending.subarray(length);
      if (!started && options.pooler === true && refusedParameter(message) !== null) {
        client.end(
          errorMessage(`unsupported startup parameter: ${String(refusedParameter(message))}`),
        );
        return;
      }
      started ||= message.readInt32BE(4) === STARTUP;
      const fate = started ? statementFate(message, proxy) : 'pass';
      if (fate === 'cut_before') {
        client.destroy();
        return;
      }
      silent ||= fate === 'cut_after';
      upstream.write(message);
    }
  });
  upstream.on('data', (chunk: Buffer) => {
    // The server has answered, so it is done; only the client never hears of it.
    if (silent) client.destroy();
    else client.write(chunk);
  });
}

function statementFate(message: Buffer, proxy: Proxy): 'pass' | 'cut_before' | 'cut_after' {
  const kind = String.fromCharCode(message[0] ?? 0);
  const texts = message.subarray(5).toString('utf8').split('\0');
  if (kind === 'P' && texts[0] !== '') proxy.names.push(texts[0] ?? '');
  const parsed = kind === 'P' ? texts[1] : undefined;
  const sql = kind === 'Q' ? texts[0] : parsed;
  if (sql === undefined) return 'pass';
  proxy.statements.push(sql);
  return proxy.onStatement(sql);
}

function refusedParameter(message: Buffer): string | null {
  if (message.readInt32BE(4) !== STARTUP) return null;
  const words = message.subarray(8).toString('utf8').split('\0');
  return (
    words.find((word, index) => index % 2 === 0 && word !== '' && !POOLER_TAKES.has(word)) ?? null
  );
}

function errorMessage(text: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C08P01\0M${text}\0\0`);
  const head = Buffer.alloc(5);
  head.write('E');
  head.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
}
