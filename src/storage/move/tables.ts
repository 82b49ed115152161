import type { Knex } from 'knex';
import { PayreconError } from '../../domain/errors.ts';
import type { Json } from '../../domain/transaction.ts';
import { canonicalJson, sha256 } from '../ledger/audit-chain.ts';
import { firstRow, rowsOf, type Binding, type Database, type Row } from '../database.ts';
import { DriverError, codeOf } from '../driver-errors.ts';
import { resealedLedger } from '../identity.ts';
import { integer } from '../rows.ts';

/*
 * What is taken along, table by table, a few hundred rows at a time. Both databases have the same columns
 * with the same values (instants, amounts and flags are integers, JSON is text), so a row is copied as it
 * is. No column is numbered by its database, so there is no sequence to set. `stripe_budgets` stays: it
 * says what is left of a limit at this moment, and fills again by itself.
 */

export interface MovedTable {
  readonly name: string;
  /** Its primary key; both databases compare the texts of one by their bytes. */
  readonly key: readonly string[];
}

/** A row comes after those that it refers to. */
export const MOVED_TABLES: readonly MovedTable[] = [
  { name: 'transactions', key: ['id'] },
  { name: 'audit_events', key: ['transaction_id', 'seq'] },
  { name: 'outages', key: ['id'] },
  { name: 'notifications', key: ['id'] },
  { name: 'passes', key: ['id'] },
  { name: 'attestations', key: ['id'] },
  { name: 'stripe_keys', key: ['key_hash'] },
  { name: 'ledger', key: ['one'] },
  { name: 'ledger_counts', key: ['shard'] },
];

/** Rows read, written and compared at a time. */
const BATCH = 500;

/**
 * A row as it is at the new place. The ledger there was not moved, and has not been held against Stripe's
 * list yet: the witness of a file says nothing about a server, so the first charge or pass looks.
 */
function asMoved(table: MovedTable, row: Row): Row {
  if (table.name !== 'ledger') return row;
  return {
    ...row,
    ...resealedLedger(row, {
      moved_to: null,
      moved_at: null,
      whole_checked_at: null,
      whole_witness: null,
    }),
  };
}

async function nextRows(
  database: Database,
  { name, key }: MovedTable,
  after: Row | null,
): Promise<readonly Row[]> {
  const where =
    after === null ? '' : `where (${key.join(', ')}) > (${key.map(() => '?').join(', ')})`;
  const bindings = after === null ? [] : key.map((column) => after[column] as Binding);
  const text = `select * from ${name} ${where} order by ${key.join(', ')} limit ${String(BATCH)}`;
  return await database.read((sql) => rowsOf(sql, text, bindings));
}

export interface ReadingTable {
  readonly from: Database;
  readonly table: MovedTable;
  /** Called after each batch with its number of rows. */
  readonly onRows: (batch: number) => void;
}

/** Inside a transaction of the target. */
export async function copyTable(
  { from, table, onRows }: ReadingTable,
  target: Knex,
): Promise<void> {
  for (let after: Row | null = null; ;) {
    const rows = await nextRows(from, table, after);
    const [first] = rows;
    if (first === undefined) return;
    const columns = Object.keys(first).join(', ');
    const texts = JSON.stringify(rows.map((row) => asMoved(table, row)));
    await fitting(table, () =>
      rowsOf(
        target,
        `insert into ${table.name} (${columns}) select ${columns} from json_populate_recordset(null::${table.name}, ?::json)`,
        [texts],
      ),
    );
    onRows(rows.length);
    after = rows.at(-1) ?? null;
  }
}

/** PostgreSQL's class of errors about values: a number that is too large, a letter that the server's encoding lacks. */
const BAD_VALUES = '22';

async function fitting<T>(table: MovedTable, insert: () => Promise<T>): Promise<T> {
  try {
    return await insert();
  } catch (error) {
    if (!(error instanceof DriverError) || !codeOf(error.original).startsWith(BAD_VALUES))
      throw error;
    throw unfit(
      table.name,
      `a value that PostgreSQL does not take: ${error.original.message}`,
      error.original,
    );
  }
}

export function unfit(table: string, what: string, cause?: unknown): PayreconError {
  return new PayreconError(
    'move_unfit',
    `The table ${table} of the ledger holds ${what}. Nothing was taken along, and the ledger stays where it is: go on using it there.`,
    {
      problems: [{ field: '--from', message: 'names a ledger that does not fit into PostgreSQL' }],
      ...(cause === undefined ? {} : { cause }),
    },
  );
}

/** Both sides from their first row to their last one: as many, and each as it was. Null when they agree. */
export async function firstDifference(
  { from, table, onRows }: ReadingTable,
  to: Database,
): Promise<string | null> {
  const there = await countOf(from, table);
  const here = await countOf(to, table);
  if (there !== here)
    return `${table.name} has ${String(there)} rows, and the copy ${String(here)}`;
  for (let after: Row | null = null; ;) {
    const rows: readonly Row[] = await nextRows(from, table, after);
    const copies = await nextRows(to, table, after);
    const differing = rows.findIndex(
      (row, index) => digest(asMoved(table, row)) !== digest(copies[index] ?? {}),
    );
    if (differing >= 0)
      return `a row of ${table.name} is not as it was: ${keyText(table, rows[differing] ?? {})}`;
    onRows(rows.length);
    after = rows.at(-1) ?? null;
    if (after === null) return null;
  }
}

function digest(row: Row): string {
  return sha256(canonicalJson(row as Readonly<Record<string, Json>>));
}

function keyText({ key }: MovedTable, row: Row): string {
  return key.map((column) => String(row[column])).join(' ');
}

export async function countOf(
  database: Database,
  { name }: Pick<MovedTable, 'name'>,
): Promise<number> {
  return integer(
    (await database.read((sql) => firstRow(sql, `select count(*) as count from ${name}`))) ?? {},
    'count',
  );
}
