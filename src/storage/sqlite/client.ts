import { pathToFileURL } from 'node:url';
import Database from 'libsql';
import BetterSqlite3Client from 'knex/lib/dialects/better-sqlite3/index.js';
import SqliteTransaction from 'knex/lib/dialects/sqlite3/execution/sqlite-transaction.js';
import type { Clock } from '../../app/ports.ts';
import { DriverError } from '../driver-errors.ts';
import { statementKind, through, type Gate } from '../statement-hook.ts';
import { isBusy, isConstraint } from './errors.ts';

/*
 * knex's better-sqlite3 dialect over libsql, which has the same interface and brings its binary with it.
 *
 * Waiting for another process's lock happens here and not in SQLite's busy handler: that one sleeps
 * inside the call and would stop the whole process, signals and lease renewal with it. A write begins
 * with BEGIN IMMEDIATE, so the lock is only ever waited for before anything was done.
 */

/** What the client needs besides knex's own settings; `config` is all that a transaction's client inherits. */
export interface SqliteSettings {
  readonly filename: string;
  readonly busyTimeoutMs: number;
  readonly readOnly: boolean;
  readonly clock: Clock;
  readonly gate?: Gate | undefined;
}

interface Statement {
  readonly reader: boolean;
  all(bindings: readonly unknown[]): unknown[];
  run(bindings: readonly unknown[]): { readonly changes: number; readonly lastInsertRowid: number };
}

interface Prepared {
  readonly statement: Statement;
  readonly returnsRows: boolean;
}

export interface SqliteConnection {
  readonly inTransaction: boolean;
  /** knex's mark: set, the pool closes the connection instead of handing it out again. */
  __knex__disposed?: unknown;
  prepare(sql: string): Statement;
  exec(sql: string): void;
  close(): void;
}

interface Query {
  readonly sql: string;
  readonly bindings?: readonly unknown[];
  response?: unknown;
  context?: { readonly lastID: number; readonly changes: number };
}

/** Compiled statements are kept per connection; compiling is half the cost of a small statement. */
const STATEMENTS_KEPT = 256;
/** SQLite itself waits this long, for the moments when two processes pass each other. */
const INNER_BUSY_MS = 5;
const FIRST_PAUSE_MS = 2;
const LONGEST_PAUSE_MS = 50;

const statements = new WeakMap<SqliteConnection, Map<string, Prepared>>();
const writers = new WeakSet<SqliteConnection>();

export class SqliteClient extends BetterSqlite3Client {
  override _driver(): unknown {
    return Database;
  }

  override async acquireRawConnection(): Promise<SqliteConnection> {
    const settings = settingsOf(this.config);
    try {
      return await patiently(settings, () => connect(settings));
    } catch (error) {
      throw new DriverError('connect', error, false);
    }
  }

  override destroyRawConnection(connection: SqliteConnection): Promise<void> {
    statements.delete(connection);
    // Closing alone does not end a transaction in the driver before its statements are collected; the
    // lock would be held that long.
    if (connection.inTransaction) connection.exec('rollback');
    // The driver frees statements when they are collected, so SQLite does not see the last connection
    // go and would leave everything in the -wal file, which a copy of the ledger alone does not have.
    if (writers.has(connection)) moveIntoFile(connection);
    connection.close();
    return Promise.resolve();
  }

  override transaction(...rest: unknown[]): never {
    return new ImmediateTransaction(this, ...rest) as never;
  }

  override async _query(connection: SqliteConnection, query: Query): Promise<Query> {
    const settings = settingsOf(this.config);
    const bindings = this._formatBindings(query.bindings);
    return through(settings.gate, { sql: query.sql, connection }, async () => {
      try {
        await patiently(
          settings,
          () => run(connection, query, bindings),
          () => !connection.inTransaction,
        );
        return query;
      } catch (error) {
        const commit = statementKind(query.sql) === 'commit';
        // A COMMIT that failed (disk full) leaves the transaction open, and knex sends no rollback after it.
        if (commit && connection.inTransaction) connection.exec('rollback');
        // A statement that gave up on a lock stays active in the driver, and would keep the connection in
        // an old snapshot from its next commit on. The pool throws such a connection away.
        if (!isConstraint(error)) connection.__knex__disposed = error;
        throw new DriverError('statement', error, !commit);
      }
    });
  }
}

/** A deferred BEGIN takes the write lock in the middle of the work, where waiting cannot help any more. */
class ImmediateTransaction extends SqliteTransaction {
  override begin(connection: unknown): Promise<unknown> {
    return this.query(connection, 'BEGIN IMMEDIATE;');
  }
}

function settingsOf(config: unknown): SqliteSettings {
  return (config as { readonly connection: SqliteSettings }).connection;
}

function connect(settings: SqliteSettings): SqliteConnection {
  const connection = new Database(pastEncryption(settings.filename), {
    timeout: INNER_BUSY_MS,
  }) as unknown as SqliteConnection;
  try {
    connection.exec(
      settings.readOnly
        ? 'pragma query_only = on'
        : `pragma journal_mode = wal; pragma synchronous = full; pragma recursive_triggers = on; pragma foreign_keys = on`,
    );
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

/**
 * The driver brings a layer for encrypted files between SQLite and the system, on by default, and this one takes a
 * read that failed for one that went well (SQLite3MultipleCiphers, mended there in its pull request 272): a read error
 * while the -wal file is moved into the ledger would put wrong pages into it and throw the right ones away. The URL
 * names the system's own file access instead.
 */
function pastEncryption(filename: string): string {
  const url = pathToFileURL(filename);
  url.searchParams.set('vfs', process.platform === 'win32' ? 'win32' : 'unix');
  return url.href;
}

/** Does no harm when it fails: what is in the -wal file is as safe there. */
function moveIntoFile(connection: SqliteConnection): boolean {
  try {
    connection.exec('pragma busy_timeout = 0; pragma wal_checkpoint(truncate)');
    return true;
  } catch {
    return false;
  }
}

function run(connection: SqliteConnection, query: Query, bindings: readonly unknown[]): void {
  // SQLite rolls back by itself when the disk is full or fails; knex's own rollback has nothing left to do
  // then, and its failure would hide why.
  if (statementKind(query.sql) === 'rollback' && !connection.inTransaction) return;
  const { statement, returnsRows } = prepared(connection, query.sql);
  if (returnsRows) {
    query.response = statement.all(bindings);
    return;
  }
  const result = statement.run(bindings);
  if (result.changes > 0) writers.add(connection);
  query.response = result;
  query.context = { lastID: result.lastInsertRowid, changes: result.changes };
}

function prepared(connection: SqliteConnection, sql: string): Prepared {
  const kept = statements.get(connection) ?? new Map<string, Prepared>();
  statements.set(connection, kept);
  const known = kept.get(sql);
  if (known !== undefined) return known;
  const statement = connection.prepare(sql);
  if (kept.size >= STATEMENTS_KEPT) kept.clear();
  const made = { statement, returnsRows: statement.reader };
  kept.set(sql, made);
  return made;
}

/** Tries again while another process holds the lock, up to the time limit. */
async function patiently<T>(
  settings: SqliteSettings,
  work: () => T,
  mayRepeat: () => boolean = () => true,
): Promise<T> {
  let startedAtMs: number | null = null;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error) || !mayRepeat()) throw error;
      startedAtMs ??= settings.clock.monotonicMs();
      if (settings.clock.monotonicMs() - startedAtMs >= settings.busyTimeoutMs) throw error;
      await settings.clock.sleep(pauseMs);
    }
  }
}
