import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { Knex } from 'knex';

/*
 * Seals the rows that were there before rows had seals, as src/storage/seals.ts defines them: sha256
 * over the table's name and the columns in this order, each as its length in bytes and its text. A
 * copy on purpose: a migration does what it did when it was released.
 */

export const SEALED_AT_0004 = {
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
} as const;

type Table = keyof typeof SEALED_AT_0004;
type Row = Readonly<Record<string, string | number | null>>;

/** Rows at a time on SQLite, which has no sha256 of its own. */
const BATCH = 1_000;

export async function sealCounts(knex: Knex): Promise<void> {
  for (const row of await rowsOf(knex, 'select * from ledger_counts')) {
    await knex.raw('update ledger_counts set seal = ? where shard = ?', [
      sealOf('ledger_counts', row),
      row['shard'] ?? null,
    ]);
  }
}

export async function sealRows(knex: Knex, table: Exclude<Table, 'ledger_counts'>): Promise<void> {
  if (!(knex.client as Knex.Client).driverName.includes('sqlite')) {
    await knex.raw(`update ${table} set seal = ${sealSql(table)}`);
    return;
  }
  for (let after = ''; ;) {
    const rows = await rowsOf(
      knex,
      `select * from ${table} where id > ? order by id limit ${String(BATCH)}`,
      [after],
    );
    const last = rows.at(-1);
    if (last === undefined) return;
    const seals = rows.map((row) => ({ id: row['id'], seal: sealOf(table, row) }));
    await knex.raw(
      `update ${table} set seal = input.seal
        from (select value->>'id' as id, value->>'seal' as seal from json_each(?)) as input where ${table}.id = input.id`,
      [JSON.stringify(seals)],
    );
    after = String(last['id']);
  }
}

async function rowsOf(
  knex: Knex,
  text: string,
  bindings: readonly string[] = [],
): Promise<readonly Row[]> {
  const result = await knex.raw<readonly Row[] | { readonly rows: readonly Row[] }>(text, bindings);
  return 'rows' in result ? result.rows : result;
}

export function sealOf(table: Table, row: Row): string {
  const parts = SEALED_AT_0004[table].map((column) => {
    const value = row[column] ?? null;
    return value === null ? '-' : `${String(Buffer.byteLength(String(value)))}:${String(value)}`;
  });
  return createHash('sha256')
    .update([table, ...parts].join('\n'))
    .digest('hex');
}

function sealSql(table: Table): string {
  const parts = SEALED_AT_0004[table].map(
    (column) => `coalesce(octet_length(${column}::text)::text || ':' || ${column}::text, '-')`,
  );
  return `encode(sha256(convert_to(concat_ws(E'\\n', '${table}', ${parts.join(', ')}), 'UTF8')), 'hex')`;
}
