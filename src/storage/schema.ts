import type { Knex } from 'knex';
import { MIGRATIONS, MIGRATIONS_TABLE, migrationSource } from '../../migrations/list.ts';
import { LedgerInUse } from '../../migrations/ledger-in-use.ts';
import { PayreconError } from '../domain/errors.ts';
import { firstRow, rowsOf, type Database } from './database.ts';
import { text } from './rows.ts';

export interface SchemaStatus {
  /** `behind` also for an empty database. `ahead`: a newer payrecon has migrated it. */
  readonly state: 'current' | 'behind' | 'ahead';
  readonly applied: readonly string[];
  readonly pending: readonly string[];
  /** Applied migrations that this version does not know. */
  readonly unknown: readonly string[];
}

/** One cheap look, without loading any migration. */
export async function schemaStatus(
  database: Database,
  sql: Knex = database.knex,
): Promise<SchemaStatus> {
  const applied = (await migrationsTableExists(database, sql))
    ? (await rowsOf(sql, `select name from ${MIGRATIONS_TABLE} order by id`)).map((row) =>
        text(row, 'name'),
      )
    : [];
  const known = new Set(MIGRATIONS.map(({ name }) => name));
  const done = new Set(applied);
  const pending = [...known].filter((name) => !done.has(name));
  const unknown = applied.filter((name) => !known.has(name));
  const upToDate = pending.length > 0 ? 'behind' : 'current';
  const state = unknown.length > 0 ? 'ahead' : upToDate;
  return { state, applied, pending, unknown };
}

async function migrationsTableExists(database: Database, sql: Knex): Promise<boolean> {
  const row =
    database.dialect === 'sqlite'
      ? await firstRow(sql, `select name from sqlite_schema where type = 'table' and name = ?`, [
          MIGRATIONS_TABLE,
        ])
      : // From pg_class, because to_regclass alone may answer out of this session's cache: who waited for another
        // process's migration would not see its tables, and would say that it made them itself.
        await firstRow(sql, 'select 1 as here from pg_class where oid = to_regclass(?)', [
          MIGRATIONS_TABLE,
        ]);
  return row !== null;
}

export function schemaProblem(status: SchemaStatus, where: string): PayreconError | null {
  switch (status.state) {
    case 'current':
      return null;
    case 'behind':
      return new PayreconError(
        'schema_behind',
        `The schema of ${where} is behind this version of payrecon (missing: ${status.pending.join(', ')}). Run: payrecon migrate`,
      );
    case 'ahead':
      return schemaAhead(status, where);
  }
}

function schemaAhead({ unknown }: SchemaStatus, where: string): PayreconError {
  return new PayreconError(
    'schema_ahead',
    `The schema of ${where} was made by a newer payrecon (it has ${unknown.join(', ')}). Update payrecon, or run with that newer version: payrecon migrate down`,
  );
}

/** One number for everybody who migrates a payrecon database; any would do. */
const MIGRATION_LOCK = 7_290_418_533;

/**
 * All of it in one transaction, which only one process at a time can be in: on SQLite because it is
 * the writer, on PostgreSQL by an advisory lock that ends with the transaction. A process that dies
 * half way leaves nothing, neither tables nor knex's own lock.
 */
async function exclusively(
  database: Database,
  work: (sql: Knex.Transaction) => Promise<readonly string[]>,
): Promise<readonly string[]> {
  return database.transact(async (sql) => {
    await waitForOthers(database, sql);
    return work(sql as Knex.Transaction);
  });
}

/** Until the transaction ends, no other process migrates this ledger or takes one along to this place. */
async function waitForOthers(database: Database, sql: Knex): Promise<void> {
  if (database.dialect === 'postgres')
    await rowsOf(sql, 'select pg_advisory_xact_lock(?::bigint)', [String(MIGRATION_LOCK)]);
}

const CONFIG = { tableName: MIGRATIONS_TABLE, migrationSource } satisfies Knex.MigratorConfig;

/** Runs what is pending; returns the names, oldest first. */
export async function migrateUp(database: Database): Promise<readonly string[]> {
  return exclusively(database, (sql) => latest(database, sql));
}

/** The same inside a transaction that goes on, so that a schema appears together with what is written into it. */
export async function migrateUpWithin(database: Database, sql: Knex): Promise<readonly string[]> {
  await waitForOthers(database, sql);
  return await latest(database, sql as Knex.Transaction);
}

async function latest(database: Database, sql: Knex.Transaction): Promise<readonly string[]> {
  const status = await schemaStatus(database, sql);
  if (status.state === 'ahead') throw schemaAhead(status, database.where);
  if (status.state === 'current') return [];
  await sql.migrate.latest(CONFIG);
  return status.pending;
}

/** Takes the newest migration back; refuses where that would lose payments. */
export async function migrateDown(database: Database): Promise<readonly string[]> {
  return exclusively(database, async (sql) => {
    const status = await schemaStatus(database, sql);
    const newest = status.applied.at(-1);
    if (newest === undefined) return [];
    if (status.state === 'ahead') throw schemaAhead(status, database.where);
    try {
      await sql.migrate.down(CONFIG);
    } catch (error) {
      throw error instanceof LedgerInUse
        ? new PayreconError('ledger_in_use', error.message)
        : error;
    }
    return [newest];
  });
}
