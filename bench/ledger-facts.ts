import Sqlite from 'libsql';
import pg from 'pg';

export type Facts = Readonly<Record<string, number>>;

/** The one row of figures that a statement gives, whichever database the ledger is in. */
export async function askLedger(url: string, sql: string): Promise<Facts> {
  const row = url.startsWith('sqlite:')
    ? askSqlite(url.slice('sqlite:'.length), sql)
    : await askPostgres(url, sql);
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, Number(value)]));
}

/** Runs statements that answer nothing. */
export async function changeLedger(url: string, sql: string): Promise<void> {
  if (url.startsWith('sqlite:')) {
    const database = new Sqlite(url.slice('sqlite:'.length));
    database.exec(sql);
    database.close();
  } else {
    await onPostgres(url, async (client) => await client.query(sql));
  }
}

function askSqlite(path: string, sql: string): object {
  const database = new Sqlite(path, { timeout: 10_000 });
  const [row] = database.prepare(sql).all() as object[];
  database.close();
  return row ?? {};
}

async function askPostgres(url: string, sql: string): Promise<object> {
  const { rows } = await onPostgres(url, async (client) => await client.query<object>(sql));
  return rows[0] ?? {};
}

async function onPostgres<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** What must be so after a backlog was worked off: every row settled by one entry of its own, and one e-mail for each. */
export async function checkSettledOnce(url: string, rows: number): Promise<void> {
  const facts = await askLedger(
    url,
    `select (select count(*) from transactions) as transactions,
       (select count(*) from transactions where status = 'succeeded' and version = 3) as settled,
       (select count(*) from audit_events where action = 'settled') as entries,
       (select count(distinct transaction_id) from audit_events where action = 'settled') as different,
       (select count(*) from notifications where kind = 'customer_succeeded') as mails`,
  );
  const wrong = Object.entries(facts).filter(([, count]) => count !== rows);
  if (wrong.length > 0 || Object.keys(facts).length !== 5)
    throw new Error(
      `not everything is settled exactly once: ${JSON.stringify(facts)} of ${String(rows)}`,
    );
}
