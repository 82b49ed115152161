import type { Knex } from 'knex';
import type { Actor, Lease, RecordResult } from '../app/ports.ts';
import { BugError } from '../domain/errors.ts';
import type { JsonObject, Transaction } from '../domain/transaction.ts';
import { mayFollow, settledAtFits, stepMayFollow, type Transition } from '../domain/transition.ts';
import { actorRecord } from './actors.ts';
import { canonicalJson, entryHash, textAroundInstant } from './audit-chain.ts';
import { firstRow, type Database, type Row } from './database.ts';
import { UniqueViolation } from './faults.ts';
import { AUDIT_COLUMNS, insertAuditEntry } from './ledger-audit.ts';
import { assignments, changedTransaction } from './ledger-changes.ts';
import { auditEntryOf, integer, text, transactionOf } from './rows.ts';
import { insertNotifications, notificationsFor, notificationsPart, type QueuedNotification } from './notification-insert.ts';

/*
 * The one door for writes. Version and lease token are compared in the UPDATE itself, so a stale
 * writer changes nothing; the audit entry and the e-mails are written with it or not at all.
 */

interface Recording {
  readonly current: Transaction;
  readonly lease: Lease;
  readonly transition: Transition;
  readonly actor: JsonObject;
  /** The row as it will be, but for what the database's clock sets. */
  readonly next: Transaction;
  readonly detail: JsonObject;
  readonly mails: readonly QueuedNotification[];
  /** The reference is held by another row; see the index transactions_reference_held. */
  readonly referenceShared: boolean;
}

export async function recordTransition(
  database: Database,
  current: Transaction,
  lease: Lease,
  transition: Transition,
  actor: Actor,
): Promise<RecordResult> {
  checkTransition(current, lease, transition);
  const next = changedTransaction(current, transition);
  const recording: Recording = {
    ...{ current, lease, transition, next, actor: actorRecord(database, actor), detail: transition.detail },
    ...{ mails: notificationsFor(next, transition.notifications), referenceShared: false },
  };
  try {
    return await send(database, recording);
  } catch (error) {
    // A row that comes back, because its truth arrived late, can meet another one that holds its reference.
    // What Stripe says is recorded all the same.
    if (!(error instanceof UniqueViolation) || current.reference === null || holdsReference(current) || !holdsReference(next)) throw error;
    return send(database, { ...recording, referenceShared: true, detail: { ...recording.detail, reference_also_held: true } });
  }
}

/** As the index transactions_reference_held says it. */
function holdsReference({ status }: Transaction): boolean {
  return status === 'pending' || status === 'succeeded' || status === 'stuck';
}

function checkTransition(current: Transaction, lease: Lease, { changes, stamps, action }: Transition): void {
  const status = changes.status ?? current.status;
  const step = changes.step ?? current.step;
  const settledAt = stamps.settledAt === 'clear' ? null : stamps.settledAt === 'now' ? current.updatedAt : current.settledAt;
  const problems = [
    mayFollow(current.status, status) ? null : `${current.status} -> ${status} may not follow`,
    stepMayFollow(current.step, step) ? null : `step ${current.step} -> ${step} may not follow`,
    settledAtFits(status, settledAt) ? null : `settled_at does not fit ${status}`,
    lease.transactionId === current.id ? null : 'the lease is of another transaction',
  ].filter((problem) => problem !== null);
  if (problems.length > 0) throw new BugError(`illegal transition ${action} of ${current.id}: ${problems.join('; ')}`);
}

async function send(database: Database, recording: Recording): Promise<RecordResult> {
  const row =
    database.dialect === 'postgres'
      ? await database.write((sql, attempt) => writeAtOnce(database, sql, recording).then((written) => written ?? ours(sql, recording, attempt)))
      : await database.transact((sql) => writeStepwise(database, sql, recording));
  if (row === null) return { kind: 'stale' };
  const transaction = transactionOf(row);
  if (transaction.version <= recording.current.version) throw new BugError(`the version of ${transaction.id} was not counted up`);
  return { kind: 'recorded', transaction, now: transaction.updatedAt };
}

