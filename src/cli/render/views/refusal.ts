import type { PayreconError } from '../../../domain/errors.ts';
import { decimalAmount } from '../../../domain/money/money.ts';
import type { Instant, JsonObject, Transaction } from '../../../domain/transaction.ts';
import type { Output } from '../../streams.ts';
import { amountText } from '../parts/amount.ts';
import { block } from '../parts/details.ts';
import { timeJson, timeOrNull } from '../parts/json.ts';
import { createTheme } from '../parts/theme.ts';
import { fullTime } from '../parts/time.ts';
import { transactionJson } from '../parts/transaction-json.ts';

/*
 * Another transaction that a refusal speaks of: enough to find it, and nothing that is another customer's business
 * (who they are, where they are mailed, what they paid with).
 */

/** What the other transaction is to the one that was asked for. */
const LABELS: Readonly<Record<string, string>> = {
  duplicate_suspected: 'looks like',
  reference_taken: 'taken by',
  key_reused: 'recorded',
};

export function refusedTransactionJson(
  { code }: Pick<PayreconError, 'code'>,
  transaction: Transaction,
  now: Instant,
): JsonObject {
  // A decision is refused on the transaction that it names: all of it is the caller's business.
  if (LABELS[code] === undefined) return transactionJson(transaction, now);
  return {
    id: transaction.id,
    key: transaction.key,
    reference: transaction.reference,
    status: transaction.status,
    amount: transaction.amount,
    currency: transaction.currency,
    amount_decimal: decimalAmount(transaction.amount, transaction.currency),
    payment_intent: transaction.paymentIntent,
    created_at: timeJson(transaction.createdAt),
    settled_at: timeOrNull(transaction.settledAt),
  };
}

export function refusedTransactionBlock(
  { error, transaction }: { readonly error: PayreconError; readonly transaction: Transaction },
  output: Output,
  now: Instant,
): string {
  const lines = [
    { label: LABELS[error.code] ?? 'it is', value: transaction.id },
    { label: 'key', value: transaction.key },
    { label: 'reference', value: transaction.reference },
    { label: 'amount', value: amountText(transaction) },
    { label: 'status', value: transaction.status },
    { label: 'created', value: fullTime(transaction.createdAt, now, output) },
  ];
  return block(lines, createTheme(output), output);
}
