import { entryHash, type ChainEntry } from '../../src/storage/ledger/audit-chain.ts';
import { STATE_COLUMNS } from '../../src/storage/columns.ts';
import { COUNTED_TABLES } from '../../src/storage/counts.ts';
import {
  changesOf,
  changesText,
  replay,
  type Replayed,
  type RowChanges,
} from '../../src/storage/ledger/row-changes.ts';
import { chainEntryOf } from '../../src/storage/rows.ts';
import { fitsSeal, SEALED_COLUMNS, sealOf, type SealedTable } from '../../src/storage/seals.ts';
import type { Binding, Row } from '../../src/storage/database.ts';
import type { RawConnection } from '../storage/targets.ts';

/*
 * A test that moves time in a ledger, or fills one, writes past payrecon, and `audit verify` finds that.
 * These make its seals true again, as somebody would who recomputes every hash.
 */

type Dialect = 'sqlite' | 'postgres';

/** Runs statements past the triggers that refuse them, which are there again afterwards. */
export async function pastTriggers(
  raw: RawConnection,
  dialect: Dialect,
  statements: readonly string[],
): Promise<void> {
  if (statements.length === 0) return;
  if (dialect === 'postgres') {
    await raw.run(
      `begin; set local session_replication_role = replica; ${statements.join(';\n')}; commit`,
    );
    return;
  }
  const triggers = await raw.rows(`select name, sql from sqlite_schema where type = 'trigger'`);
  const dropped = triggers.map(({ name }) => `drop trigger ${String(name)}`);
  await raw.run(
    `begin immediate; ${[...dropped, ...statements, ...triggers.map(({ sql }) => String(sql))].join(';\n')}; commit`,
  );
}

/** Makes the last entry of each changed row say that it wrote what the row says now, and seals what else was changed. */
export async function reseal(raw: RawConnection, dialect: Dialect): Promise<void> {
  await pastTriggers(raw, dialect, [
    ...(await trailStatements(raw)),
    ...(await rowStatements(raw)),
  ]);
}

/** The counts as the tables are. */
export async function recount(raw: RawConnection): Promise<void> {
  const counts = Object.entries(COUNTED_TABLES).map(
    ([name, table]) => `(select count(*) from ${table}) as ${name}`,
  );
  const [there] = await raw.rows(`select ${counts.join(', ')}`);
  const shards = await raw.rows('select shard from ledger_counts order by shard');
  for (const { shard } of shards) {
    const row = {
      shard: Number(shard),
      ...Object.fromEntries(
        Object.keys(COUNTED_TABLES).map((name) => [name, shard === 0 ? Number(there?.[name]) : 0]),
      ),
    };
    await raw.run(
      `update ledger_counts set ${setList({ ...row, seal: sealOf('ledger_counts', row as never) })} where shard = ${String(shard)}`,
    );
  }
}

async function trailStatements(raw: RawConnection): Promise<readonly string[]> {
  const rows = await raw.rows('select * from transactions');
  const entries = await raw.rows('select * from audit_events order by transaction_id, seq');
  const byId = new Map<string, ChainEntry[]>();
  for (const row of entries.map(numbered))
    byId.set(String(row['transaction_id']), [
      ...(byId.get(String(row['transaction_id'])) ?? []),
      chainEntryOf(row),
    ]);
  return rows.flatMap((row) => resealedTrail(numbered(row), byId.get(String(row['id'])) ?? []));
}

function resealedTrail(row: Row, trail: readonly ChainEntry[]): readonly string[] {
  const replayed: Replayed = new Map();
  for (const entry of trail) {
    const changes = entry.changes === null ? null : changesOf(entry.changes);
    if (changes !== null) replay(replayed, entry, changes);
  }
  const last = trail.at(-1);
  if (last?.changes === null || last === undefined || replayed.size === 0) return [];
  const differing = STATE_COLUMNS.filter((column) => replayed.get(column) !== row[column]);
  if (differing.length === 0) return [];
  const before = changesOf(last.changes);
  const set = {
    ...before?.set,
    ...Object.fromEntries(differing.map((column) => [column, row[column] as Binding])),
  };
  const at = Object.fromEntries(
    Object.entries(before?.at ?? {}).filter(([column]) => !(column in set)),
  );
  const changes: RowChanges = { set, at, mails: before?.mails ?? [] };
  const sealed = { ...last, changes: changesText(changes) };
  const hash = entryHash(trail.at(-2)?.hash ?? '', sealed);
  const where = `transaction_id = ${literal(last.transactionId)} and seq = ${String(last.seq)}`;
  return [
    `update audit_events set changes = ${literal(sealed.changes)}, hash = ${literal(hash)} where ${where}`,
    `update transactions set audit_hash = ${literal(hash)} where id = ${literal(last.transactionId)}`,
  ];
}

async function rowStatements(raw: RawConnection): Promise<readonly string[]> {
  const statements: string[] = [];
  for (const table of Object.keys(SEALED_COLUMNS) as SealedTable[]) {
    const key = SEALED_COLUMNS[table][0];
    for (const row of (await raw.rows(`select * from ${table}`)).map(numbered)) {
      if (!fitsSeal(table, row))
        statements.push(
          `update ${table} set seal = ${literal(sealOf(table, row as never))} where ${key} = ${literal(row[key] as Binding)}`,
        );
    }
  }
  return statements;
}

/** PostgreSQL's driver gives 64-bit integers as text, to a connection that nobody told otherwise. */
function numbered(row: Record<string, unknown>): Row {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      isInteger(name, value) ? Number(value) : value,
    ]),
  );
}

const INTEGERS =
  /(_at|_by|_since|_ms|^amount|^amount_received|^at|^transactions|^entries|^notifications|^passes|^outages|^ledgers|^keys)$/;

function isInteger(name: string, value: unknown): boolean {
  return typeof value === 'string' && INTEGERS.test(name) && /^-?\d+$/.test(value);
}

function setList(row: Readonly<Record<string, Binding>>): string {
  return Object.entries(row)
    .map(([column, value]) => `${column} = ${literal(value)}`)
    .join(', ');
}

function literal(value: Binding): string {
  if (value === null) return 'null';
  return typeof value === 'number' ? String(value) : `'${value.replaceAll("'", "''")}'`;
}
