import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** What its supervisor does on request: with the server that was started first, called `first`, and with others made from it. */
export type ServerCommand =
  /** Takes connections when it is answered; on a port of its own each time. */
  | {
      readonly do: 'start';
      readonly node: string;
      readonly settings?: Readonly<Record<string, string>>;
    }
  /** `immediate` is pg_ctl's; `kill` leaves no process of it the time for anything. Either way it has to recover. */
  | { readonly do: 'stop'; readonly node: string; readonly how: 'immediate' | 'kill' }
  /** The whole data folder, over what was there. */
  | { readonly do: 'copy'; readonly from: string; readonly to: string }
  /** Files into the data folder. */
  | {
      readonly do: 'write';
      readonly node: string;
      readonly files: Readonly<Record<string, string>>;
    };

export interface PostgresServer {
  /** Address of the maintenance database, as its superuser. */
  readonly url: string;
  readonly startedInMs: number;
  /** One at a time. Answers the address of a server that was started, otherwise nothing of use. */
  tell(command: ServerCommand): Promise<string>;
  stop(): Promise<void>;
}

export interface PostgresServerOptions {
  /** Write to the disk as a real server does; off by default, as the data is thrown away. */
  readonly durable?: boolean;
  /** Further server settings, such as `{ synchronous_standby_names: 's1' }`. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** Starts a PostgreSQL of its own, which ends with this process at the latest. Most tests want `freshPostgresDatabase`. */
export async function startPostgresServer(
  options: PostgresServerOptions = {},
): Promise<PostgresServer> {
  const script = fileURLToPath(new URL('./postgres-supervisor.js', import.meta.url));
  const supervisor = spawn(process.execPath, [script, JSON.stringify(options)], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let complaint = '';
  supervisor.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    complaint += chunk;
  });
  const exited = once(supervisor, 'exit');
  const lines = createInterface({ input: supervisor.stdout });
  const nextLine = async (): Promise<unknown> => {
    const line = await Promise.race([once(lines, 'line'), exited.then(() => undefined)]);
    if (line === undefined) throw new Error(`PostgreSQL for the tests has ended:\n${complaint}`);
    return JSON.parse(String(line[0]));
  };
  const { host, port, startedInMs } = (await nextLine()) as {
    host: string;
    port: number;
    startedInMs: number;
  };
  const urlAt = (at: number): string => `postgres://postgres@${host}:${String(at)}/postgres`;
  return {
    url: urlAt(port),
    startedInMs,
    async tell(command) {
      const answer = nextLine();
      supervisor.stdin.write(`${JSON.stringify(command)}\n`);
      const { error, port: at = port } = (await answer) as { error?: string; port?: number };
      if (error !== undefined) throw new Error(error);
      return urlAt(at);
    },
    async stop() {
      supervisor.stdin.end();
      await exited;
    },
  };
}
