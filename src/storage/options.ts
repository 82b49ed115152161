import type { Chance, Clock } from '../app/ports.ts';
import type { Database } from './database.ts';
import type { Gate } from './statement-hook.ts';

export interface StorageOptions {
  /** `sqlite:PATH` or `postgres://USER:PASSWORD@HOST:PORT/NAME`. */
  readonly url: string;
  readonly clock: Clock;
  readonly chance: Chance;
  /** How long a claim lasts unless it is renewed. */
  readonly leaseMs?: number;
  /** How long a locked SQLite file is waited for. */
  readonly busyTimeoutMs?: number;
  /** Bring the schema up to date when opening; on by default for SQLite only. */
  readonly autoMigrate?: boolean;
  /** Accept a schema that is not the current one: for `migrate` and `doctor`. */
  readonly anySchema?: boolean;
  /**
   * Make a ledger where there is none. Without it a file that is missing, and a database without our
   * tables, answer `no_ledger`: a wrong address must not look like a ledger without payments.
   */
  readonly mayCreate: boolean;
  /** Refuse every write, and make no file. */
  readonly readOnly?: boolean;
  /** Tests move the database's clock by this. */
  readonly nowOffsetMs?: () => number;
  /** Tests see, hold up and break every statement by this. */
  readonly gate?: Gate;
}

/** The options with their defaults filled in, as the two databases get them. */
export interface OpeningOptions extends StorageOptions {
  readonly leaseMs: number;
  readonly busyTimeoutMs: number;
}

export interface OpenedDatabase {
  readonly database: Database;
  readonly warnings: () => readonly string[];
  /** See Identity: it differs after a restore or a failover. */
  readonly witness: () => Promise<string>;
}
