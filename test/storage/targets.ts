import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import Sqlite from 'libsql';
import { Client } from 'pg';
import { onTestFinished } from 'vitest';
import { openStorage, type Storage, type StorageOptions } from '../../src/storage/open.ts';
import { freshPostgresDatabase } from '../support/postgres.ts';
import { temporaryFolder, temporaryFolderInMemory } from '../support/temporary.ts';

export const clock = {
  monotonicMs: () => performance.now(),
  sleep: async (ms: number) => {
    await wait(ms);
  },
};

export const chance = { uniform: () => Math.random(), token: () => randomUUID() };

/** A connection of its own, past everything that payrecon does: to look, and to tamper. */
export interface RawConnection {
  run(sql: string): Promise<void>;
  rows(sql: string): Promise<Record<string, unknown>[]>;
}

export interface TestDatabase {
  readonly url: string;
  /** Another opening of the same database; closed when the test is over. */
  open(options?: Partial<StorageOptions>): Promise<Storage>;
  raw(): Promise<RawConnection>;
}

export interface Target {
  readonly name: 'sqlite' | 'postgres';
  /** An empty database for the test that is running. */
  fresh(): Promise<TestDatabase>;
}

async function open(url: string, options: Partial<StorageOptions>): Promise<Storage> {
  const storage = await openStorage({
    url,
    clock,
    chance,
    autoMigrate: true,
    mayCreate: true,
    ...options,
  });
  onTestFinished(() => storage.close());
  return storage;
}

function sqliteIn(folder: () => Promise<string>): Target {
  return {
    name: 'sqlite',
    async fresh() {
      const path = join(await folder(), 'data', 'ledger.db');
      return {
        url: `sqlite:${path}`,
        open: (options = {}) => open(`sqlite:${path}`, options),
        raw: () => Promise.resolve(rawSqlite(path)),
      };
    },
  };
}

export const sqlite: Target = sqliteIn(temporaryFolder);
/** For hundreds of ledgers, none of which has to survive the machine. */
export const sqliteInMemory: Target = sqliteIn(temporaryFolderInMemory);

function rawSqlite(path: string): RawConnection {
  const connection = new Sqlite(path, { timeout: 5_000 });
  onTestFinished(() => {
    connection.close();
  });
  return {
    run(sql) {
      connection.exec(sql);
      return Promise.resolve();
    },
    rows: (sql) => Promise.resolve(connection.prepare(sql).all() as Record<string, unknown>[]),
  };
}

export const postgres: Target & { openUrl(url: string): Promise<Storage> } = {
  name: 'postgres',
  openUrl: (url) => open(url, {}),
  async fresh() {
    const database = await freshPostgresDatabase();
    onTestFinished(() => database.drop());
    const { url } = database;
    return { url, open: (options = {}) => open(url, options), raw: () => rawPostgres(url) };
  },
};

async function rawPostgres(url: string): Promise<RawConnection> {
  const connection = new Client({ connectionString: url });
  await connection.connect();
  onTestFinished(() => connection.end());
  return {
    run: async (sql) => {
      await connection.query(sql);
    },
    rows: async (sql) => (await connection.query<Record<string, unknown>>(sql)).rows,
  };
}

export const targets: readonly Target[] = [sqlite, postgres];
