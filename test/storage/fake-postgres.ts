import { createServer, type AddressInfo, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { onTestFinished } from 'vitest';
import { CERTIFICATE, CERTIFICATE_KEY } from '../support/certificate.ts';

export interface FakePostgres {
  readonly port: number;
  /** What reached it, in order: `tls asked`, `startup in clear`, `startup encrypted`, `password ..`. */
  readonly seen: readonly string[];
}

const SSL_REQUEST = 80_877_103;
const CLEARTEXT_PASSWORD = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3]);
const WRONG_PASSWORD = Buffer.from('SFATAL\0VFATAL\0C28P01\0Mno\0\0');

/** A server that wants the password in clear, as one between payrecon and the real one would, and then refuses it. */
export async function fakePostgres(tls: 'offered' | 'none'): Promise<FakePostgres> {
  const seen: string[] = [];
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', (bytes) => {
      if (bytes.readInt32BE(4) !== SSL_REQUEST) {
        converse(socket, { seen, how: 'in clear' });
        return;
      }
      seen.push('tls asked');
      socket.write(tls === 'none' ? 'N' : 'S');
      if (tls === 'none') return;
      const secure = new TLSSocket(socket, {
        isServer: true,
        cert: CERTIFICATE,
        key: CERTIFICATE_KEY,
      });
      secure.on('error', () => undefined);
      secure.once('data', () => {
        converse(secure, { seen, how: 'encrypted' });
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, seen };
}

function converse(
  socket: Socket,
  { seen, how }: { readonly seen: string[]; readonly how: string },
): void {
  seen.push(`startup ${how}`);
  socket.write(CLEARTEXT_PASSWORD);
  socket.once('data', (bytes) => {
    seen.push(`password ${how}: ${bytes.toString('latin1', 5, bytes.length - 1)}`);
    const error = Buffer.alloc(5);
    error.write('E', 0);
    error.writeInt32BE(WRONG_PASSWORD.length + 4, 1);
    socket.end(Buffer.concat([error, WRONG_PASSWORD]));
  });
}
