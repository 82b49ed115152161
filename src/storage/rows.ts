import type { AuditEntry, Notification, NotificationState, PassRow } from '../app/ports.ts';
import { BugError } from '../domain/errors.ts';
import { STATUSES, type Status } from '../domain/statuses.ts';
import { STEPS, type JsonObject, type Step } from '../domain/transaction.ts';
import type { Action, NotificationKind } from '../domain/transition.ts';
import type { ChainEntry } from './ledger/audit-chain.ts';
import type { Row } from './database.ts';

/*
 * Rows to entities, in one place. Whatever does not have the shape that was written stops here: a
 * damaged or foreign value must not be taken for a payment's state.
 */

function wrong(column: string, value: unknown): BugError {
  return new BugError(`the database holds an unexpected ${typeof value} in column ${column}`);
}

export function text(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== 'string') throw wrong(column, value);
  return value;
}

export function textOrNull(row: Row, column: string): string | null {
  return row[column] === null ? null : text(row, column);
}

export function integer(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw wrong(column, value);
  return value;
}

export function integerOrNull(row: Row, column: string): number | null {
  return row[column] === null ? null : integer(row, column);
}

export function oneOf<T extends string>(allowed: readonly T[], row: Row, column: string): T {
  const value = text(row, column);
  const known = allowed.find((candidate) => candidate === value);
  if (known === undefined) throw wrong(column, value);
  return known;
}

export function parsed(row: Row, column: string): unknown {
  try {
    return JSON.parse(text(row, column));
  } catch (error) {
    throw new BugError(`the database holds something other than JSON in column ${column}`, {
      cause: error,
    });
  }
}

export function jsonObject(row: Row, column: string): JsonObject {
  const value = parsed(row, column);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrong(column, value);
  return value as JsonObject;
}

export function statusOf(row: Row, column: string): Status {
  return oneOf(STATUSES, row, column);
}

export function stepOf(row: Row, column: string): Step {
  return oneOf(STEPS, row, column);
}

export function oneOfOrNull<T extends string>(
  allowed: readonly T[],
  row: Row,
  column: string,
): T | null {
  return row[column] === null ? null : oneOf(allowed, row, column);
}

export function auditEntryOf(row: Row): AuditEntry {
  return {
    transactionId: text(row, 'transaction_id'),
    seq: integer(row, 'seq'),
    at: integer(row, 'at'),
    actor: jsonObject(row, 'actor'),
    action: text(row, 'action') as Action,
    from:
      row['from_status'] === null
        ? null
        : { status: statusOf(row, 'from_status'), step: stepOf(row, 'from_step') },
    to: { status: statusOf(row, 'to_status'), step: stepOf(row, 'to_step') },
    detail: jsonObject(row, 'detail'),
    requestId: textOrNull(row, 'request_id'),
    hash: text(row, 'hash'),
  };
}

/** With what it wrote, as it is sealed; null on an entry of a version that did not keep it. */
export function chainEntryOf(row: Row): ChainEntry {
  return { ...auditEntryOf(row), changes: textOrNull(row, 'changes') };
}

const NOTIFICATION_STATES: readonly NotificationState[] = ['queued', 'sending', 'sent', 'failed'];

export function notificationOf(row: Row): Notification {
  return {
    id: text(row, 'id'),
    transactionId: textOrNull(row, 'transaction_id'),
    kind: text(row, 'kind') as NotificationKind,
    to: textOrNull(row, 'recipient'),
    state: oneOf(NOTIFICATION_STATES, row, 'state'),
    attempts: integer(row, 'attempts'),
    createdAt: integer(row, 'created_at'),
    nextAttemptAt: integerOrNull(row, 'next_attempt_at'),
    sentAt: integerOrNull(row, 'sent_at'),
    messageId: textOrNull(row, 'message_id'),
    lastError: textOrNull(row, 'last_error'),
    data: jsonObject(row, 'data'),
  };
}

export function passOf(row: Row): PassRow {
  return {
    id: text(row, 'id'),
    host: text(row, 'host'),
    startedAt: integer(row, 'started_at'),
    finishedAt: integerOrNull(row, 'finished_at'),
    due: integer(row, 'due'),
    settled: {
      succeeded: integer(row, 'succeeded'),
      failed: integer(row, 'failed'),
      canceled: integer(row, 'canceled'),
    },
    pending: integer(row, 'pending'),
    stuck: integer(row, 'stuck'),
    stripeCalls: {
      list: integer(row, 'calls_list'),
      retrieve: integer(row, 'calls_retrieve'),
      other: integer(row, 'calls_other'),
    },
    notSent: integer(row, 'not_sent'),
    outage: integer(row, 'outage') === 1,
    stoppedBy: textOrNull(row, 'stopped_by'),
    durationMs: integer(row, 'duration_ms'),
  };
}

/** PostgreSQL takes no NUL in text; what came from outside and is only shown loses it on both databases. */
export function storable(value: string): string {
  return value.replaceAll('\0', '\uFFFD');
}
