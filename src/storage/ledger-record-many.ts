import type { Knex } from 'knex';
import type { AuditEntry } from '../app/views.ts';
import { PayreconError } from '../domain/errors.ts';
import type { Instant, JsonObject, Transaction } from '../domain/transaction.ts';
import type { Stamps } from '../domain/transition.ts';
import { actorText, canonicalJson, entryHash, textAroundInstant } from './audit-chain.ts';
import { changed, rowsOf, type Database, type Row } from './database.ts';
import { declared, fromJson, json } from './json-rows.ts';
import { AUDIT_COLUMNS } from './ledger-audit.ts';
import { entryOf, ours, type Recording } from './ledger-recording.ts';
import { NOTIFICATION_COLUMNS } from './notification-insert.ts';
import { integer, storable, text } from './rows.ts';

/*
 * Many transitions in one SQL transaction: the same comparisons, audit entries and e-mails as one by one, with the
 * values of all rows in one JSON text. Each row is taken or refused by itself: one that somebody else has changed
 * meanwhile is only left out.
 */

/** What a transition makes of a row, for SQL: whole values, and words where the database's clock decides. */
interface Written {
  readonly id: string;
  readonly version: number;
  readonly token: string;
  readonly status: string;
  readonly step: string;
  readonly payment_intent: string | null;
  readonly stripe_status: string | null;
  readonly failure_code: string | null;
  readonly failure_message: string | null;
  readonly attempts: number;
  readonly lookups: number;
  readonly expected_by: number | null;
  readonly review: string | null;
  readonly create_sent: string | null;
  readonly confirm_sent: string | null;
  readonly cancel_sent: string | null;
  readonly absent: string | null;
  readonly settled: string | null;
  readonly next_kind: string | null;
  readonly next_in: number | null;
  readonly released: number;
}

/** PostgreSQL's type of each. */
const TYPES: Readonly<Record<keyof Written, string>> = {
  ...{ id: 'text', version: 'bigint', token: 'text', status: 'text', step: 'text', payment_intent: 'text', stripe_status: 'text' },
  ...{ failure_code: 'text', failure_message: 'text', attempts: 'int', lookups: 'int', expected_by: 'bigint', review: 'text' },
  ...{ create_sent: 'text', confirm_sent: 'text', cancel_sent: 'text', absent: 'text', settled: 'text' },
  ...{ next_kind: 'text', next_in: 'bigint', released: 'int' },
};

const VALUES = ['status', 'step', 'payment_intent', 'stripe_status', 'failure_code', 'failure_message', 'attempts', 'lookups', 'expected_by', 'review'];

const STAMPS = { create_sent_at: 'create_sent', confirm_sent_at: 'confirm_sent', cancel_sent_at: 'cancel_sent', absent_since: 'absent', settled_at: 'settled' };

/** The SET list; `input` has the values, `clock` the instant. */
const SET = [
  ...['version = transactions.version + 1', 'updated_at = clock.now'],
  ...VALUES.map((column) => `${column} = input.${column}`),
  ...Object.entries(STAMPS).map(([column, word]) => `${column} = case input.${word} when 'now' then clock.now when 'clear' then null else transactions.${column} end`),
  `next_attempt_at = case input.next_kind when 'never' then null when 'in' then clock.now + input.next_in else transactions.next_attempt_at end`,
  ...['lease_token', 'lease_holder', 'lease_expires_at'].map((column) => `${column} = case when input.released = 1 then null else transactions.${column} end`),
].join(', ');

const OURS = 'transactions.id = input.id and transactions.version = input.version and transactions.lease_token = input.token';

/** The rows as they are now, null where somebody else came first; null for all when one of them does not go in. */
export async function recordMany(database: Database, recordings: readonly Recording[]): Promise<readonly (Row | null)[] | null> {
  try {
    const rows =
      database.dialect === 'postgres'
        ? await database.write((sql, attempt) => writeAllAtOnce(database, sql, recordings, attempt))
        : await database.transact((sql) => writeAllStepwise(database, sql, recordings));
    const byId = new Map(rows.map((row) => [text(row, 'id'), row]));
    return recordings.map(({ current }) => byId.get(current.id) ?? null);
  } catch (error) {
    // With the database away each alone would fail as well; anything else is one row's fault.
    if (error instanceof PayreconError) throw error;
    return null;
  }
}

async function writeAllStepwise(database: Database, sql: Knex, recordings: readonly Recording[]): Promise<readonly Row[]> {
  const written = recordings.map(writtenOf);
  const heads = await rowsOf(
    sql,
    `with clock as (select ${database.now()} as now), input as materialized (${fromJson(['id', 'version', 'token'])})
     select transactions.id, audit_hash, clock.now from input, transactions, clock where ${OURS}`,
    [json(written)],
  );
  const headOf = new Map(heads.map((row) => [text(row, 'id'), row]));
  const taken = recordings.flatMap((recording, index) => {
    const head = headOf.get(recording.current.id);
    if (head === undefined) return [];
    const entry = { ...entryOf(recording), at: integer(head, 'now') };
    return [{ recording, entry: { ...entry, hash: entryHash(text(head, 'audit_hash'), entry) }, written: written[index] }];
  });
  const [head] = heads;
  if (head === undefined) return [];
  const rows = await rowsOf(
    sql,
    `with clock as (select ? as now), input as materialized (${fromJson([...columnsOf(TYPES), 'hash'])})
     update transactions set ${SET}, audit_hash = input.hash from input, clock where ${OURS} returning *`,
    [integer(head, 'now'), json(taken.map(({ written: row, entry }) => ({ ...row, hash: entry.hash })))],
  );
  const entries = taken.map(({ entry }) => entryColumns(entry));
  await changed(sql, `insert into audit_events (${AUDIT_COLUMNS}) ${fromJson(AUDIT_COLUMNS.split(', '))}`, [json(entries)]);
  const mails = taken.flatMap(({ recording, entry }) => mailsOf(recording, entry.at));
  if (mails.length > 0) await changed(sql, `insert into notifications (${NOTIFICATION_COLUMNS}) ${fromJson(NOTIFICATION_COLUMNS.split(', '))}`, [json(mails)]);
  return rows;
}

