import knex, { type Knex } from 'knex';
import { Database } from '../database.ts';
import { silentLog } from '../knex-log.ts';
import type { OpenedDatabase, OpeningOptions } from '../options.ts';
import { SqliteClient, type SqliteSettings } from './client.ts';
import { sqliteHead } from './head.ts';
import { sqliteFault } from './errors.ts';
import { networkFileSystem, prepareSqliteFile, sqlitePath } from './file.ts';

export function openSqlite(options: OpeningOptions): OpenedDatabase {
  const filename = sqlitePath(options.url);
  prepareSqliteFile(filename, { mayCreate: options.mayCreate && options.readOnly !== true });
  const { clock, chance, leaseMs, busyTimeoutMs, gate, nowOffsetMs } = options;
  const connection: SqliteSettings = {
    filename,
    busyTimeoutMs,
    readOnly: options.readOnly === true,
    clock,
    gate,
  };
  const head = sqliteHead(filename);
  const database = new Database({
    dialect: 'sqlite',
    head,
    clock,
    chance,
    leaseMs,
    readOnly: options.readOnly === true,
    nowOffsetMs,
    where: `SQLite file ${filename}`,
    judge: (failed) => sqliteFault(failed, filename),
    knex: knex({ ...sqliteConfig(connection), log: silentLog }),
  });
  return {
    database,
    warnings: () => [networkFileSystem(filename)].filter((warning) => warning !== null),
    witness: () => head.witness(database),
  };
}

/** What knex is told; shared with knexfile.ts. */
export function sqliteConfig(connection: SqliteSettings): Knex.Config {
  return { client: SqliteClient, connection, useNullAsDefault: true, compileSqlOnError: false };
}
