import type { Instant, JsonObject, Transaction } from '../../domain/transaction.ts';
import type { Changes, NextAttempt, Transition } from '../../domain/transition.ts';
import { canonicalJson } from './audit-chain.ts';
import type { Binding } from '../database.ts';
import { wellFormed } from '../json-rows.ts';
import { storable } from '../rows.ts';

/** The database's clock as it stands in a statement: a column there, or a value read before. */
export interface NowInSql {
  readonly sql: string;
  readonly bindings: readonly Instant[];
}

export interface Assignments {
  readonly text: string;
  readonly bindings: readonly Binding[];
}

export const COLUMNS: Readonly<Record<keyof Changes, string>> = {
  status: 'status',
  step: 'step',
  paymentIntent: 'payment_intent',
  stripeStatus: 'stripe_status',
  failureCode: 'failure_code',
  failureMessage: 'failure_message',
  failureKind: 'failure_kind',
  canceledBy: 'canceled_by',
  amountReceived: 'amount_received',
  currencyReceived: 'currency_received',
  attempt: 'attempt',
  intents: 'intents',
  absentAttempts: 'absent_attempts',
  paramsVersion: 'params_version',
  session: 'session',
  attempts: 'attempts',
  lookups: 'lookups',
  expectedBy: 'expected_by',
  review: 'review',
};

export const FIELDS = Object.keys(COLUMNS) as (keyof Changes)[];

/** The transaction with the transition's changes; what the database's clock sets is still as before. */
export function changedTransaction(current: Transaction, { changes }: Transition): Transaction {
  const given = FIELDS.filter((field) => changes[field] !== undefined);
  return { ...current, ...Object.fromEntries(given.map((field) => [field, changes[field]])) };
}

/** The transaction as it was written at that instant: what reading it back would give. */
export function writtenTransaction(
  current: Transaction,
  next: Transaction,
  { stamps }: Transition,
  now: Instant,
): Transaction {
  const { nextAttempt } = stamps;
  return {
    ...next,
    paymentIntent: asStored(next.paymentIntent),
    stripeStatus: asStored(next.stripeStatus),
    failureCode: asStored(next.failureCode),
    failureMessage: asStored(next.failureMessage),
    createSentAt: stampedAt(current.createSentAt, stamps.createSentAt, now),
    confirmSentAt: stampedAt(current.confirmSentAt, stamps.confirmSentAt, now),
    cancelSentAt: stampedAt(current.cancelSentAt, stamps.cancelSentAt, now),
    absentSince: stampedAt(current.absentSince, stamps.absentSince, now),
    keyConflictAt: stampedAt(current.keyConflictAt, stamps.keyConflictAt, now),
    settledAt: stampedAt(current.settledAt, stamps.settledAt, now),
    nextAttemptAt:
      nextAttempt === undefined ? current.nextAttemptAt : nextInstant(nextAttempt, now),
    version: current.version + 1,
    updatedAt: now,
  };
}

function stampedAt(
  before: Instant | null,
  wish: 'if_unset' | 'now' | 'clear' | undefined,
  now: Instant,
): Instant | null {
  if (wish === undefined) return before;
  if (wish === 'now') return now;
  return wish === 'clear' ? null : (before ?? now);
}

function asStored(value: string | null): string | null {
  return value === null ? null : storedText(value);
}

/** No NUL and no half of a character: neither is text to a database. */
function storedText(value: string): string {
  return wellFormed(storable(value));
}

/** As the database keeps it. */
export function stored(value: Changes[keyof Changes]): Binding {
  if (value === null || value === undefined || typeof value === 'number') return value ?? null;
  return typeof value === 'string'
    ? storedText(value)
    : canonicalJson(value as unknown as JsonObject);
}

/** What a transition stamps: columns that it clears, and milliseconds from the moment of writing. */
export interface Stamped {
  readonly set: Readonly<Record<string, null>>;
  readonly at: Readonly<Record<string, number>>;
}

export function stampedColumns(current: Transaction, { stamps }: Transition): Stamped {
  const set: Record<string, null> = {};
  const at: Record<string, number> = { updated_at: 0 };
  const marks = [
    ['create_sent_at', stamps.createSentAt, current.createSentAt],
    ['confirm_sent_at', stamps.confirmSentAt, current.confirmSentAt],
    ['cancel_sent_at', stamps.cancelSentAt, current.cancelSentAt],
    ['absent_since', stamps.absentSince, current.absentSince],
    ['key_conflict_at', stamps.keyConflictAt, current.keyConflictAt],
    ['settled_at', stamps.settledAt, current.settledAt],
  ] as const;
  for (const [column, wish, value] of marks) {
    if (wish === 'clear') set[column] = null;
    if (wish === 'now' || (wish === 'if_unset' && value === null)) at[column] = 0;
  }
  if (stamps.nextAttempt === 'never') set['next_attempt_at'] = null;
  else if (stamps.nextAttempt !== undefined)
    at['next_attempt_at'] = Math.round(stamps.nextAttempt.inMs);
  return { set, at };
}

/** The SET list of one recorded transition: only what it changes, so that unchanged indexes are left alone. */
export function assignments(
  current: Transaction,
  transition: Transition,
  now: NowInSql,
  referenceShared: boolean,
): Assignments {
  const parts: string[] = ['version = version + 1'];
  const bindings: Binding[] = [];
  for (const field of FIELDS) {
    if (transition.changes[field] === undefined) continue;
    parts.push(`${COLUMNS[field]} = ?`);
    bindings.push(stored(transition.changes[field]));
  }
  const { set, at } = stampedColumns(current, transition);
  for (const column of Object.keys(set)) parts.push(`${column} = null`);
  for (const [column, ms] of Object.entries(at)) {
    parts.push(ms === 0 ? `${column} = ${now.sql}` : `${column} = ${now.sql} + ?`);
    bindings.push(...now.bindings, ...(ms === 0 ? [] : [ms]));
  }
  if (transition.release)
    parts.push('lease_token = null', 'lease_holder = null', 'lease_expires_at = null');
  if (referenceShared) parts.push('reference_shared = 1');
  return { text: parts.join(', '), bindings };
}

function nextInstant(next: NextAttempt, now: Instant): Instant | null {
  return next === 'never' ? null : now + Math.round(next.inMs);
}
