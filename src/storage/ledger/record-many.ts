import type { Knex } from 'knex';
import { BugError } from '../../domain/errors.ts';
import { holdsReference } from '../../domain/statuses.ts';
import type { Instant, Transaction } from '../../domain/transaction.ts';
import { actorText, canonicalJson, entryHash, textAroundInstant } from './audit-chain.ts';
import { countedPart, COUNTS_READ, shardOf, writeCounts } from '../counts.ts';
import { changed, rowsOf, type Binding, type Database } from '../database.ts';
import { UniqueViolation } from '../driver-errors.ts';
import { declared, fromJson, json } from '../json-rows.ts';
import { AUDIT_COLUMNS, auditRow } from './audit.ts';
import { writtenTransaction } from './changes.ts';
import { KEY_TYPES, keyOf, OURS, rowUpdate } from './row-update.ts';
import { entryOf, ours, type Recording } from './recording.ts';
import { NOTIFICATION_COLUMNS, QUEUED_SELECT, queuedRow } from './notification-insert.ts';
import { integer, text } from '../rows.ts';

/*
 * Transitions of any number of rows in one SQL transaction, one or hundreds by the same statements: their values are in
 * one JSON text. Version and lease token are compared in the UPDATE itself, so a stale writer changes nothing, and each
 * row is taken or refused by itself: one that somebody else has changed meanwhile is only left out. The audit entries
 * and the e-mails are written with the rows or not at all.
 */

type Results = readonly (Transaction | null)[];

/** As they are now, null where somebody else came first. */
export async function recordMany(
  database: Database,
  recordings: readonly Recording[],
): Promise<Results> {
  try {
    return await write(database, recordings);
  } catch (error) {
    // A row that comes back, because its truth arrived late, can meet another one that holds its reference.
    // What Stripe says is recorded all the same.
    const [only, ...others] = recordings;
    if (!(error instanceof UniqueViolation) || only === undefined || others.length > 0) throw error;
    if (!takesReferenceBack(only)) throw error;
    return await write(database, [sharingReference(only)]);
  }
}

function takesReferenceBack({ current, next }: Recording): boolean {
  return (
    current.reference !== null && !holdsReference(current.status) && holdsReference(next.status)
  );
}

/** See the index transactions_reference_held. */
function sharingReference(recording: Recording): Recording {
  const { writes, detail } = recording;
  return {
    ...recording,
    writes: { ...writes, set: { ...writes.set, reference_shared: 1 } },
    detail: { ...detail, reference_also_held: true },
  };
}

async function write(database: Database, recordings: readonly Recording[]): Promise<Results> {
  if (database.dialect === 'sqlite') {
    const at = await database.transact((sql) => writeToSqlite(database, sql, recordings));
    return recordings.map((recording) => writtenAt(recording, at));
  }
  return await database.write(async (sql, attempt) => {
    const at = await writeToPostgres(database, sql, recordings);
    const results: (Transaction | null)[] = [];
    for (const recording of recordings)
      results.push(writtenAt(recording, at) ?? (await ours(sql, recording, attempt)));
    return results;
  });
}

/** When each of the rows was written, by their ids. */
type WrittenAt = ReadonlyMap<string, Instant>;

function writtenAt({ current, writes }: Recording, at: WrittenAt): Transaction | null {
  const now = at.get(current.id);
  return now === undefined ? null : writtenTransaction(current, writes, now);
}

/** No round trips to save, and no hash function in SQL; so first the clock and the ends of the chains, then the rest. */
async function writeToSqlite(
  database: Database,
  sql: Knex,
  recordings: readonly Recording[],
): Promise<WrittenAt> {
  const heads = await rowsOf(
    sql,
    `with clock as (select ${database.now()} as now), input as materialized (${fromJson(Object.keys(KEY_TYPES))})
     select transactions.id, audit_hash, clock.now, ${COUNTS_READ} from input, transactions, clock where ${OURS}`,
    [json(recordings.map(keyOf))],
  );
  const [head] = heads;
  if (head === undefined) return new Map();
  const now = integer(head, 'now');
  const hashOf = new Map(heads.map((row) => [text(row, 'id'), text(row, 'audit_hash')]));
  const taken = recordings.filter(({ current }) => hashOf.has(current.id));
  const entries = taken.map((recording) => {
    const entry = { ...entryOf(recording), at: now };
    return { ...entry, hash: entryHash(hashOf.get(entry.transactionId) ?? '', entry) };
  });
  const { set, types, rows } = rowUpdate(taken);
  const count = await changed(
    sql,
    `with clock as (select ? as now), input as materialized (${fromJson([...Object.keys(types), 'hash'])})
     update transactions set ${set}, audit_hash = input.hash from input, clock where ${OURS}`,
    [now, json(rows.map((row, index) => ({ ...row, hash: entries[index]?.hash })))],
  );
  if (count !== taken.length) throw new BugError('rows changed within a transaction');
  await insertRows(sql, { table: 'audit_events', columns: AUDIT_COLUMNS }, entries.map(auditRow));
  const mails = taken.flatMap((recording) => mailsOf(recording, now));
  await insertRows(sql, { table: 'notifications', columns: NOTIFICATION_COLUMNS }, mails);
  await writeCounts(database, sql, head, { entries: entries.length, notifications: mails.length });
  return new Map(taken.map(({ current }) => [current.id, now]));
}

