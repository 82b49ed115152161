import type { Instant, Transaction } from '../../domain/transaction.ts';
import { canonicalJson, sha256 } from './audit-chain.ts';
import { STATE_COLUMNS } from '../columns.ts';
import type { Binding, Row } from '../database.ts';
import { COLUMNS, FIELDS, stampedColumns, stored } from './changes.ts';
import type { QueuedNotification } from './notification-insert.ts';
import type { Recording } from './written.ts';

/*
 * What an audit entry wrote, as it is sealed with it:
 *
 *     {"at":{column: milliseconds after the entry's instant},"mails":[{id, kind, sha256}],"set":{column: value}}
 *
 * `audit verify` replays the entries of a row and compares. The request of a transaction is not in it:
 * the entry that opened the transaction, or began its newest attempt, seals that by its own digest. The
 * first entry that this version writes on a row of an older one has the whole row.
 */

export interface RowChanges {
  readonly set: Readonly<Record<string, Binding>>;
  /** Milliseconds after the entry's instant. */
  readonly at: Readonly<Record<string, number>>;
  readonly mails: readonly SealedMail[];
}

export interface SealedMail {
  readonly id: string;
  readonly kind: string;
  readonly sha256: string;
}

export function changesText({ set, at, mails }: RowChanges): string {
  return canonicalJson({
    at,
    set,
    ...(mails.length === 0
      ? {}
      : { mails: mails.map(({ id, kind, sha256 }) => ({ id, kind, sha256 })) }),
  });
}

/** Null for what no version of payrecon has written. */
export function changesOf(written: string): RowChanges | null {
  const value = parsedOrNull(written);
  if (!isObject(value) || !isObject(value['set']) || !isObject(value['at'])) return null;
  const mails = value['mails'] ?? [];
  if (!Array.isArray(mails) || !mails.every(isSealedMail)) return null;
  const areNumbers = Object.values(value['at']).every((ms) => Number.isSafeInteger(ms));
  const { set, at } = value as unknown as RowChanges;
  return areNumbers ? { set, at, mails } : null;
}

function parsedOrNull(written: string): unknown {
  try {
    return JSON.parse(written);
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSealedMail(value: unknown): value is SealedMail {
  return (
    isObject(value) && ['id', 'kind', 'sha256'].every((name) => typeof value[name] === 'string')
  );
}

/** What the message is made of, and whom it is for. */
export function mailDigest(recipient: string | null, data: string): string {
  return sha256(canonicalJson([recipient, data]));
}

function sealedMails(mails: readonly QueuedNotification[]): readonly SealedMail[] {
  return mails.map(({ id, kind, recipient, data }) => ({
    id,
    kind,
    sha256: mailDigest(recipient, data),
  }));
}

/** Rows that were opened by a version that did not keep what its entries wrote. */
function isOfOlderVersion({ paramsVersion }: Transaction): boolean {
  return paramsVersion === 1;
}

/** Of a recorded transition; of a row of an older version all of it. */
export function recordedChanges({
  current,
  next,
  transition,
  mails,
  referenceShared,
}: Recording): RowChanges {
  const { set, at } = stampedColumns(current, transition);
  const shared = referenceShared ? { reference_shared: 1 } : {};
  const given = Object.fromEntries(
    FIELDS.flatMap((field) =>
      transition.changes[field] === undefined ? [] : [[COLUMNS[field], stored(next[field])]],
    ),
  ) as RowChanges['set'];
  const all = { ...given, ...set, ...shared };
  const base = isOfOlderVersion(current) ? without(wholeRow(next), at) : {};
  return { set: { ...base, ...all }, at, mails: sealedMails(mails) };
}

function without(row: RowChanges['set'], at: RowChanges['at']): RowChanges['set'] {
  return Object.fromEntries(Object.entries(row).filter(([column]) => !(column in at)));
}

/** All that a row says but for its request; whether it shares its reference is known from its older entries. */
function wholeRow(row: Transaction): RowChanges['set'] {
  return {
    ...(Object.fromEntries(
      FIELDS.map((field) => [COLUMNS[field], stored(row[field])]),
    ) as RowChanges['set']),
    key_conflict_at: row.keyConflictAt,
    create_sent_at: row.createSentAt,
    confirm_sent_at: row.confirmSentAt,
    cancel_sent_at: row.cancelSentAt,
    absent_since: row.absentSince,
    next_attempt_at: row.nextAttemptAt,
    created_at: row.createdAt,
    updated_at: row.updatedAt,
    settled_at: row.settledAt,
  };
}

/** Of a row that is written whole: by opening it, or by a new attempt on it. `now` is the entry's instant. */
export function writtenChanges(
  values: Readonly<Record<string, Binding>>,
  now: Instant,
): RowChanges {
  const set: Record<string, Binding> = {};
  const at: Record<string, number> = {};
  for (const column of STATE_COLUMNS) {
    const value = values[column];
    if (value === undefined) continue;
    if (value === now && column.endsWith('_at')) at[column] = 0;
    else set[column] = value;
  }
  return { set, at, mails: [] };
}

/** The row as its entries say it is, from the first one on that has the whole of it. */
export type Replayed = Map<string, Binding>;

export function replay(
  row: Replayed,
  entry: { readonly at: Instant },
  { set, at }: RowChanges,
): void {
  for (const [column, value] of Object.entries(set)) row.set(column, value);
  for (const [column, ms] of Object.entries(at)) row.set(column, entry.at + ms);
}

/** The first column in which the row is not what was replayed; null when there is none. */
export function firstDifference(row: Row, replayed: Replayed): string | null {
  return (
    STATE_COLUMNS.find((column) => !replayed.has(column) || replayed.get(column) !== row[column]) ??
    null
  );
}