const SEALED = { sealed_before: 'text', sealed_after: 'text', actor: 'text', action: 'text', from_status: 'text', from_step: 'text', detail: 'text', request_id: 'text' };

async function writeAllAtOnce(database: Database, sql: Knex, recordings: readonly Recording[], attempt: number): Promise<readonly Row[]> {
  const rows = await rowsOf(
    sql,
    `with clock as materialized (select ${database.now()} as now),
     input as materialized (select * from jsonb_to_recordset(?::jsonb) as input (${declared({ ...TYPES, ...SEALED })})),
     written as (
       update transactions set ${SET},
         audit_hash = encode(sha256(convert_to(audit_hash || input.sealed_before || clock.now::text || input.sealed_after, 'UTF8')), 'hex')
       from input, clock where ${OURS} returning transactions.*),
     entries as (
       insert into audit_events (${AUDIT_COLUMNS})
       select written.id, written.version, updated_at, input.actor, action, from_status, from_step, written.status, written.step, detail, request_id, audit_hash
         from written join input on input.id = written.id),
     mails as (
       insert into notifications (${NOTIFICATION_COLUMNS})
       select mail.id, written.id, mail.kind, written.version, mail.recipient, 'queued', updated_at, updated_at, mail.data
         from written join jsonb_to_recordset(?::jsonb) as mail (id text, transaction_id text, kind text, recipient text, data text) on mail.transaction_id = written.id)
     select * from written`,
    [json(recordings.map((recording) => ({ ...writtenOf(recording), ...sealedOf(recording) }))), json(recordings.flatMap((recording) => mailsOf(recording, 0)))],
  );
  if (attempt === 1) return rows;
  // The connection was lost before: what is missing may be our own first try.
  const found = new Set(rows.map((row) => text(row, 'id')));
  const again: Row[] = [];
  for (const recording of recordings) {
    const row = found.has(recording.current.id) ? null : await ours(sql, recording, attempt);
    if (row !== null) again.push(row);
  }
  return [...rows, ...again];
}

function writtenOf({ current, lease, transition, next }: Recording): Written {
  const { stamps } = transition;
  const { nextAttempt } = stamps;
  return {
    ...{ id: current.id, version: current.version, token: lease.token, status: next.status, step: next.step },
    ...{ payment_intent: storableOrNull(next.paymentIntent), stripe_status: storableOrNull(next.stripeStatus) },
    ...{ failure_code: storableOrNull(next.failureCode), failure_message: storableOrNull(next.failureMessage) },
    ...{ attempts: next.attempts, lookups: next.lookups, expected_by: next.expectedBy, review: reviewOf(next) },
    create_sent: wordOf(stamps.createSentAt, current.createSentAt),
    confirm_sent: wordOf(stamps.confirmSentAt, current.confirmSentAt),
    cancel_sent: wordOf(stamps.cancelSentAt, current.cancelSentAt),
    absent: wordOf(stamps.absentSince, current.absentSince),
    settled: stamps.settledAt ?? null,
    next_kind: nextAttempt === undefined ? null : nextAttempt === 'never' ? 'never' : 'in',
    next_in: nextAttempt === undefined || nextAttempt === 'never' ? null : Math.round(nextAttempt.inMs),
    released: transition.release ? 1 : 0,
  };
}

function wordOf(wish: Stamps['absentSince'], value: number | null): 'now' | 'clear' | null {
  if (wish === 'clear') return 'clear';
  return wish === 'if_unset' && value === null ? 'now' : null;
}

function reviewOf({ review }: Transaction): string | null {
  return review === null ? null : canonicalJson(review as unknown as JsonObject);
}

function storableOrNull(value: string | null): string | null {
  return value === null ? null : storable(value);
}

/** What PostgreSQL seals each entry with, and the entry's other columns. */
function sealedOf(recording: Recording): Record<keyof typeof SEALED, string | null> {
  const entry = entryOf(recording);
  const sealed = textAroundInstant(entry);
  return {
    ...{ sealed_before: sealed.before, sealed_after: sealed.after, actor: actorText(entry.actor), action: entry.action },
    ...{ from_status: recording.current.status, from_step: recording.current.step },
    ...{ detail: canonicalJson(entry.detail), request_id: entry.requestId },
  };
}

function entryColumns(entry: AuditEntry): Record<string, string | number | null> {
  return {
    ...{ transaction_id: entry.transactionId, seq: entry.seq, at: entry.at, actor: actorText(entry.actor), action: entry.action },
    ...{ from_status: entry.from?.status ?? null, from_step: entry.from?.step ?? null, to_status: entry.to.status, to_step: entry.to.step },
    ...{ detail: canonicalJson(entry.detail), request_id: entry.requestId, hash: entry.hash },
  };
}

function mailsOf({ current, mails }: Recording, at: Instant): readonly Record<string, string | number | null>[] {
  return mails.map(({ id, kind, recipient, data }) => ({
    ...{ id, transaction_id: current.id, kind, version: current.version + 1, recipient, state: 'queued' },
    ...{ created_at: at, next_attempt_at: at, data },
  }));
}

function columnsOf(types: object): readonly string[] {
  return Object.keys(types);
}
