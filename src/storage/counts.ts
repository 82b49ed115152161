import type { Knex } from 'knex';
import { changed, firstRow, type Binding, type Database, type Row } from './database.ts';
import { integer, jsonObject } from './rows.ts';
import { sealOf, sealSql } from './seals.ts';

/*
 * How much the ledger holds, counted by the writes themselves in the SQL transaction that adds it, so
 * that rows which somebody took away are missed. On PostgreSQL each write takes one of the shards at
 * random, and takes it last: writers of different rows hardly ever wait for each other, and never in a
 * circle. SQLite has one writer, and one shard.
 */

/** As many rows as migrations/0004_attempts makes. */
export const COUNT_SHARDS = 16;

/** What is counted, by its column of `ledger_counts`, and the table that holds it. */
export const COUNTED_TABLES = {
  transactions: 'transactions',
  entries: 'audit_events',
  notifications: 'notifications',
  passes: 'passes',
  outages: 'outages',
  ledgers: 'ledger',
  keys: 'stripe_keys',
} as const;

type Counted = keyof typeof COUNTED_TABLES;
const COUNTED = Object.keys(COUNTED_TABLES) as readonly Counted[];
export type Added = Readonly<Partial<Record<Counted, number>>>;

/** SQLite's only one. */
const ONE_SHARD = 0;

export function shardOf(database: Database): number {
  return Math.min(COUNT_SHARDS - 1, Math.floor(database.chance.uniform() * COUNT_SHARDS));
}

/**
 * For one statement of PostgreSQL's that also writes: `added` has to be a materialized part of it with
 * one row, `when` true if anything was written. The shard's number is the one binding.
 */
export function countedPart(
  added: Readonly<Partial<Record<Counted, string>>>,
  when: string,
): string {
  const sums = Object.fromEntries(
    COUNTED.flatMap((name) =>
      added[name] === undefined ? [] : [[name, `ledger_counts.${name} + ${added[name]}`]],
    ),
  );
  const set = Object.entries(sums).map(([name, sum]) => `${name} = ${sum}`);
  return `update ledger_counts set ${set.join(', ')}, seal = ${sealSql('ledger_counts', sums)}
    from added where ledger_counts.shard = ? and ${when}`;
}

/** A statement that inserts, together with its count: one round trip. SQLite gets two statements. */
export async function insertCounted(
  database: Database,
  sql: Knex,
  insert: { readonly text: string; readonly bindings: readonly Binding[] },
  added: Added,
): Promise<number> {
  if (database.dialect === 'sqlite') {
    const count = await changed(sql, insert.text, insert.bindings);
    if (count > 0) await addCounts(database, sql, added);
    return count;
  }
  const numbers = Object.fromEntries(
    Object.entries(added).map(([name, value]) => [name, String(value)]),
  );
  const row = await firstRow(
    sql,
    `with inserted as (${insert.text} returning 1),
     added as materialized (select count(*) as rows from inserted),
     counted as (${countedPart(numbers, 'added.rows > 0')})
     select rows from added`,
    [...insert.bindings, shardOf(database)],
  );
  return integer(row ?? {}, 'rows');
}

/** For a select of SQLite's that is sent anyway, at the beginning of the transaction that adds. */
export const COUNTS_READ = `(select json_object(${COUNTED.map((name) => `'${name}', ${name}`).join(', ')})
  from ledger_counts where shard = ${String(ONE_SHARD)}) as counts`;

/** SQLite, inside a transaction. */
async function addCounts(database: Database, sql: Knex, added: Added): Promise<void> {
  await writeCounts(database, sql, (await firstRow(sql, `select ${COUNTS_READ}`)) ?? {}, added);
}

/** The same where the shard was read before. One that somebody took away is found by `audit verify`. */
export async function writeCounts(
  database: Database,
  sql: Knex,
  read: Row,
  added: Added,
): Promise<void> {
  if (read['counts'] === null) return;
  const before = jsonObject(read, 'counts');
  database.head?.entering(integer(before, 'entries'));
  const sums = Object.fromEntries(
    COUNTED.map((name) => [name, integer(before, name) + (added[name] ?? 0)]),
  ) as Record<Counted, number>;
  database.head?.wrote(sums.entries);
  await changed(
    sql,
    `update ledger_counts set ${COUNTED.map((name) => `${name} = ?`).join(', ')}, seal = ? where shard = ?`,
    [
      ...COUNTED.map((name) => sums[name]),
      sealOf('ledger_counts', { shard: ONE_SHARD, ...sums }),
      ONE_SHARD,
    ],
  );
}
