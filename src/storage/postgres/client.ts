import PostgresDialect from 'knex/lib/dialects/postgres/index.js';
import PostgresTransaction from 'knex/lib/dialects/postgres/execution/pg-transaction.js';
import { TypeOverrides } from 'pg';
import { codeOf, DriverError } from '../driver-errors.ts';
import { statementKind, through, type Gate } from '../statement-hook.ts';
import { TLS_NOT_OFFERED } from './tls.ts';

/*
 * knex's PostgreSQL dialect with time limits, and without anything that outlives a transaction on the
 * server: no named statements, no SET, no session locks. So it works behind a pooler that hands out
 * another server connection for every transaction.
 */

/** Our own part of knex's `connection` setting, beside what pg reads from it. */
export interface PostgresSettings {
  readonly connectionString: string;
  /** Said in full, whether or not there is TLS: what is left out, pg takes from variables. */
  readonly ssl: object | false;
  readonly sslnegotiation: 'postgres' | 'direct';
  readonly application_name: string;
  readonly connectionTimeoutMillis: number;
  readonly keepAlive: boolean;
  /** Ends a statement whose server does not answer any more; longer than the server's own limit. */
  readonly query_timeout: number;
  readonly types: TypeParsers;
  readonly payrecon: {
    readonly gate?: Gate | undefined;
    readonly limits: ServerLimits;
    pooled: boolean;
    readonly lost: LostConnections;
  };
}

/** Counted, since a server that comes back may be another one. */
export interface LostConnections {
  count: number;
}

interface TypeParsers {
  getTypeParser(oid: number, format?: string): unknown;
}

/** Told to the server, in milliseconds. */
export interface ServerLimits {
  readonly statement_timeout: number;
  readonly lock_timeout: number;
  readonly idle_in_transaction_session_timeout: number;
}

interface Connection {
  /** What pg speaks through: the socket, and then the encrypted one. */
  readonly connection: {
    readonly stream: {
      once(event: 'data', listener: (bytes: Buffer) => void): void;
      once(event: 'secureConnect', listener: () => void): void;
    };
    once(event: 'sslconnect', listener: () => void): void;
  };
  __knexTxId?: string;
  __knex__disposed?: unknown;
  connect(): Promise<unknown>;
  on(event: 'error' | 'end', listener: (error?: Error) => void): void;
  end(): Promise<void>;
}

interface Query {
  readonly sql: string;
}

const PROTOCOL_VIOLATION = '08P01';

const INT8 = 20;

/** 64-bit integers are instants, amounts and counts here, all far below 2^53. */
export function numberTypes(): TypeParsers {
  const types = new TypeOverrides();
  types.setTypeParser(INT8, Number);
  return {
    getTypeParser: (oid, format) =>
      types.getTypeParser(oid, format === 'binary' ? 'binary' : 'text'),
  };
}

export class PostgresClient extends PostgresDialect {
  override acquireRawConnection(): Promise<Connection> {
    const opened = this.openConnection();
    settingsOf(this.config).payrecon.gate?.opening?.(opened);
    return opened;
  }

  private async openConnection(): Promise<Connection> {
    const { payrecon, ...settings } = settingsOf(this.config);
    const open = async (limits: Partial<ServerLimits>): Promise<Connection> => {
      const driver = this.driver as { Client: new (settings: object) => Connection };
      const connection = new driver.Client({ ...settings, ...limits });
      const onEnd = (reason: unknown): void => {
        payrecon.lost.count += 1;
        connection.__knex__disposed = reason;
      };
      connection.on('error', onEnd);
      connection.on('end', (error) => {
        onEnd(error ?? 'the connection ended');
      });
      const connected = connection.connect();
      const tls = settings.ssl === false ? null : watchTls(connection);
      try {
        await connected;
      } catch (error) {
        throw tls?.failure(error) ?? error;
      }
      return connection;
    };
    try {
      return await open(payrecon.pooled ? {} : payrecon.limits);
    } catch (error) {
      if (error instanceof DriverError) throw error;
      if (payrecon.pooled || !refusesParameters(error))
        throw new DriverError('connect', error, false);
    }
    try {
      // A pooler between us and the server takes no limits when connecting: each transaction brings its own.
      payrecon.pooled = true;
      return await open({});
    } catch (error) {
      throw error instanceof DriverError ? error : new DriverError('connect', error, false);
    }
  }

  override async destroyRawConnection(connection: Connection): Promise<void> {
    await connection.end();
  }

  override transaction(...rest: unknown[]): never {
    return new LimitedTransaction(this, ...rest) as never;
  }

  override async _query(connection: Connection, query: Query): Promise<object> {
    return through(
      settingsOf(this.config).payrecon.gate,
      { sql: query.sql, connection },
      async () => {
        try {
          return await super._query(connection, query);
        } catch (error) {
          // After the client's own time limit the answer is still to come, and would be read as the next one's.
          if (error instanceof Error && !('severity' in error))
            connection.__knex__disposed ??= error;
          const beforeCommit =
            connection.__knexTxId !== undefined && statementKind(query.sql) !== 'commit';
          throw new DriverError('statement', error, beforeCommit);
        }
      },
    );
  }
}

/** The server's answer to the wish for TLS, where it is no. */
const NO_TLS = 'N';
/** The way to the server, which may be better at the next try; what else has a code is about TLS. */
const NETWORK = /^E(CONN|PIPE|TIMEDOUT|HOST|NET)/;

/** pg says only in words why TLS did not come about, and not that it was TLS; the wire says it. */
function watchTls({ connection }: Connection): { failure(error: unknown): DriverError | null } {
  let refused = false;
  let state: 'none' | 'begun' | 'secure' = 'none';
  connection.stream.once('data', (bytes) => (refused = bytes.toString('latin1') === NO_TLS));
  connection.once('sslconnect', () => {
    state = 'begun';
    connection.stream.once('secureConnect', () => (state = 'secure'));
  });
  return {
    failure(error) {
      if (refused)
        return new DriverError(
          'tls',
          Object.assign(new Error('the server offers no TLS'), { code: TLS_NOT_OFFERED }),
          false,
        );
      const code = error instanceof Error ? codeOf(error) : '';
      return state === 'begun' && code !== '' && !NETWORK.test(code)
        ? new DriverError('tls', error, false)
        : null;
    },
  };
}

class LimitedTransaction extends PostgresTransaction {
  override begin(connection: unknown): Promise<unknown> {
    const client = (this as unknown as { readonly client: { readonly config: unknown } }).client;
    const { limits, pooled } = settingsOf(client.config).payrecon;
    if (!pooled) return super.begin(connection);
    const settings = Object.entries(limits).map(
      ([name, ms]) => `SET LOCAL ${name} = ${String(ms)};`,
    );
    return this.query(connection, `BEGIN; ${settings.join(' ')}`);
  }
}

function settingsOf(config: unknown): PostgresSettings {
  return (config as { readonly connection: PostgresSettings }).connection;
}

function refusesParameters(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === PROTOCOL_VIOLATION;
}
