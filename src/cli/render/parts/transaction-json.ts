import type { ShownTransaction, TransactionPage } from '../../../app/service.ts';
import type { AuditEntry, Notification } from '../../../app/ports.ts';
import { decimalAmount } from '../../../domain/money/money.ts';
import { receivedOf } from '../../../domain/money/received.ts';
import {
  type Instant,
  isOverdue,
  type JsonObject,
  type Review,
  type Transaction,
} from '../../../domain/transaction.ts';
import { timeJson, timeOrNull } from './json.ts';

/** Keys and their order are the contract of the command line; null only where nothing is known. */
export function transactionJson(transaction: Transaction, now: Instant): JsonObject {
  const received = receivedOf(transaction);
  return {
    id: transaction.id,
    key: transaction.key,
    attempt: transaction.attempt,
    reference: transaction.reference,
    status: transaction.status,
    step: transaction.step,
    amount: transaction.amount,
    currency: transaction.currency,
    amount_decimal: decimalAmount(transaction.amount, transaction.currency),
    amount_received: received?.amount ?? null,
    currency_received: received?.currency ?? null,
    customer: transaction.customer,
    payment_method: transaction.paymentMethod,
    email: transaction.email,
    description: transaction.description,
    metadata: transaction.metadata,
    payment_intent: transaction.paymentIntent,
    stripe_status: transaction.stripeStatus,
    failure_kind: transaction.failureKind,
    failure_code: transaction.failureCode,
    failure_message: transaction.failureMessage,
    canceled_by: transaction.canceledBy,
    attempts: transaction.attempts,
    overdue: isOverdue(transaction, now),
    expected_by: timeOrNull(transaction.expectedBy),
    next_attempt_at: timeOrNull(transaction.nextAttemptAt),
    created_at: timeJson(transaction.createdAt),
    updated_at: timeJson(transaction.updatedAt),
    settled_at: timeOrNull(transaction.settledAt),
    review: transaction.review === null ? null : reviewJson(transaction.review),
  };
}

function reviewJson({ reason, message, at, evidence, resolution }: Review): JsonObject {
  return {
    reason,
    message,
    at: timeJson(at),
    evidence,
    resolution:
      resolution === null
        ? null
        : {
            as: resolution.as,
            reason: resolution.reason,
            operator: resolution.operator,
            at: timeJson(resolution.at),
          },
  };
}

export function pageJson(page: TransactionPage, now: Instant): JsonObject {
  return {
    data: page.data.map((transaction) => transactionJson(transaction, now)),
    has_more: page.hasMore,
    next_cursor: page.nextCursor,
  };
}

export function shownJson(shown: ShownTransaction, now: Instant): JsonObject {
  return {
    ...transactionJson(shown.transaction, now),
    audit: shown.audit.map(auditJson),
    notifications: shown.notifications.map(notificationJson),
  };
}

function auditJson(entry: AuditEntry): JsonObject {
  return {
    seq: entry.seq,
    at: timeJson(entry.at),
    actor: entry.actor,
    action: entry.action,
    from: entry.from === null ? null : { status: entry.from.status, step: entry.from.step },
    to: { status: entry.to.status, step: entry.to.step },
    detail: entry.detail,
    request_id: entry.requestId,
    hash: entry.hash,
  };
}

function notificationJson(notification: Notification): JsonObject {
  return {
    id: notification.id,
    kind: notification.kind,
    to: notification.to,
    state: notification.state,
    attempts: notification.attempts,
    sent_at: timeOrNull(notification.sentAt),
  };
}
