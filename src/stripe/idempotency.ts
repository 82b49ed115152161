import { createHash } from 'node:crypto';
import { type Transaction } from '../domain/transaction.ts';

/*
 * Stripe's idempotency keys. They are made of the user's key and not of the transaction's id, so that
 * even two ledgers that do not know each other cannot charge one key twice at the same account: the
 * second create answers `idempotency_error`, because its metadata names another transaction.
 *
 * Hashed, because Stripe allows 255 characters and asks for nothing sensitive in a key, and the
 * user's key may be 255 characters of anything. Create and confirm need different keys: Stripe binds a key to its
 * endpoint.
 */

type Keyed = Pick<Transaction, 'key'>;

export function createIdempotencyKey(transaction: Keyed): string {
  return `payrecon-create-${sha256(transaction.key)}`;
}

export function confirmIdempotencyKey(transaction: Keyed): string {
  return `payrecon-confirm-${sha256(transaction.key)}`;
}

/**
 * A cancel may be repeated without harm, and Stripe stores a 500 under the key and replays it for a
 * day. So the key changes with the row's version: the next attempt is really executed.
 */
export function cancelIdempotencyKey(transaction: Keyed & Pick<Transaction, 'version'>): string {
  return `payrecon-cancel-${sha256(transaction.key)}-${transaction.version}`;
}

function sha256(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}
