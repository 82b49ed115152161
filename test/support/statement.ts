import Sqlite from 'libsql';
import { Client } from 'pg';

type Row = Record<string, unknown>;

/**
 * One statement on a connection of its own, which is closed again: for ledgers whose file or database
 * is replaced later in the test, under whoever still holds it open.
 */
export async function statement(url: string, sql: string): Promise<readonly Row[]> {
  return url.startsWith('sqlite:')
    ? onSqlite(url.slice('sqlite:'.length), sql)
    : await onPostgres(url, sql);
}

function onSqlite(path: string, sql: string): readonly Row[] {
  const connection = new Sqlite(path, { timeout: 5_000 });
  try {
    if (/^(select|pragma)/i.test(sql)) return connection.prepare(sql).all() as Row[];
    connection.exec(sql);
    return [];
  } finally {
    connection.close();
  }
}

async function onPostgres(url: string, sql: string): Promise<readonly Row[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}
