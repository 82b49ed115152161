import type { Transaction } from './transaction.ts';
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
