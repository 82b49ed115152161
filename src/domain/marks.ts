import type { IntentSnapshot } from './answer.ts';
import type { LedgerMarks } from './decide/decision.ts';
import type { Transaction } from './transaction.ts';

/*
 * How an intent at Stripe is known to be ours: its metadata names the transaction, from version 2 of
 * the parameters on also the ledger, and it is of the ledger's mode. An id alone proves nothing: a row
 * can be tampered with, metadata can be copied, and another account may know the same id.
 */

export const TRANSACTION_METADATA = 'payrecon_transaction';
export const LEDGER_METADATA = 'payrecon_ledger';
export const ATTEMPT_METADATA = 'payrecon_attempt';
export const KEY_METADATA = 'payrecon_key';
export const NAMESPACE_METADATA = 'payrecon_namespace';

/** Which mark is missing or wrong, in words; null when the intent is this transaction's. */
export function foreignMark(
  transaction: Pick<Transaction, 'id' | 'paramsVersion'>,
  intent: IntentSnapshot,
  ledger: LedgerMarks | null,
): string | null {
  if (intent.metadata[TRANSACTION_METADATA] !== transaction.id)
    return 'its metadata does not name this transaction';
  if (ledger === null) return null;
  if (intent.livemode !== ledger.livemode)
    return `it is of ${intent.livemode ? 'live' : 'test'} mode`;
  const named = intent.metadata[LEDGER_METADATA];
  // A row of an older version was created without the ledger's id; one that names another is another's.
  if (named === ledger.id || (named === undefined && transaction.paramsVersion < 2)) return null;
  return named === undefined ? 'its metadata names no ledger' : 'its metadata names another ledger';
}

/** Payrecon made it, for the same namespace, and not this ledger. */
export function wasMadeByAnotherLedger(
  { metadata }: Pick<IntentSnapshot, 'metadata'>,
  own: { readonly ledger: string; readonly namespace: string },
): boolean {
  if (metadata[TRANSACTION_METADATA] === undefined) return false;
  return (
    (metadata[NAMESPACE_METADATA] ?? '') === own.namespace &&
    metadata[LEDGER_METADATA] !== own.ledger
  );
}

/** Which attempt an intent was made for; intents of older versions are all of the first. */
export function attemptOf(intent: Pick<IntentSnapshot, 'metadata'>): number {
  const text = intent.metadata[ATTEMPT_METADATA] ?? '1';
  return /^[1-9][0-9]{0,8}$/.test(text) ? Number(text) : 1;
}
