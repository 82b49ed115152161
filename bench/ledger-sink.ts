import Sqlite from 'libsql';
import pg from 'pg';
import { recount } from '../test/support/reseal.ts';

export type Cells = Readonly<Record<string, string | number | null>>;

/** Where many rows go at once: past the triggers, and with the indexes made afterwards, which is far cheaper than row by row. */
export interface Sink {
  /** Tables with their rows, which all have the same columns in the same order. */
  insert(tables: readonly (readonly [string, readonly Cells[]])[]): Promise<void>;
  /** A statement that makes its rows inside the database; `words` is what the two databases call differently. */
  run(sql: string): Promise<void>;
  readonly words: SinkWords;
  /** Makes the indexes again, and leaves the database as its own upkeep would. */
  close(): Promise<void>;
}

export interface SinkWords {
  /** A select of one column, `n`. */
  numbers(from: number, to: number): string;
  /** So many hexadecimal digits of chance, at most 64. */
  digits(count: number): string;
  /** Eight hexadecimal digits that follow from a number and do not sort as it does. */
  scattered(n: string): string;
}

const SQLITE_WORDS: SinkWords = {
  numbers: (from, to) =>
    `with recursive series(n) as (select ${String(from)} union all select n + 1 from series where n < ${String(to)}) select n from series`,
  digits: (count) => `lower(hex(randomblob(${String(count / 2)})))`,
  scattered: (n) => `printf('%08X', ${n} * 2654435761 % 4294967296)`,
};

const POSTGRES_WORDS: SinkWords = {
  numbers: (from, to) =>
    `select n from generate_series(${String(from)}::bigint, ${String(to)}) as series(n)`,
  digits: (count) => `substr(encode(sha256(float8send(random())), 'hex'), 1, ${String(count)})`,
  scattered: (n) => `upper(lpad(to_hex(${n} * 2654435761 % 4294967296), 8, '0'))`,
};

export async function openSink(url: string): Promise<Sink> {
  return url.startsWith('sqlite:')
    ? sqliteSink(url.slice('sqlite:'.length))
    : await postgresSink(url);
}

interface Index {
  readonly name: string;
  readonly sql: string;
}

function sqliteSink(path: string): Sink {
  const database = new Sqlite(path);
  database.exec(
    'pragma journal_mode = off; pragma synchronous = off; pragma locking_mode = exclusive; pragma foreign_keys = off; pragma cache_size = -2000000; pragma threads = 2',
  );
  const indexes = database
    .prepare(
      `select name, sql from sqlite_schema where type = 'index' and sql is not null and tbl_name in ('transactions', 'notifications')`,
    )
    .all() as Index[];
  for (const { name } of indexes) database.exec(`drop index ${name}`);
  const statements = new Map<string, ReturnType<typeof database.prepare>>();
  const statementOf = (
    table: string,
    columns: readonly string[],
  ): ReturnType<typeof database.prepare> => {
    const known =
      statements.get(table) ??
      database.prepare(
        `insert into ${table} (${columns.join(', ')}) values (${columns.map(() => '?').join(', ')})`,
      );
    statements.set(table, known);
    return known;
  };
  return {
    words: SQLITE_WORDS,
    run(sql) {
      database.exec(sql);
      return Promise.resolve();
    },
    insert(tables) {
      database.exec('begin');
      for (const [table, rows] of tables) {
        for (const row of rows) statementOf(table, Object.keys(row)).run(Object.values(row));
      }
      database.exec('commit');
      return Promise.resolve();
    },
    async close() {
      for (const { sql } of indexes) database.exec(sql);
      await recount({
        run: (sql) => Promise.resolve(void database.exec(sql)),
        rows: (sql) => Promise.resolve(database.prepare(sql).all() as Record<string, unknown>[]),
      });
      database.exec('pragma locking_mode = normal; pragma journal_mode = wal');
      database.close();
    },
  };
}

async function postgresSink(url: string): Promise<Sink> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(
    `set synchronous_commit = off; set session_replication_role = replica; set maintenance_work_mem = '1GB'`,
  );
  const { rows: indexes } = await client.query<Index>(
    `select c.relname as name, pg_get_indexdef(i.indexrelid) as sql from pg_index i join pg_class c on c.oid = i.indexrelid
      where i.indrelid in ('transactions'::regclass, 'notifications'::regclass) and not exists (select 1 from pg_constraint k where k.conindid = i.indexrelid)`,
  );
  for (const { name } of indexes) await client.query(`drop index ${name}`);
  return {
    words: POSTGRES_WORDS,
    async run(sql) {
      await client.query(sql);
    },
    async insert(tables) {
      for (const [table, rows] of tables) {
        const columns = Object.keys(rows[0] ?? {}).join(', ');
        if (columns !== '')
          await client.query(
            `insert into ${table} (${columns}) select ${columns} from json_populate_recordset(null::${table}, $1::json)`,
            [JSON.stringify(rows)],
          );
      }
    },
    async close() {
      for (const { sql } of indexes) await client.query(sql);
      await recount({
        run: async (sql) => {
          await client.query(sql);
        },
        rows: async (sql) => (await client.query<Record<string, unknown>>(sql)).rows,
      });
      for (const table of ['transactions', 'audit_events', 'notifications'])
        await client.query(`vacuum (analyze) ${table}`);
      await client.end();
    },
  };
}
