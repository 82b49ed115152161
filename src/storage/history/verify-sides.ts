import type { AuditFinding } from '../../app/ports.ts';
import { COUNT_SHARDS, COUNTED_TABLES } from '../counts.ts';
import { rowsOf, type Database } from '../database.ts';
import { fitsSeal, SEALED_COLUMNS, type SealedTable } from '../seals.ts';

/*
 * Rows that belong to no transaction: each against its seal, and all of them counted. They are few
 * beside the payments.
 */

/** Rows read at a time. */
const BATCH = 1_000;

const TABLES = ['ledger', 'stripe_keys', 'outages', 'passes'] as const;

export async function sideFinding(database: Database): Promise<AuditFinding | null> {
  for (const table of TABLES) {
    const finding = await tableFinding(database, table);
    if (finding !== null) return finding;
  }
  return await outageMailsFinding(database);
}

async function tableFinding(database: Database, table: SealedTable): Promise<AuditFinding | null> {
  const key = SEALED_COLUMNS[table][0];
  for (let after = ''; ;) {
    const rows = await database.read((sql) =>
      rowsOf(sql, `select * from ${table} where ${key} > ? order by ${key} limit ?`, [
        after,
        BATCH,
      ]),
    );
    const bad = rows.find((row) => !fitsSeal(table, row));
    if (bad !== undefined)
      return found(
        table,
        String(bad[key]),
        'the row is not what was sealed when payrecon last wrote it',
      );
    const last = rows.at(-1);
    if (last === undefined) return null;
    after = String(last[key]);
  }
}

/** What an operator is told once: sealed, and there for each outage and each cause. */
async function outageMailsFinding(database: Database): Promise<AuditFinding | null> {
  const [silent] = await database.read((sql) =>
    rowsOf(
      sql,
      `select id from outages where not exists (select 1 from notifications n where n.outage_id = outages.id and n.resend = 0) order by id limit 1`,
    ),
  );
  if (silent !== undefined)
    return found(
      'outages',
      String(silent['id']),
      'the e-mail that told the operator of it is gone',
    );
  for (let after = ''; ;) {
    const rows = await database.read((sql) =>
      rowsOf(
        sql,
        'select * from notifications where outage_id is not null and id > ? order by id limit ?',
        [after, BATCH],
      ),
    );
    const bad = rows.find((row) => !fitsSeal('notifications', row));
    if (bad !== undefined)
      return found(
        'notifications',
        String(bad['id']),
        'the e-mail is not what was sealed when payrecon last wrote it',
      );
    const last = rows.at(-1);
    if (last === undefined) return null;
    after = String(last['id']);
  }
}

/** By one statement, so that no writer comes in between. */
export async function countsFinding(database: Database): Promise<AuditFinding | null> {
  const counts = Object.entries(COUNTED_TABLES).map(
    ([name, table]) => `(select count(*) from ${table}) as there_${name}`,
  );
  const rows = await database.read((sql) =>
    rowsOf(sql, `select *, ${counts.join(', ')} from ledger_counts order by shard`),
  );
  const expected = Array.from({ length: COUNT_SHARDS }, (_, shard) => shard);
  if (
    rows.length !== COUNT_SHARDS ||
    !expected.every((shard) => rows[shard]?.['shard'] === shard)
  ) {
    return found(
      'ledger_counts',
      null,
      `the counts have ${String(rows.length)} rows instead of ${String(COUNT_SHARDS)}`,
    );
  }
  const bad = rows.find((row) => !fitsSeal('ledger_counts', row));
  if (bad !== undefined)
    return found(
      'ledger_counts',
      String(bad['shard']),
      'the count is not what was sealed when payrecon last wrote it',
    );
  for (const [name, table] of Object.entries(COUNTED_TABLES)) {
    const written = rows.reduce((sum, row) => sum + Number(row[name]), 0);
    const there = Number(rows[0]?.[`there_${name}`]);
    if (written !== there) return found(table, null, differs(written, there));
  }
  return null;
}

function differs(written: number, there: number): string {
  const difference = Math.abs(written - there);
  const rows = `${String(difference)} ${difference === 1 ? 'row' : 'rows'}`;
  return there < written
    ? `${rows} of ${String(written)} that payrecon wrote ${difference === 1 ? 'is' : 'are'} gone`
    : `${rows} of ${String(there)} ${difference === 1 ? 'was' : 'were'} not written by payrecon`;
}

function found(table: string, id: string | null, problem: string): AuditFinding {
  return { table, id, transactionId: null, seq: null, problem };
}
