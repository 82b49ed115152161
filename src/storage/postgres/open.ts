import knex, { type Knex } from 'knex';
import { PayreconError } from '../../domain/errors.ts';
import { Database } from '../database.ts';
import type { Gate } from '../statement-hook.ts';
import { silentLog } from '../knex-log.ts';
import type { OpenedDatabase, OpeningOptions } from '../options.ts';
import {
  numberTypes,
  PostgresClient,
  type LostConnections,
  type PostgresSettings,
  type ServerLimits,
} from './client.ts';
import { postgresFault } from './errors.ts';
import { tlsFor, tlsOptions } from './tls.ts';
import { greeting, postgresWitness, type Greeting } from './witness.ts';

const POOL_MAX = 10;
const CONNECT_MS = 10_000;
/** How long a call waits for one of our own connections to become free. */
const ACQUIRE_MS = 30_000;
const QUERY_MS = 35_000;
const LIMITS: ServerLimits = {
  statement_timeout: 30_000,
  lock_timeout: 10_000,
  idle_in_transaction_session_timeout: 30_000,
};

/** The oldest version whose features are used; known here, so that no connection has to ask. */
const SERVER_VERSION = '14.0';

/** Any other one lacks letters, and would make what Stripe or a customer wrote impossible to record. */
const ENCODING = 'UTF8';

export async function openPostgres(options: OpeningOptions): Promise<OpenedDatabase> {
  const where = describePostgres(options.url);
  const { clock, chance, leaseMs, nowOffsetMs } = options;
  const lost: LostConnections = { count: 0 };
  const database = new Database({
    dialect: 'postgres',
    clock,
    chance,
    leaseMs,
    readOnly: options.readOnly === true,
    nowOffsetMs,
    where,
    judge: (failed) => postgresFault(failed, where),
    knex: knex({ ...postgresConfig(options.url, { gate: options.gate, lost }), log: silentLog }),
  });
  try {
    const greeted = await greet(database);
    return { database, warnings: () => [], witness: postgresWitness(database, greeted, lost) };
  } catch (error) {
    await database.knex.destroy();
    throw error;
  }
}

/** What knex is told; shared with knexfile.ts. */
export function postgresConfig(
  url: string,
  watch: { readonly gate?: Gate | undefined; readonly lost?: LostConnections } = {},
): Knex.Config {
  const address = tlsFor(url, process.env);
  const connection: PostgresSettings = {
    connectionString: address.connectionString,
    ssl: tlsOptions(address),
    sslnegotiation: address.negotiation,
    application_name: 'payrecon',
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
    query_timeout: QUERY_MS,
    types: numberTypes(),
    payrecon: { gate: watch.gate, limits: LIMITS, pooled: false, lost: watch.lost ?? { count: 0 } },
  };
  return {
    client: PostgresClient,
    connection,
    version: SERVER_VERSION,
    compileSqlOnError: false,
    pool: { min: 0, max: POOL_MAX },
    acquireConnectionTimeout: ACQUIRE_MS,
  };
}

/**
 * Who we are there, for the audit trail; a replica is no place to decide about payments, and a database of
 * another encoding none to record them.
 */
async function greet(database: Database): Promise<Greeting> {
  const greeted = await greeting(database);
  if (greeted.replica) {
    throw new PayreconError(
      'database_read_only',
      `${database.where} is a replica. Point DATABASE_URL at the primary server.`,
      {
        problems: [{ field: 'DATABASE_URL', message: 'names a replica' }],
      },
    );
  }
  if (greeted.encoding !== ENCODING) {
    throw new PayreconError(
      'database_encoding',
      `${database.where} stores texts as ${greeted.encoding}, in which not every name and message of a payment can be written. Nothing was changed. Create a database with ENCODING '${ENCODING}' (and TEMPLATE template0), and point DATABASE_URL at it.`,
      {
        problems: [
          { field: 'DATABASE_URL', message: `names a database whose encoding is not ${ENCODING}` },
        ],
      },
    );
  }
  database.user = greeted.user;
  return greeted;
}

function describePostgres(address: string): string {
  try {
    const url = new URL(address);
    const name = decodeURIComponent(url.pathname.slice(1));
    const user = url.username === '' ? '' : ` as ${decodeURIComponent(url.username)}`;
    return `PostgreSQL database ${name === '' ? '(default)' : name} on ${url.host === '' ? 'the local socket' : url.host}${user}`;
  } catch (error) {
    throw new PayreconError(
      'database_url',
      'DATABASE_URL is not a valid address. Special characters in a password are written as %XX.',
      {
        problems: [{ field: 'DATABASE_URL', message: 'is not a valid address' }],
        cause: error instanceof Error ? error.name : undefined,
      },
    );
  }
}