const WHERE_OURS = 'id = ? and version = ? and lease_token = ?';

function whereOurs({ current, lease }: Recording): [string, number, string] {
  return [current.id, current.version, lease.token];
}

/** SQLite: no round trips to save, and no hash function in SQL; so first the clock and the chain's end, then the rest. */
async function writeStepwise(database: Database, sql: Knex, recording: Recording): Promise<Row | null> {
  const { current, transition } = recording;
  const head = await firstRow(sql, `select ${database.now()} as now, audit_hash from transactions where ${WHERE_OURS}`, whereOurs(recording));
  if (head === null) return null;
  const now = integer(head, 'now');
  const unsealed = { ...entryOf(recording), at: now };
  const hash = entryHash(text(head, 'audit_hash'), unsealed);
  const set = assignments(current, transition, { sql: '?', bindings: [now] }, recording.referenceShared);
  const row = await firstRow(
    sql,
    `update transactions set ${set.text}, audit_hash = ? where ${WHERE_OURS} returning *`,
    [...set.bindings, hash, ...whereOurs(recording)],
  );
  if (row === null) throw new BugError(`the row of ${current.id} changed within a transaction`);
  await insertAuditEntry(sql, { ...unsealed, hash });
  await insertNotifications(sql, { transactionId: current.id, version: unsealed.seq }, recording.mails, now);
  return row;
}

/** PostgreSQL: one statement, one round trip, one commit; the server reads its clock and seals the entry. */
async function writeAtOnce(database: Database, sql: Knex, recording: Recording): Promise<Row | null> {
  const { current, transition } = recording;
  const entry = entryOf(recording);
  const sealed = textAroundInstant(entry);
  const set = assignments(current, transition, { sql: 'clock.now', bindings: [] }, recording.referenceShared);
  const mails = notificationsPart(recording.mails);
  return firstRow(
    sql,
    `with clock as materialized (select ${database.now()} as now),
     written as (
       update transactions set ${set.text},
         audit_hash = encode(sha256(convert_to(audit_hash || ?::text || clock.now::text || ?::text, 'UTF8')), 'hex')
       from clock where ${WHERE_OURS} returning transactions.*),
     entry as (
       insert into audit_events (${AUDIT_COLUMNS})
       select id, version, updated_at, ?::text, ?::text, ?::text, ?::text, status, step, ?::text, ?::text, audit_hash from written)
     ${mails.text}
     select * from written`,
    [
      ...[...set.bindings, sealed.before, sealed.after, ...whereOurs(recording)],
      ...[canonicalJson(entry.actor), entry.action, current.status, current.step, canonicalJson(entry.detail), entry.requestId],
      ...mails.bindings,
    ],
  );
}

function entryOf({ current, next, transition, actor, detail }: Recording): Parameters<typeof textAroundInstant>[0] {
  return {
    transactionId: current.id,
    seq: current.version + 1,
    actor,
    action: transition.action,
    from: { status: current.status, step: current.step },
    to: { status: next.status, step: next.step },
    detail,
    requestId: transition.requestId,
  };
}

/**
 * After a lost connection the same statement was sent again, and by now it found nothing to change.
 * That is our own first try if the entry that follows `current` is the one we sent: who, what and why
 * name this process and this moment of this transaction. Sending it again before looking is what makes
 * the answer certain: it waits for the first try's row lock, or leaves nothing for it to change.
 */
async function ours(sql: Knex, recording: Recording, attempt: number): Promise<Row | null> {
  if (attempt === 1) return null;
  const entry = entryOf(recording);
  const found = await firstRow(sql, 'select * from audit_events where transaction_id = ? and seq = ?', [entry.transactionId, entry.seq]);
  if (found === null) return null;
  const written = auditEntryOf(found);
  if (entryHash('', { ...entry, at: written.at }) !== entryHash('', written)) return null;
  return firstRow(sql, 'select * from transactions where id = ?', [entry.transactionId]);
}
