import { receivedOf } from './money/received.ts';
import type { JsonObject, Transaction } from './transaction.ts';
import type { NotificationKind } from './transition.ts';

type Ended = Pick<Transaction, 'status' | 'failureKind' | 'confirmSentAt'>;

/**
 * What the customer is told of an outcome: the closed table. A customer hears only of what happened at
 * their bank, or of an end after money may have moved; our own mistakes are the operator's.
 *
 *     succeeded                             customer_succeeded, with what was received
 *     failed, declined                      customer_failed
 *     failed, authentication                customer_authentication
 *     failed, request                       nothing: no bank was asked
 *     failed for another reason, canceled   customer_canceled where a confirm may have been sent, else nothing
 *
 * `corrected`: an earlier outcome was recorded, and perhaps told; then silence would leave that untrue.
 */
export function customerMail(after: Ended, corrected: boolean): readonly NotificationKind[] {
  switch (after.status) {
    case 'succeeded':
      return ['customer_succeeded'];
    case 'failed':
      return ofFailure(after, corrected);
    case 'canceled':
      return after.confirmSentAt !== null || corrected ? ['customer_canceled'] : [];
    case 'pending':
    case 'stuck':
      return [];
  }
}

function ofFailure(
  { failureKind, confirmSentAt }: Ended,
  corrected: boolean,
): readonly NotificationKind[] {
  switch (failureKind) {
    case 'declined':
      return ['customer_failed'];
    case 'authentication':
      return ['customer_authentication'];
    case 'request':
      return corrected ? ['customer_canceled'] : [];
    case null:
      return confirmSentAt !== null || corrected ? ['customer_canceled'] : [];
  }
}

/** What a message is made of, as it was when it was queued. Amount in the minor unit, instants in milliseconds. */
export function letterData(transaction: Transaction): JsonObject {
  const received = receivedOf(transaction);
  const others = transaction.review?.evidence['other_intents'];
  return {
    transaction_id: transaction.id,
    key: transaction.key,
    reference: transaction.reference,
    amount: transaction.amount,
    currency: transaction.currency,
    amount_received: received?.amount ?? null,
    currency_received: received?.currency ?? null,
    customer: transaction.customer,
    description: transaction.description,
    status: transaction.status,
    payment_intent: transaction.paymentIntent,
    stripe_status: transaction.stripeStatus,
    failure_kind: transaction.failureKind,
    failure_code: transaction.failureCode,
    failure_message: transaction.failureMessage,
    review_reason: transaction.review?.reason ?? null,
    review_message: transaction.review?.message ?? null,
    ...(others === undefined ? {} : { other_intents: others }),
    created_at: transaction.createdAt,
  };
}
