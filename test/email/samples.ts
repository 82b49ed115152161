import type { Notification } from '../../src/app/ports.ts';
import type { JsonObject } from '../../src/domain/transaction.ts';
import type { NotificationKind } from '../../src/domain/transition.ts';

export const MAIL_KEY = 'SG.secret0123456789.abcdefghijklmnop';

export const KINDS: readonly NotificationKind[] = [
  'customer_succeeded',
  'customer_failed',
  'customer_authentication',
  'customer_canceled',
  'operator_stuck',
  'operator_truth_changed',
  'operator_outage',
  'operator_request_refused',
  'operator_rolled_back',
];

/** These are about a cause, and about no single payment. */
const OF_A_CAUSE: ReadonlySet<NotificationKind> = new Set([
  'operator_outage',
  'operator_request_refused',
  'operator_rolled_back',
]);

/** As the ledger queues it with a transition. */
export const DATA: JsonObject = {
  transaction_id: 'txn_01HZX5J4E9K4M2N8P0Q6R7S8T9',
  key: 'order-1',
  reference: 'A-1001',
  amount: 4999,
  currency: 'usd',
  amount_received: null,
  currency_received: null,
  description: 'Two chairs',
  status: 'stuck',
  payment_intent: 'pi_1',
  failure_kind: 'declined',
  failure_code: 'insufficient_funds',
  failure_message: 'Your card has insufficient funds.',
  review_reason: 'undecided',
  review_message: 'five answers, none of them final',
  created_at: 1_700_000_000_000,
};

/** The same of a payment that succeeded, for what was asked for unless it is said otherwise. */
export const PAID: JsonObject = {
  ...DATA,
  status: 'succeeded',
  failure_kind: null,
  failure_code: null,
  failure_message: null,
  review_reason: null,
  review_message: null,
  amount_received: 4999,
  currency_received: 'usd',
};

export function notification(
  kind: NotificationKind,
  more: Partial<Notification> = {},
): Notification {
  return {
    id: 'ntf_01',
    transactionId: OF_A_CAUSE.has(kind) ? null : 'txn_01HZX5J4E9K4M2N8P0Q6R7S8T9',
    kind,
    to: kind.startsWith('customer') ? 'ann@example.com' : null,
    state: 'sending',
    attempts: 0,
    createdAt: Date.UTC(2026, 10, 22, 12),
    nextAttemptAt: null,
    sentAt: null,
    messageId: null,
    lastError: null,
    data: kind === 'customer_succeeded' ? PAID : DATA,
    ...more,
  };
}
