import { Buffer } from 'node:buffer';
import type { Knex } from 'knex';
import { sha256 } from './ledger/audit-chain.ts';
import { changed, rowsOf, type Binding, type Database, type Row } from './database.ts';
import { json } from './json-rows.ts';

/*
 * The seal of a row: sha256 over its table's name and its own columns, each as its length in bytes
 * and its text, `-` for null. Every write of ours computes it anew, so a row that somebody else has
 * changed does not fit its seal. PostgreSQL computes it in the statement that writes the row; SQLite
 * has no such function, and no round trips to save.
 *
 * Transactions and audit entries have the hash chain instead (audit-chain.ts).
 */

/** The sealed columns of each table, in the order in which they are sealed: all but the seal. */
export const SEALED_COLUMNS = {
  ledger: [
    'id',
    'account',
    'livemode',
    'namespace',
    'created_at',
    'bound_at',
    'moved_to',
    'moved_at',
    'rolled_back_at',
    'rolled_back_evidence',
    'whole_checked_at',
    'whole_witness',
  ],
  stripe_keys: ['key_hash', 'account', 'livemode', 'seen_at'],
  ledger_counts: [
    'shard',
    'transactions',
    'entries',
    'notifications',
    'passes',
    'outages',
    'ledgers',
    'keys',
  ],
  notifications: [
    'id',
    'transaction_id',
    'outage_id',
    'kind',
    'version',
    'resend',
    'recipient',
    'state',
    'attempts',
    'created_at',
    'next_attempt_at',
    'sent_at',
    'message_id',
    'last_error',
    'data',
    'claim_token',
  ],
  passes: [
    'id',
    'host',
    'started_at',
    'finished_at',
    'due',
    'succeeded',
    'failed',
    'canceled',
    'pending',
    'stuck',
    'calls_list',
    'calls_retrieve',
    'calls_other',
    'outage',
    'not_sent',
    'stopped_by',
    'duration_ms',
  ],
  outages: ['id', 'opened_at', 'closed_at', 'evidence'],
} as const;

export type SealedTable = keyof typeof SEALED_COLUMNS;
export type ColumnOf<Table extends SealedTable> = (typeof SEALED_COLUMNS)[Table][number];

export function sealOf<Table extends SealedTable>(
  table: Table,
  row: Readonly<Record<ColumnOf<Table>, Binding>>,
): string {
  const columns: readonly ColumnOf<Table>[] = SEALED_COLUMNS[table];
  return sha256([table, ...columns.map((column) => sealedText(row[column]))].join('\n'));
}

function sealedText(value: Binding): string {
  if (value === null) return '-';
  const text = String(value);
  return `${String(Buffer.byteLength(text))}:${text}`;
}

/** Whether a row that was read is as it was sealed; its values may be of any type. */
export function fitsSeal(table: SealedTable, row: Row): boolean {
  return row['seal'] === sealOf(table, row as Readonly<Record<string, Binding>>);
}

/**
 * The same in PostgreSQL, as an expression. `values` are expressions of the columns that are being
 * set; of the others `others` is the table's name or alias, where they are read.
 */
export function sealSql<Table extends SealedTable>(
  table: Table,
  values: Readonly<Partial<Record<ColumnOf<Table>, string>>>,
  others: string = table,
): string {
  const columns: readonly ColumnOf<Table>[] = SEALED_COLUMNS[table];
  const parts = columns.map((column) => {
    const value = `(${values[column] ?? `${others}.${column}`})::text`;
    return `coalesce(octet_length(${value})::text || ':' || ${value}, '-')`;
  });
  return `encode(sha256(convert_to(concat_ws(E'\\n', '${table}', ${parts.join(', ')}), 'UTF8')), 'hex')`;
}

/** PostgreSQL reads a part once, so that its clock is one instant; SQLite's statement has one anyway. */
export function once({ dialect }: Database): string {
  return dialect === 'postgres' ? 'as materialized' : 'as';
}

/** A bound text in the list of a select, whose type PostgreSQL has to be told. */
export function textParameter({ dialect }: Database): string {
  return dialect === 'postgres' ? '?::text' : '?';
}

export interface SealedUpdate<Table extends SealedTable> {
  /** Common table expressions, without `with`; `v` is the last one, with what `set` is made of. */
  readonly with: string;
  /** Expressions of `v`'s columns; where they name another column of the table, the value before. */
  readonly set: Readonly<Partial<Record<ColumnOf<Table>, string>>>;
  readonly where: string;
  /** Of `with`, then of `where`. */
  readonly bindings: readonly Binding[];
  /** More tables that `where` names. */
  readonly from?: string;
}

/** Updates rows and seals them anew; returns them as they are then. Inside a transaction on SQLite. */
export async function updateSealed<Table extends SealedTable>(
  database: Database,
  sql: Knex,
  table: Table,
  update: SealedUpdate<Table>,
): Promise<readonly Row[]> {
  const set = Object.entries<string | undefined>(update.set).map(
    ([column, value]) => `${column} = ${String(value)}`,
  );
  const seal = database.dialect === 'postgres' ? [`seal = ${sealSql(table, update.set)}`] : [];
  const from = ['v', ...(update.from === undefined ? [] : [update.from])].join(', ');
  const rows = await rowsOf(
    sql,
    `with ${update.with} update ${table} set ${[...set, ...seal].join(', ')} from ${from} where ${update.where} returning ${database.dialect === 'postgres' ? `${table}.*` : '*'}`,
    update.bindings,
  );
  return database.dialect === 'postgres' || rows.length === 0
    ? rows
    : await reseal(sql, table, rows);
}

async function reseal(
  sql: Knex,
  table: SealedTable,
  rows: readonly Row[],
): Promise<readonly Row[]> {
  const sealed = rows.map((row) => ({
    ...row,
    seal: sealOf(table, row as Readonly<Record<string, Binding>>),
  }));
  const key = SEALED_COLUMNS[table][0];
  await changed(
    sql,
    `update ${table} set seal = input.seal
      from (select value->>'key' as key, value->>'seal' as seal from json_each(?)) as input where ${table}.${key} = input.key`,
    [json(sealed.map((row) => ({ key: row[key as keyof typeof row], seal: row.seal })))],
  );
  return sealed;
}

export function insertOf(
  table: string,
  row: Readonly<Record<string, Binding>>,
): { readonly text: string; readonly bindings: readonly Binding[] } {
  const columns = Object.keys(row);
  return {
    text: `insert into ${table} (${columns.join(', ')}) values (${columns.map(() => '?').join(', ')})`,
    bindings: Object.values(row),
  };
}

/** A row with its seal, to be inserted. */
export function withSeal<Table extends SealedTable>(
  table: Table,
  row: Readonly<Record<ColumnOf<Table>, Binding>>,
): Readonly<Record<string, Binding>> {
  return { ...row, seal: sealOf(table, row) };
}
