import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect, type AddressInfo, type Socket } from 'node:net';

/** What the proxy does with a CONNECT: a status it answers, or one of these. */
export type Behaviour = 'tunnel' | 'silent' | 'hang up' | number;

/** A small HTTP proxy that knows CONNECT alone. */
export interface ConnectProxy extends AsyncDisposable {
  readonly port: number;
  /** `127.0.0.1:PORT`, as a message names it. */
  readonly shown: string;
  /** The targets of all CONNECT requests, in their order. */
  readonly asked: string[];
  readonly authorizations: (string | undefined)[];
  /** Requests that were no CONNECT: nothing of ours sends one. */
  readonly others: string[];
  /** Connections of clients that are open. */
  connections(): number;
  /** Breaks every tunnel that stands. */
  breakTunnels(): void;
}

export interface ProxyRules {
  /** For the n-th CONNECT, from 0. */
  readonly behave?: (n: number) => Behaviour;
  /** The body of an answer that is no tunnel. */
  readonly says?: string;
  /** Spoken to over TLS, as this one. */
  readonly certificate?: { readonly cert: string; readonly key: string };
}

export async function startConnectProxy(rules: ProxyRules = {}): Promise<ConnectProxy> {
  const { behave = (): Behaviour => 'tunnel', says = '', certificate } = rules;
  const asked: string[] = [];
  const authorizations: (string | undefined)[] = [];
  const others: string[] = [];
  const clients = new Set<Socket>();
  const other = (request: IncomingMessage, response: ServerResponse): void => {
    others.push(`${request.method ?? ''} ${request.url ?? ''}`);
    response.writeHead(400).end();
  };
  const server =
    certificate === undefined ? createServer(other) : createTlsServer(certificate, other);
  server.on('connection', (socket: Socket) => {
    clients.add(socket);
    socket.on('close', () => clients.delete(socket));
    socket.on('error', () => socket.destroy());
  });
  server.on('connect', (request: IncomingMessage, client: Socket) => {
    const target = request.url ?? '';
    asked.push(target);
    authorizations.push(request.headers['proxy-authorization']);
    const behaviour = behave(asked.length - 1);
    if (behaviour === 'silent') client.resume().once('end', () => client.destroy());
    else if (behaviour === 'hang up') client.destroy();
    else if (behaviour === 'tunnel') tunnel(client, target);
    else client.end(answerOf(behaviour, says));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const breakTunnels = (): void => {
    for (const socket of clients) socket.resetAndDestroy();
  };
  return {
    port,
    shown: `127.0.0.1:${String(port)}`,
    asked,
    authorizations,
    others,
    connections: () => clients.size,
    breakTunnels,
    async [Symbol.asyncDispose]() {
      for (const socket of clients) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function answerOf(status: number, body: string): string {
  return `HTTP/1.1 ${String(status)} No\r\ncontent-type: application/json\r\ncontent-length: ${String(body.length)}\r\n\r\n${body}`;
}

function tunnel(client: Socket, target: string): void {
  const url = new URL(`http://${target}`);
  const upstream = connect(Number(url.port), url.hostname.replace(/^\[|\]$/g, ''), () => {
    client.write('HTTP/1.1 200 Connection established\r\n\r\n');
    upstream.pipe(client).pipe(upstream);
  });
  upstream.on('error', () => client.destroy());
  upstream.on('close', () => client.destroy());
  client.on('close', () => upstream.destroy());
}
