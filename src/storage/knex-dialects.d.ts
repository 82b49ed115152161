/*
 * The two dialects of knex that payrecon extends. knex declares types for its client in general and
 * none for these; what is declared here is what the subclasses in this folder use.
 */

declare module 'knex/lib/dialects/better-sqlite3/index.js' {
  import type { Knex } from 'knex';
  class BetterSqlite3Client extends Knex.Client {
    _driver(): unknown;
    _query(connection: unknown, query: object): Promise<object>;
    _formatBindings(bindings: readonly unknown[] | undefined): unknown[];
  }
  export = BetterSqlite3Client;
}

declare module 'knex/lib/dialects/sqlite3/execution/sqlite-transaction.js' {
  class SqliteTransaction {
    constructor(client: unknown, ...rest: unknown[]);
    begin(connection: unknown): Promise<unknown>;
    query(connection: unknown, sql: string, status?: number, value?: unknown): Promise<unknown>;
  }
  export = SqliteTransaction;
}

declare module 'knex/lib/dialects/postgres/index.js' {
  import type { Knex } from 'knex';
  class PostgresClient extends Knex.Client {
    _query(connection: unknown, query: object): Promise<object>;
  }
  export = PostgresClient;
}

declare module 'knex/lib/dialects/postgres/execution/pg-transaction.js' {
  class PostgresTransaction {
    constructor(client: unknown, ...rest: unknown[]);
    begin(connection: unknown): Promise<unknown>;
    query(connection: unknown, sql: string, status?: number, value?: unknown): Promise<unknown>;
  }
  export = PostgresTransaction;
}
