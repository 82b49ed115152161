// Runs in a network namespace: listens on ports of it, and passes every connection on, to a socket in the file system, which
// is the same in all of them, or to an address. Its argument is JSON, [{"port","to"}]; prints `ready`, and ends with its
// standard input. Plain JavaScript, because Node 20 starts it directly.
import { connect, createServer } from 'node:net';

/** @typedef {{ path: string } | { host: string, port: number }} Destination */

const crossings = /** @type {{ port: number, to: Destination }[]} */ (
  JSON.parse(process.argv[2] ?? '[]')
);

/** @param {import('node:net').Socket} from @param {import('node:net').Socket} to */
function join(from, to) {
  from.setNoDelay(true);
  from.on('error', () => to.destroy());
  from.on('close', () => to.destroy());
  from.pipe(to);
}

await Promise.all(
  crossings.map(
    ({ port, to }) =>
      new Promise((resolve) => {
        createServer((client) => {
          const upstream = connect(to);
          join(client, upstream);
          join(upstream, client);
        }).listen(port, '0.0.0.0', () => {
          resolve(undefined);
        });
      }),
  ),
);
process.stdout.write('ready\n');
process.stdin.resume().once('end', () => process.kill(process.pid, 'SIGKILL'));
