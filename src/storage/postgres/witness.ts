import { BugError, PayreconError } from '../../domain/errors.ts';
import { firstRow, type Database, type Row } from '../database.ts';
import type { LostConnections } from './client.ts';
import { text, textOrNull } from '../rows.ts';

/*
 * What the ledger is stored in, as far as the server tells: its database and table (others after a
 * dump was restored), its timeline (the next one after a standby was promoted or a backup was
 * recovered), and when the server was started, which no restored set of files survives.
 */

const ENCODING =
  '(select pg_encoding_to_char(encoding) from pg_database where datname = current_database())::text as encoding';
const PARTS = `${ENCODING}, (select oid::text from pg_database where datname = current_database()) as database_oid,
  to_regclass('transactions')::oid::text as table_oid,
  (extract(epoch from pg_postmaster_start_time()) * 1000)::bigint::text as started_at`;
/** A replica has no end of its log to ask for. */
const TIMELINE =
  'case when pg_is_in_recovery() then null else left(pg_walfile_name(pg_current_wal_lsn()), 8) end as timeline';
const NO_TIMELINE = 'null::text as timeline';

/** A pooler hides from us that the server behind it is another one: it is asked again after this. */
const KNOWN_FOR_MS = 60_000;

export interface Greeting {
  readonly user: string;
  readonly replica: boolean;
  /** How the database stores letters: `UTF8`, `LATIN1`, .. */
  readonly encoding: string;
  readonly witness: string;
}

/** One round trip: who we are there, whether it is a replica, and where the ledger is. */
export async function greeting(database: Database): Promise<Greeting> {
  const row = await withTimeline(database);
  return {
    user: text(row, 'name'),
    replica: row['replica'] === true,
    encoding: text(row, 'encoding'),
    witness: witnessOf(row),
  };
}

/** The first one is known from the greeting, and asked for again once a connection was lost. */
export function postgresWitness(
  database: Database,
  first: Greeting,
  lost: LostConnections,
): () => Promise<string> {
  let known = { witness: first.witness, lost: lost.count, atMs: database.clock.monotonicMs() };
  return async () => {
    const nowMs = database.clock.monotonicMs();
    const stands =
      known.lost === lost.count &&
      nowMs - known.atMs < KNOWN_FOR_MS &&
      !known.witness.includes(NO_TABLE);
    if (!stands)
      known = { lost: lost.count, atMs: nowMs, witness: (await greeting(database)).witness };
    return known.witness;
  };
}

const NO_TABLE = 'no table';

function witnessOf(row: Row): string {
  const table = textOrNull(row, 'table_oid') ?? NO_TABLE;
  const timeline = textOrNull(row, 'timeline') ?? 'unknown';
  return `database ${text(row, 'database_oid')}, table ${table}, timeline ${timeline}, started ${text(row, 'started_at')}`;
}

/** Some hosted servers do not let everybody see where their log ends. */
async function withTimeline(database: Database): Promise<Row> {
  try {
    return await ask(database, TIMELINE);
  } catch (error) {
    const refused =
      error instanceof BugError ||
      (error instanceof PayreconError && error.code === 'database_not_permitted');
    if (!refused) throw error;
    return await ask(database, NO_TIMELINE);
  }
}

async function ask(database: Database, timeline: string): Promise<Row> {
  const row = await database.read((sql) =>
    firstRow(
      sql,
      `select current_user::text as name, pg_is_in_recovery() as replica, ${PARTS}, ${timeline}`,
    ),
  );
  if (row === null) throw new BugError('the database did not answer who we are');
  return row;
}
