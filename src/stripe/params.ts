import type Stripe from 'stripe';
import { BugError } from '../domain/errors.ts';
import {
  ATTEMPT_METADATA,
  KEY_METADATA,
  LEDGER_METADATA,
  NAMESPACE_METADATA,
  TRANSACTION_METADATA,
} from '../domain/marks.ts';
import type { Transaction } from '../domain/transaction.ts';
import { keyDigest } from './idempotency.ts';

/** Whose marks a create bears. */
export interface LedgerNames {
  readonly id: string;
  readonly namespace: string;
}

/** Stripe's largest page. */
export const LIST_PAGE_SIZE = 100;

/**
 * What a create sends. A pure function of the fixed request and the ledger's name, so a replay under the same idempotency
 * key sends the same bytes (other parameters would answer `idempotency_error`).
 *
 * Not sent, on purpose: `confirm` (no money may move before the id is stored), `receipt_email`
 * (Stripe would send a second e-mail in live mode), `payment_method_types` (gone from this API version).
 */
export function createParams(
  transaction: Transaction,
  ledger: LedgerNames | null,
): Stripe.PaymentIntentCreateParams {
  return {
    amount: transaction.amount,
    currency: transaction.currency,
    payment_method: transaction.paymentMethod,
    allowed_payment_method_types: [...transaction.methodTypes],
    ...(transaction.customer === null ? {} : { customer: transaction.customer }),
    ...(transaction.description === null ? {} : { description: transaction.description }),
    metadata: { ...transaction.metadata, ...marks(transaction, ledger) },
  };
}

/** Rows of the versions before send what those sent: Stripe binds an idempotency key to its parameters. */
function marks(
  { id, key, attempt, paramsVersion }: Transaction,
  ledger: LedgerNames | null,
): Readonly<Record<string, string>> {
  if (paramsVersion < 2) return { [TRANSACTION_METADATA]: id };
  if (ledger === null) throw new BugError(`${id} is created for a ledger without a name`);
  return {
    [TRANSACTION_METADATA]: id,
    [LEDGER_METADATA]: ledger.id,
    [ATTEMPT_METADATA]: String(attempt),
    [KEY_METADATA]: keyDigest(key),
    ...(ledger.namespace === '' ? {} : { [NAMESPACE_METADATA]: ledger.namespace }),
  };
}

/**
 * The payment method is on the intent since the create.
 *
 * - `off_session` unless the customer is there: Stripe then asks for the exemptions that exist for it,
 *   and a card that wants 3-D Secure answers 402 `authentication_required`. On session it answers 200
 *   `requires_action`. A confirm that went out before sessions were named is repeated without one,
 *   because the parameters belong to its idempotency key.
 * - No `return_url`: Stripe wants one for methods that redirect (and with `automatic_payment_methods`
 *   for all), not for the types that we name ourselves: `card` and bank debits.
 * - `us_bank_account`, `sepa_debit` and their kin need a mandate. One that was agreed when the payment method was saved (a
 *   SetupIntent, or `setup_future_usage`) is found by Stripe. We cannot send `mandate_data`: it holds the
 *   customer's acceptance (time, address, browser), which only the page that asked the customer knows. A method without a mandate
 *   answers 400, an account that is not verified answers `requires_action`.
 */
export function confirmParams({
  session,
}: Pick<Transaction, 'session'>): Stripe.PaymentIntentConfirmParams {
  return session === 'off_session' ? { off_session: true } : {};
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

/** The newest of all times, or those after one that was shown. */
export type NewestPageRequest = Pick<PageRequest, 'after'>;

/**
 * Not filtered by customer although Stripe could: somebody may have changed the customer of an intent
 * in the Dashboard, and a filter would then hide what we must not miss.
 */
export function listParams(page: PageRequest | NewestPageRequest): Stripe.PaymentIntentListParams {
  return {
    ...('fromSeconds' in page ? { created: { gte: page.fromSeconds, lte: page.toSeconds } } : {}),
    limit: LIST_PAGE_SIZE,
    ...(page.after === null ? {} : { starting_after: page.after }),
  };
}
