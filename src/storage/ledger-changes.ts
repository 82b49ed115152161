import type { Instant, JsonObject, Transaction } from '../domain/transaction.ts';
import type { Changes, Transition } from '../domain/transition.ts';
import { canonicalJson } from './audit-chain.ts';
import type { Binding } from './database.ts';
import { wellFormed } from './json-rows.ts';
import { storable } from './rows.ts';

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
export function writtenTransaction(current: Transaction, next: Transaction, { stamps }: Transition, now: Instant): Transaction {
  const { nextAttempt } = stamps;
  return {
    ...next,
    ...{ paymentIntent: asStored(next.paymentIntent), stripeStatus: asStored(next.stripeStatus) },
    ...{ failureCode: asStored(next.failureCode), failureMessage: asStored(next.failureMessage) },
    createSentAt: stampedAt(current.createSentAt, stamps.createSentAt, now),
    confirmSentAt: stampedAt(current.confirmSentAt, stamps.confirmSentAt, now),
    cancelSentAt: stampedAt(current.cancelSentAt, stamps.cancelSentAt, now),
    absentSince: stampedAt(current.absentSince, stamps.absentSince, now),
    keyConflictAt: stampedAt(current.keyConflictAt, stamps.keyConflictAt, now),
    settledAt: stampedAt(current.settledAt, stamps.settledAt, now),
    nextAttemptAt: nextAttempt === undefined ? current.nextAttemptAt : nextAttempt === 'never' ? null : now + Math.round(nextAttempt.inMs),
    version: current.version + 1,
    updatedAt: now,
  };
}

function stampedAt(before: Instant | null, wish: 'if_unset' | 'now' | 'clear' | undefined, now: Instant): Instant | null {
  if (wish === undefined) return before;
  if (wish === 'now') return now;
  return wish === 'clear' ? null : (before ?? now);
}

function asStored(value: string | null): string | null {
  return value === null ? null : wellFormed(storable(value));
}

/** As the database keeps it. */
export function stored(value: Changes[keyof Changes]): Binding {
  if (value === null || value === undefined || typeof value === 'number') return value ?? null;
  return typeof value === 'string' ? storable(value) : canonicalJson(value as unknown as JsonObject);
}

/** The SET list of one recorded transition: only what it changes, so that unchanged indexes are left alone. */
export function assignments(current: Transaction, transition: Transition, now: NowInSql, referenceShared: boolean): Assignments {
  const parts: string[] = ['version = version + 1'];
  const bindings: Binding[] = [];
  const set = (column: string, sql: string, values: readonly Binding[]): void => {
    parts.push(`${column} = ${sql}`);
    bindings.push(...values);
  };
  const setNow = (column: string): void => set(column, now.sql, now.bindings);

  setNow('updated_at');
  for (const field of FIELDS) {
    if (transition.changes[field] !== undefined) set(COLUMNS[field], '?', [stored(transition.changes[field])]);
  }
  const { stamps } = transition;
  const marks = [
    ['create_sent_at', stamps.createSentAt, current.createSentAt],
    ['confirm_sent_at', stamps.confirmSentAt, current.confirmSentAt],
    ['cancel_sent_at', stamps.cancelSentAt, current.cancelSentAt],
    ['absent_since', stamps.absentSince, current.absentSince],
    ['key_conflict_at', stamps.keyConflictAt, current.keyConflictAt],
  ] as const;
  for (const [column, wish, value] of marks) {
    if (wish === 'clear') set(column, 'null', []);
    if (wish === 'now' || (wish === 'if_unset' && value === null)) setNow(column);
  }
  if (stamps.settledAt === 'now') setNow('settled_at');
  if (stamps.settledAt === 'clear') set('settled_at', 'null', []);
  if (stamps.nextAttempt === 'never') set('next_attempt_at', 'null', []);
  else if (stamps.nextAttempt !== undefined) set('next_attempt_at', `${now.sql} + ?`, [...now.bindings, Math.round(stamps.nextAttempt.inMs)]);
  if (transition.release) parts.push('lease_token = null', 'lease_holder = null', 'lease_expires_at = null');
  if (referenceShared) parts.push('reference_shared = 1');
  return { text: parts.join(', '), bindings };
}