async function insertRows(
  sql: Knex,
  { table, columns }: { readonly table: string; readonly columns: string },
  rows: readonly Readonly<Record<string, Binding>>[],
): Promise<void> {
  if (rows.length === 0) return;
  await changed(sql, `insert into ${table} (${columns}) ${fromJson(columns.split(', '))}`, [
    json(rows),
  ]);
}

const SEALED = {
  sealed_before: 'text',
  sealed_after: 'text',
  actor: 'text',
  action: 'text',
  from_status: 'text',
  from_step: 'text',
  detail: 'text',
  request_id: 'text',
  changes: 'text',
};

/** One statement, one round trip, one commit; the server reads its clock and seals the entries. */
async function writeToPostgres(
  database: Database,
  sql: Knex,
  recordings: readonly Recording[],
): Promise<WrittenAt> {
  const { set, types, rows: input } = rowUpdate(recordings);
  const mails = recordings.flatMap(mailInput);
  const added = {
    entries: '(select count(*) from written)',
    notifications: mails.length === 0 ? '0' : '(select count(*) from mails)',
  };
  const rows = await rowsOf(
    sql,
    // The limit is how the planner knows the number of rows.
    `with clock as materialized (select ${database.now()} as now),
     input as materialized (
       select * from jsonb_to_recordset(?::jsonb) as input (${declared({ ...types, ...SEALED })}) limit ${String(recordings.length)}),
     written as (
       update transactions set ${set},
         audit_hash = encode(sha256(convert_to(audit_hash || input.sealed_before || clock.now::text || input.sealed_after, 'UTF8')), 'hex')
       from input, clock where ${OURS}
       returning transactions.id, transactions.version, updated_at, transactions.status, transactions.step, audit_hash,
         input.actor, input.action, input.from_status, input.from_step, input.detail, input.request_id, input.changes),
     entries as (
       insert into audit_events (${AUDIT_COLUMNS})
       select id, version, updated_at, actor, action, from_status, from_step, status, step, detail, request_id, audit_hash, changes from written)
     ${mails.length === 0 ? '' : QUEUED_WITH_ROWS},
     added as materialized (select ${added.entries} as entries, ${added.notifications} as notifications),
     counted as (${countedPart({ entries: 'added.entries', notifications: 'added.notifications' }, 'added.entries > 0')})
     select id, updated_at from written`,
    [
      json(recordings.map((recording, index) => ({ ...input[index], ...sealedOf(recording) }))),
      ...(mails.length === 0 ? [] : [json(mails)]),
      shardOf(database),
    ],
  );
  return new Map(rows.map((row) => [text(row, 'id'), integer(row, 'updated_at')]));
}

const QUEUED_WITH_ROWS = `,
     mails as (
       insert into notifications (${NOTIFICATION_COLUMNS})
       select ${QUEUED_SELECT}
         from written join jsonb_to_recordset(?::jsonb) as mail (id text, transaction_id text, kind text, recipient text, data text) on mail.transaction_id = written.id
       returning 1)`;

/** What PostgreSQL seals each entry with, and the entry's other columns. */
function sealedOf(recording: Recording): Record<keyof typeof SEALED, string | null> {
  const entry = entryOf(recording);
  const sealed = textAroundInstant(entry);
  return {
    sealed_before: sealed.before,
    sealed_after: sealed.after,
    actor: actorText(entry.actor),
    action: entry.action,
    from_status: recording.current.status,
    from_step: recording.current.step,
    detail: canonicalJson(entry.detail),
    request_id: entry.requestId,
    changes: entry.changes,
  };
}

/** What PostgreSQL is told of each e-mail; the rest it takes from the row that was written. */
function mailInput({ current, mails }: Recording): readonly Readonly<Record<string, Binding>>[] {
  return mails.map(({ id, kind, recipient, data }) => ({
    id,
    transaction_id: current.id,
    kind,
    recipient,
    data,
  }));
}

function mailsOf(
  { current, mails }: Recording,
  at: Instant,
): readonly Readonly<Record<string, Binding>>[] {
  return mails.map((mail) =>
    queuedRow({ transactionId: current.id, version: current.version + 1 }, mail, at),
  );
}
