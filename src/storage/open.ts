import type { Budgets, History, Identity, Ledger, Outbox, Passes } from '../app/ports.ts';
import { PayreconError } from '../domain/errors.ts';
import { createBudgets } from './rate-budget.ts';
import type { Database, Dialect } from './database.ts';
import { createHistory } from './history/list.ts';
import { createIdentity } from './identity.ts';
import { createLedger } from './ledger/ledger.ts';
import { refuseMoved } from './move/moved.ts';
import { noLedger } from './no-ledger.ts';
import type { OpenedDatabase, StorageOptions } from './options.ts';
import { createOutbox } from './outbox.ts';
import { createPasses } from './passes.ts';
import {
  migrateDown,
  migrateUp,
  schemaProblem,
  schemaStatus,
  type SchemaStatus,
} from './schema.ts';

export interface Storage {
  readonly ledger: Ledger;
  readonly identity: Identity;
  readonly history: History;
  readonly outbox: Outbox;
  readonly passes: Passes;
  readonly budgets: Budgets;
  readonly dialect: Dialect;
  readonly schema: () => Promise<SchemaStatus>;
  /** Runs what is pending; the names of what was run. */
  readonly migrateUp: () => Promise<readonly string[]>;
  /** Takes the newest migration back; refuses while there are transactions that it would take away. */
  readonly migrateDown: () => Promise<readonly string[]>;
  /** Whether this opening, or a migration of it, made the ledger. */
  readonly created: () => boolean;
  /** For people; without a password. */
  readonly describe: () => string;
  /** What an operator should know about this place (a network file system), as sentences. */
  readonly warnings: () => readonly string[];
  readonly close: () => Promise<void>;
}

export type { StorageOptions };

const DEFAULT_LEASE_MS = 90_000;
const DEFAULT_BUSY_TIMEOUT_MS = 10_000;

/** Opens the ledger's database; throws PayreconError `configuration` or `unreachable`. */
export async function openStorage(options: StorageOptions): Promise<Storage> {
  const { database, warnings, witness } = await openDatabase(options);
  let applied: readonly string[];
  try {
    applied = await prepareSchema(database, options);
  } catch (error) {
    await database.knex.destroy();
    throw error;
  }
  return {
    ledger: createLedger(database),
    identity: createIdentity(database, witness),
    history: createHistory(database),
    outbox: createOutbox(database),
    passes: createPasses(database),
    budgets: createBudgets(database),
    dialect: database.dialect,
    schema: () => database.read((sql) => schemaStatus(database, sql)),
    migrateUp: async () => {
      await refuseMoved(database);
      return (applied = await migrateUp(database));
    },
    migrateDown: async () => {
      await refuseMoved(database);
      return await migrateDown(database);
    },
    created: () => applied.includes(FIRST_MIGRATION),
    describe: () => database.where,
    warnings,
    close: () => database.knex.destroy(),
  };
}

/** Loads the one driver that is needed: the other one costs as much as the whole command. */
async function openDatabase(options: StorageOptions): Promise<OpenedDatabase> {
  const settings = {
    ...options,
    leaseMs: options.leaseMs ?? DEFAULT_LEASE_MS,
    busyTimeoutMs: options.busyTimeoutMs ?? DEFAULT_BUSY_TIMEOUT_MS,
  };
  if (options.url.startsWith('sqlite:'))
    return (await import('./sqlite/open.ts')).openSqlite(settings);
  if (/^postgres(ql)?:\/\//.test(options.url))
    return (await import('./postgres/open.ts')).openPostgres(settings);
  throw new PayreconError('database_url', 'DATABASE_URL is neither sqlite:PATH nor postgres://..', {
    problems: [{ field: 'DATABASE_URL', message: 'give sqlite:PATH or postgres://USER@HOST/NAME' }],
  });
}

/** Whoever runs it makes the ledger. */
const FIRST_MIGRATION = '0001_ledger';

/** The names of the migrations that were run. */
async function prepareSchema(
  database: Database,
  options: StorageOptions,
): Promise<readonly string[]> {
  const autoMigrate =
    (options.autoMigrate ?? database.dialect === 'sqlite') && options.readOnly !== true;
  const status = await database.read((sql) => schemaStatus(database, sql));
  const isThere = status.applied.length > 0;
  if (!isThere && !options.mayCreate && options.anySchema !== true) throw noLedger(database.where);
  if (status.state === 'behind' && autoMigrate && (isThere || options.mayCreate))
    return await migrateUp(database);
  const problem = options.anySchema === true ? null : schemaProblem(status, database.where);
  if (problem !== null) throw problem;
  return [];
}
