import type { Instant, Transaction } from '../../domain/transaction.ts';
import { canonicalJson, sha256 } from './audit-chain.ts';
import { STATE_COLUMNS, stateOf } from '../columns.ts';
import type { Binding, Row } from '../database.ts';
import { valuesAt, without, type Writes } from './changes.ts';
import type { QueuedNotification } from './notification-insert.ts';

/*
 * What an audit entry wrote, as it is sealed with it:
 *
 *     {"at":{column: milliseconds after the entry's instant},"mails":[{id, kind, sha256}],"set":{column: value}}
 *
 * `audit verify` replays the entries of a row and compares. The request of a transaction is not in it:
 * the entry that opened the transaction, or began its newest attempt, seals that by its own digest. The
 * first entry that this version writes on a row of an older one has the whole row.
 */

export interface RowChanges extends Writes {
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

/** What a transition makes of its row and of the outbox. */
export interface Recorded {
  readonly current: Transaction;
  /** The row as it will be, but for what the database's clock sets. */
  readonly next: Transaction;
  readonly writes: Writes;
  readonly mails: readonly QueuedNotification[];
}

/** Of a row of an older version all of it; whether that shares its reference is known from its older entries. */
export function recordedChanges({ current, next, writes, mails }: Recorded): RowChanges {
  const { set, at } = writes;
  const base = isOfOlderVersion(current) ? without(stateOf(next), at) : {};
  return { set: { ...base, ...set }, at, mails: sealedMails(mails) };
}

/** The row as its entries say it is, from the first one on that has the whole of it. */
export type Replayed = Map<string, Binding>;

export function replay(row: Replayed, entry: { readonly at: Instant }, changes: RowChanges): void {
  for (const [column, value] of Object.entries(valuesAt(changes, entry.at))) row.set(column, value);
}

/** The first column in which the row is not what was replayed; null when there is none. */
export function firstDifference(row: Row, replayed: Replayed): string | null {
  return (
    STATE_COLUMNS.find((column) => !replayed.has(column) || replayed.get(column) !== row[column]) ??
    null
  );
}
