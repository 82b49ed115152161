import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** One address for whichever server is the right one at the moment, as a load balancer before a pair of servers has it. */
export interface VirtualAddress {
  /** The same database, at this address. */
  at(url: string): string;
  /** New connections go there from now on; those that stand stay where they are. */
  pointTo(url: string): void;
}

export async function virtualAddress(url: string): Promise<VirtualAddress> {
  let target = new URL(url);
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.setNoDelay(true);
      // Where nobody listens, whoever connects is sent away; what one side breaks off, the other hears of at once.
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    at(wanted) {
      const here = new URL(wanted);
      here.port = String(port);
      return here.href;
    },
    pointTo(wanted) {
      target = new URL(wanted);
    },
  };
}
