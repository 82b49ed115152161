import type { Transaction } from './transaction.ts';

/*
 * A transaction is what a caller wants paid; an attempt is one payment intent for it, or the lack of
 * one. At most one attempt is alive, and a new one begins only when the last is dead with proof.
 *
 *     failed, `request`     Stripe refused what we sent: no bank was asked, no intent is left that could succeed
 *     canceled, `fence`     nobody confirmed it: canceled at Stripe, or proved absent
 *
 * Everything else that is final uses the caller's key up.
 */

/** What a create of a new attempt sends: the ledger's id, the attempt and the key's hash are in its metadata. */
export const PARAMS_VERSION = 2;

/** Whether the last attempt is dead with proof, and of a kind that leaves the caller's key free for another. */
export function mayBeginAttempt(transaction: Transaction): boolean {
  if (transaction.keyConflictAt !== null || transaction.review !== null) return false;
  const leftFree =
    (transaction.status === 'failed' && transaction.failureKind === 'request') ||
    (transaction.status === 'canceled' && transaction.canceledBy === 'fence');
  return leftFree && isDead(transaction);
}

/** No intent of it exists, or the one that does was seen canceled at Stripe. */
function isDead({ paymentIntent, stripeStatus }: Transaction): boolean {
  return paymentIntent === null || stripeStatus === 'canceled';
}

/** Other parameters may be given only while no intent has ever existed: Stripe binds one to what it was made with. */
export function mayCorrect(transaction: Transaction): boolean {
  const { failureKind, intents, paymentIntent } = transaction;
  return (
    mayBeginAttempt(transaction) &&
    failureKind === 'request' &&
    intents === 0 &&
    paymentIntent === null
  );
}

/** An earlier attempt was proved absent: should its create be carried out late after all, the list shows it. */
export function mayHaveStrays({ absentAttempts }: Transaction): boolean {
  return absentAttempts > 0;
}
