import type Stripe from 'stripe';
import { type ChargeRequest } from '../domain/transaction.ts';

/** The metadata name that ties an intent to its transaction; a scan of Stripe's list matches on it. */
export const TRANSACTION_METADATA = 'payrecon_transaction';

/** Stripe's largest page. */
export const LIST_PAGE_SIZE = 100;

/**
 * What a create sends. A pure function of the fixed request, so a replay under the same idempotency
 * key sends the same bytes (other parameters would answer `idempotency_error`).
 *
 * Not sent, on purpose: `confirm` (no money may move before the id is stored), `receipt_email`
 * (Stripe would send a second e-mail in live mode), `payment_method_types` (gone from this API version).
 */
export function createParams(transaction: ChargeRequest & { readonly id: string }): Stripe.PaymentIntentCreateParams {
  return {
    amount: transaction.amount,
    currency: transaction.currency,
    payment_method: transaction.paymentMethod,
    allowed_payment_method_types: [...transaction.methodTypes],
    ...(transaction.customer === null ? {} : { customer: transaction.customer }),
    ...(transaction.description === null ? {} : { description: transaction.description }),
    metadata: { ...transaction.metadata, [TRANSACTION_METADATA]: transaction.id },
  };
}

/**
 * A confirm needs nothing: the payment method is on the intent since the create.
 *
 * - No `off_session`: a card that wants 3-D Secure then answers 200 `requires_action` (pending, and
 *   canceled later if nobody acts) instead of a 402.
 * - No `return_url`: Stripe wants one for methods that redirect (and with `automatic_payment_methods`
 *   for all), not for the types that we name ourselves: `card` and bank debits.
 * - `us_bank_account`, `sepa_debit` and their kin need a mandate. One that was agreed when the payment method was saved (a
 *   SetupIntent, or `setup_future_usage`) is found by Stripe. We cannot send `mandate_data`: it holds the
 *   customer's acceptance (time, address, browser), which only the page that asked the customer knows. A method without a mandate
 *   answers 400, an account that is not verified answers `requires_action`.
 */
export function confirmParams(): Stripe.PaymentIntentConfirmParams {
  return {};
}

/** `abandoned` tells people in the Dashboard that nobody completed it; it changes nothing else. */
export function cancelParams(): Stripe.PaymentIntentCancelParams {
  return { cancellation_reason: 'abandoned' };
}

/** One page of the list, newest first. Seconds since 1970, both ends included. */
export interface PageRequest {
  readonly fromSeconds: number;
  readonly toSeconds: number;
  /** The last id of the page before. */
  readonly after: string | null;
}

/**
 * Not filtered by customer although Stripe could: somebody may have changed the customer of an intent
 * in the Dashboard, and a filter would then hide what we must not miss.
 */
export function listParams(page: PageRequest): Stripe.PaymentIntentListParams {
  return {
    created: { gte: page.fromSeconds, lte: page.toSeconds },
    limit: LIST_PAGE_SIZE,
    ...(page.after === null ? {} : { starting_after: page.after }),
  };
}
