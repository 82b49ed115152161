import type { Knex } from 'knex';
import { BugError, PayreconError } from '../../domain/errors.ts';
import type { Instant, Transaction } from '../../domain/transaction.ts';
import {
  actorText,
  canonicalJson,
  entryHash,
  textAroundInstant,
  type ChainEntry,
} from './audit-chain.ts';
import { countedPart, COUNTS_READ, shardOf, writeCounts } from '../counts.ts';
import { changed, rowsOf, type Binding, type Database } from '../database.ts';
import { declared, fromJson, json } from '../json-rows.ts';
import { AUDIT_COLUMNS } from './audit.ts';
import { writtenTransaction } from './changes.ts';
import { KEY_TYPES, keyOf, OURS, updateInput } from './bulk-update.ts';
import { entryOf, ours } from './recording.ts';
import type { Recording } from './written.ts';
import { NOTIFICATION_COLUMNS, QUEUED_SELECT, queuedRow } from './notification-insert.ts';
import { transactionOf } from '../columns.ts';
import { integer, text } from '../rows.ts';

/*
 * Many transitions in one SQL transaction: the same comparisons, audit entries and e-mails as one by one, with the
 * values of all rows in one JSON text. Each row is taken or refused by itself: one that somebody else has changed
 * meanwhile is only left out.
 */

/** As they are now, null where somebody else came first; null for all when one of them does not go in. */
export async function recordMany(
  database: Database,
  recordings: readonly Recording[],
): Promise<readonly (Transaction | null)[] | null> {
  try {
    const written =
      database.dialect === 'postgres'
        ? await database.write((sql, attempt) => writeAllAtOnce(database, sql, recordings, attempt))
        : await database.transact((sql) => writeAllStepwise(database, sql, recordings));
    return recordings.map(({ current }) => written.get(current.id) ?? null);
  } catch (error) {
    // With the database away each alone would fail as well; anything else is one row's fault.
    if (error instanceof PayreconError) throw error;
    return null;
  }
}

/** Those that were written, by their ids. */
type AllWritten = ReadonlyMap<string, Transaction>;

async function writeAllStepwise(
  database: Database,
  sql: Knex,
  recordings: readonly Recording[],
): Promise<AllWritten> {
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
  const { set, types, rows } = updateInput(taken);
  const count = await changed(
    sql,
    `with clock as (select ? as now), input as materialized (${fromJson([...Object.keys(types), 'hash'])})
     update transactions set ${set}, audit_hash = input.hash from input, clock where ${OURS}`,
    [now, json(rows.map((row, index) => ({ ...row, hash: entries[index]?.hash })))],
  );
  if (count !== taken.length) throw new BugError('rows changed within a transaction');
  await changed(
    sql,
    `insert into audit_events (${AUDIT_COLUMNS}) ${fromJson(AUDIT_COLUMNS.split(', '))}`,
    [json(entries.map(entryColumns))],
  );
  const mails = taken.flatMap((recording) => mailsOf(recording, now));
  if (mails.length > 0)
    await changed(
      sql,
      `insert into notifications (${NOTIFICATION_COLUMNS}) ${fromJson(NOTIFICATION_COLUMNS.split(', '))}`,
      [json(mails)],
    );
  await writeCounts(database, sql, head, { entries: entries.length, notifications: mails.length });
  return new Map(taken.map((recording) => [recording.current.id, writtenAt(recording, now)]));
}

function writtenAt({ current, next, transition }: Recording, now: Instant): Transaction {
  return writtenTransaction(current, next, transition, now);
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

async function writeAllAtOnce(
  database: Database,
  sql: Knex,
  recordings: readonly Recording[],
  attempt: number,
): Promise<AllWritten> {
  const { set, types, rows: input } = updateInput(recordings);
  const rows = await rowsOf(
    sql,
    `with clock as materialized (select ${database.now()} as now),
     input as materialized (select * from jsonb_to_recordset(?::jsonb) as input (${declared({ ...types, ...SEALED })})),
     written as (
       update transactions set ${set},
         audit_hash = encode(sha256(convert_to(audit_hash || input.sealed_before || clock.now::text || input.sealed_after, 'UTF8')), 'hex')
       from input, clock where ${OURS}
       returning transactions.id, transactions.version, updated_at, transactions.status, transactions.step, audit_hash,
         input.actor, input.action, input.from_status, input.from_step, input.detail, input.request_id, input.changes),
     entries as (
       insert into audit_events (${AUDIT_COLUMNS})
       select id, version, updated_at, actor, action, from_status, from_step, status, step, detail, request_id, audit_hash, changes from written),
     mails as (
       insert into notifications (${NOTIFICATION_COLUMNS})
       select ${QUEUED_SELECT}
         from written join jsonb_to_recordset(?::jsonb) as mail (id text, transaction_id text, kind text, recipient text, data text) on mail.transaction_id = written.id
       returning 1),
     added as materialized (select (select count(*) from written) as entries, (select count(*) from mails) as notifications),
     counted as (${countedPart({ entries: 'added.entries', notifications: 'added.notifications' }, 'added.entries > 0')})
     select id, updated_at from written`,
    [
      json(recordings.map((recording, index) => ({ ...input[index], ...sealedOf(recording) }))),
      json(recordings.flatMap(mailInput)),
      shardOf(database),
    ],
  );
  const at = new Map(rows.map((row) => [text(row, 'id'), integer(row, 'updated_at')]));
  const written = new Map<string, Transaction>();
  for (const recording of recordings) {
    const now = at.get(recording.current.id);
    // The connection was lost before: what is missing may be our own first try.
    const row = now === undefined ? await ours(sql, recording, attempt) : null;
    if (now !== undefined) written.set(recording.current.id, writtenAt(recording, now));
    else if (row !== null) written.set(recording.current.id, transactionOf(row));
  }
  return written;
}

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

function entryColumns(entry: ChainEntry): Record<string, string | number | null> {
  return {
    transaction_id: entry.transactionId,
    seq: entry.seq,
    at: entry.at,
    actor: actorText(entry.actor),
    action: entry.action,
    from_status: entry.from?.status ?? null,
    from_step: entry.from?.step ?? null,
    to_status: entry.to.status,
    to_step: entry.to.step,
    detail: canonicalJson(entry.detail),
    request_id: entry.requestId,
    hash: entry.hash,
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
