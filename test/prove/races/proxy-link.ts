import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/*
 * A network between one host and a server, which can break in the ways that leave both sides believing in the
 * connection. What was lost is never delivered later: connections that lost something are reset when the network heals.
 */

export const BREAKS = ['swallow', 'lose answers', 'cut after the request'] as const;
/**
 * `swallow`: accepts, and passes nothing on. `lose answers`: requests arrive, answers do not. `cut after the request`:
 * the request arrives, and instead of the answer comes the end of the connection.
 */
export type Break = (typeof BREAKS)[number];

export interface Link {
  readonly port: number;
  /** Pieces of the conversation that were lost. */
  lost: number;
  break(how: Break): void;
  heal(): void;
  close(): void;
}

export async function openLink(target: URL): Promise<Link> {
  const sockets = new Set<Socket>();
  const maimed = new Set<Socket>();
  let broken: Break | null = null;
  const lose = (client: Socket): void => {
    link.lost += 1;
    maimed.add(client);
    if (broken === 'cut after the request') client.destroy();
  };
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        maimed.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on('data', (chunk) => {
      if (broken === 'swallow') lose(client);
      else upstream.write(chunk);
    });
    upstream.on('data', (chunk) => {
      if (broken !== null || maimed.has(client)) lose(client);
      else client.write(chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const link: Link = {
    port: (server.address() as AddressInfo).port,
    lost: 0,
    break(how) {
      broken = how;
    },
    heal() {
      broken = null;
      for (const socket of maimed) socket.resetAndDestroy();
    },
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
  return link;
}

/** The same address by another port. */
export function throughPort(address: string, port: number): string {
  const url = new URL(address);
  url.port = String(port);
  return url.href.replace(/\/$/, '');
}
