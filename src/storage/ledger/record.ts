import type { Knex } from 'knex';
import type { Ledger, RecordResult } from '../../app/ports.ts';
import { BugError } from '../../domain/errors.ts';
import { holdsReference } from '../../domain/statuses.ts';
import type { Transaction } from '../../domain/transaction.ts';
import { canonicalJson, entryHash, textAroundInstant } from './audit-chain.ts';
import { countedPart, COUNTS_READ, shardOf, writeCounts } from '../counts.ts';
import { changed, firstRow, type Database, type Row } from '../database.ts';
import { UniqueViolation } from '../driver-errors.ts';
import { groupCommit } from './group-commit.ts';
import { AUDIT_COLUMNS, auditInsert } from './audit.ts';
import { assignments } from './changes.ts';
import { recordMany } from './record-many.ts';
import { entryOf, ours, recordingOf, whereOurs } from './recording.ts';
import type { Recording } from './written.ts';
import { insertNotifications, notificationsPart } from './notification-insert.ts';
import { transactionOf } from '../columns.ts';
import { integer, text } from '../rows.ts';

/*
 * The one door for writes. Version and lease token are compared in the UPDATE itself, so a stale
 * writer changes nothing; the audit entry and the e-mails are written with it or not at all.
 */

/** Transitions in one SQL transaction: many pages of Stripe's list, and a statement of a few hundred kilobytes. */
const AT_ONCE = 250;
/** Groups under way: PostgreSQL writes one while the other is made and committed. SQLite has one writer. */
const GROUPS = 2;

export function createRecorder(database: Database): Ledger['record'] {
  const write = groupCommit<Recording, Transaction | null>({
    nameOf: ({ current }) => current.id,
    one: async (recording) => {
      const row = await recordOne(database, recording);
      return row === null ? null : transactionOf(row);
    },
    many: async (recordings) => await recordMany(database, recordings),
    atMost: AT_ONCE,
    groups: database.dialect === 'postgres' ? GROUPS : 1,
  });
  return async (current, lease, transition, actor) =>
    resultOf(current, await write(recordingOf(database, current, lease, transition, actor)));
}

function resultOf(before: Transaction, transaction: Transaction | null): RecordResult {
  if (transaction === null) return { kind: 'stale' };
  if (transaction.version <= before.version)
    throw new BugError(`the version of ${transaction.id} was not counted up`);
  return { kind: 'recorded', transaction, now: transaction.updatedAt };
}

async function recordOne(database: Database, recording: Recording): Promise<Row | null> {
  const { current, next } = recording;
  try {
    return await send(database, recording);
  } catch (error) {
    // A row that comes back, because its truth arrived late, can meet another one that holds its reference.
    // What Stripe says is recorded all the same.
    if (
      !(error instanceof UniqueViolation) ||
      current.reference === null ||
      holdsReference(current.status) ||
      !holdsReference(next.status)
    )
      throw error;
    return send(database, {
      ...recording,
      referenceShared: true,
      detail: { ...recording.detail, reference_also_held: true },
    });
  }
}

async function send(database: Database, recording: Recording): Promise<Row | null> {
  return database.dialect === 'postgres'
    ? await database.write((sql, attempt) =>
        writeAtOnce(database, sql, recording).then(
          (written) => written ?? ours(sql, recording, attempt),
        ),
      )
    : await database.transact((sql) => writeStepwise(database, sql, recording));
}

/** SQLite: no round trips to save, and no hash function in SQL; so first the clock and the chain's end, then the rest. */
async function writeStepwise(
  database: Database,
  sql: Knex,
  recording: Recording,
): Promise<Row | null> {
  const { current, transition } = recording;
  const where = whereOurs(recording);
  const head = await firstRow(
    sql,
    `select ${database.now()} as now, audit_hash, ${COUNTS_READ} from transactions where ${where.text}`,
    where.bindings,
  );
  if (head === null) return null;
  const now = integer(head, 'now');
  const unsealed = { ...entryOf(recording), at: now };
  const hash = entryHash(text(head, 'audit_hash'), unsealed);
  const set = assignments(
    current,
    transition,
    { sql: '?', bindings: [now] },
    recording.referenceShared,
  );
  const row = await firstRow(
    sql,
    `update transactions set ${set.text}, audit_hash = ? where ${where.text} returning *`,
    [...set.bindings, hash, ...where.bindings],
  );
  if (row === null) throw new BugError(`the row of ${current.id} changed within a transaction`);
  const entry = auditInsert({ ...unsealed, hash });
  await changed(sql, entry.text, entry.bindings);
  await insertNotifications(
    sql,
    { transactionId: current.id, version: unsealed.seq },
    recording.mails,
    now,
  );
  await writeCounts(database, sql, head, { entries: 1, notifications: recording.mails.length });
  return row;
}

/** PostgreSQL: one statement, one round trip, one commit; the server reads its clock and seals the entry. */
async function writeAtOnce(
  database: Database,
  sql: Knex,
  recording: Recording,
): Promise<Row | null> {
  const { current, transition } = recording;
  const entry = entryOf(recording);
  const sealed = textAroundInstant(entry);
  const set = assignments(
    current,
    transition,
    { sql: 'clock.now', bindings: [] },
    recording.referenceShared,
  );
  const where = whereOurs(recording);
  const mails = notificationsPart(recording.mails);
  return firstRow(
    sql,
    `with clock as materialized (select ${database.now()} as now),
     written as (
       update transactions set ${set.text},
         audit_hash = encode(sha256(convert_to(audit_hash || ?::text || clock.now::text || ?::text, 'UTF8')), 'hex')
       from clock where ${where.text} returning transactions.*),
     entry as (
       insert into audit_events (${AUDIT_COLUMNS})
       select id, version, updated_at, ?::text, ?::text, ?::text, ?::text, status, step, ?::text, ?::text, audit_hash, ?::text from written)
     ${mails.text},
     added as materialized (select count(*) as entries from written),
     counted as (${countedPart({ entries: 'added.entries', notifications: `added.entries * ${String(recording.mails.length)}` }, 'added.entries > 0')})
     select * from written`,
    [
      ...set.bindings,
      sealed.before,
      sealed.after,
      ...where.bindings,
      canonicalJson(entry.actor),
      entry.action,
      current.status,
      current.step,
      canonicalJson(entry.detail),
      entry.requestId,
      entry.changes,
      ...mails.bindings,
      shardOf(database),
    ],
  );
}
