import type { IntentSnapshot } from '../answer.ts';
import type { Transaction } from '../transaction.ts';

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

/** Amount and currency are the ones that were asked for: the one comparison of money. */
export function matchesAmount(asked: Money, found: Money): boolean {
  return found.amount === asked.amount && found.currency === asked.currency;
}

/** The intent is for what was asked, and all of it was received. */
export function receivedAsAsked(
  asked: Money,
  intent: Pick<IntentSnapshot, 'amount' | 'amountReceived' | 'currency'>,
): boolean {
  const received = { amount: intent.amountReceived, currency: intent.currency };
  return matchesAmount(asked, intent) && matchesAmount(asked, received);
}
