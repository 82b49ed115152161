import type { Transaction } from './transaction.ts';

interface Money {
  /** In the currency's minor unit. */
  readonly amount: number;
  readonly currency: string;
}

/**
 * What Stripe received for a payment, null where nobody has seen it. A mismatch that a person accepted
 * before received amounts were stored stands in the evidence of the decision.
 */
export function receivedOf(transaction: Transaction): Money | null {
  const { amountReceived, currencyReceived, status, review } = transaction;
  if (amountReceived !== null && currencyReceived !== null) {
    return { amount: amountReceived, currency: currencyReceived };
  }
  if (status !== 'succeeded' || review?.evidence['stripe_status'] !== 'succeeded') return null;
  const { amount_received: received, amount, currency } = review.evidence;
  const taken = received ?? amount;
  return typeof taken === 'number' && typeof currency === 'string'
    ? { amount: taken, currency }
    : null;
}

/** Whether a sum is the one that was asked for. */
export function isAsAsked(
  transaction: Pick<Transaction, 'amount' | 'currency'>,
  sum: Money,
): boolean {
  return sum.amount === transaction.amount && sum.currency === transaction.currency;
}
