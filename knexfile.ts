/*
 * For the knex command line. This one command works, from the folder of this file:
 *
 *     DATABASE_URL=postgres://.. NODE_OPTIONS='--import tsx' npx knex migrate:list
 *
 * (or any other migrate command; sqlite:/PATH likewise). payrecon does not read this file: `payrecon
 * migrate` runs the same migrations and records them in the same table, and takes a lock that a
 * process which dies half way does not leave behind.
 */
import type { Knex } from 'knex';
import { MIGRATIONS_TABLE, migrationSource } from './migrations/list.ts';
import { postgresConfig } from './src/storage/postgres/open.ts';
import { prepareSqliteFile, sqlitePath } from './src/storage/sqlite/file.ts';
import { sqliteConfig } from './src/storage/sqlite/open.ts';

const LOCKED_FILE_WAIT_MS = 10_000;

const clock = {
  monotonicMs: () => performance.now(),
  sleep: (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms)),
};

function sqlite(filename: string): Knex.Config {
  prepareSqliteFile(filename, { mayCreate: true });
  return sqliteConfig({ filename, busyTimeoutMs: LOCKED_FILE_WAIT_MS, readOnly: false, clock });
}

/** Asked for by knex when it runs; reading the file alone needs no database. */
function config(): Knex.Config {
  const url = process.env['DATABASE_URL'] ?? '';
  if (url === '') throw new Error('set DATABASE_URL to sqlite:/PATH or postgres://..');
  const database = url.startsWith('sqlite:') ? sqlite(sqlitePath(url)) : postgresConfig(url);
  return { ...database, migrations: { tableName: MIGRATIONS_TABLE, migrationSource } };
}

export default config;
