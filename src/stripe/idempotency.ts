import { createHash } from 'node:crypto';
import type { Transaction } from '../domain/transaction.ts';

/*
 * Stripe's idempotency keys. They are made of the user's key and not of the transaction's id, so that
 * even two ledgers that do not know each other cannot charge one key twice at the same account: the
 * second create answers `idempotency_error`, because its metadata names another transaction. Two shops
 * that share an account have namespaces, and keys of their own. A new attempt is another payment
 * intent, so its keys are made of its number, too; those of the first are as they always were.
 *
 * Hashed, because Stripe allows 255 characters and asks for nothing sensitive in a key, and the
 * user's key may be 255 characters of anything. Create and confirm need different keys: Stripe binds a key to its
 * endpoint.
 */

type Keyed = Pick<Transaction, 'key' | 'attempt'>;

export function createIdempotencyKey(transaction: Keyed, namespace = ''): string {
  return `payrecon-create-${digestOf(transaction, namespace)}`;
}

export function confirmIdempotencyKey(transaction: Keyed, namespace = ''): string {
  return `payrecon-confirm-${digestOf(transaction, namespace)}`;
}

/**
 * A cancel may be repeated without harm, and Stripe stores a 500 under the key and replays it for a
 * day. So the key changes with the row's version: the next attempt is really executed. It is bound to
 * the intent as well, because another one of the same transaction may have to be canceled.
 */
export function cancelIdempotencyKey(
  transaction: Keyed & Pick<Transaction, 'version'> & { readonly paymentIntent: string },
  namespace = '',
): string {
  const { version, paymentIntent } = transaction;
  return `payrecon-cancel-${digestOf(transaction, namespace)}-${version}-${sha256(paymentIntent).slice(0, 16)}`;
}

/** What a create's metadata names the key by: enough to find another ledger's use of it, and nothing of its text. */
export function keyDigest(key: string): string {
  return sha256(key);
}

function digestOf({ key, attempt }: Keyed, namespace: string): string {
  if (namespace === '' && attempt === 1) return sha256(key);
  // A list, so that no key can be spelt like another one's namespace or attempt.
  return sha256(JSON.stringify([namespace, key, attempt]));
}

function sha256(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}
