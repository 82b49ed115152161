import { formatDuration } from './duration.ts';
import { isOverdue } from './transaction.ts';
import type { Instant, Transaction } from './transaction.ts';

/** A plain sentence: why the transaction is in its state, and what happens next. */
export function explain(transaction: Transaction, now: Instant): string {
  const decided = transaction.review?.resolution ?? null;
  if (decided !== null && transaction.review?.reason === 'resolved_by_hand' && transaction.status !== 'pending') {
    return `${decided.operator} decided that it is ${transaction.status}: ${decided.reason}. Should Stripe show otherwise, that is recorded and a person is told.`;
  }
  switch (transaction.status) {
    case 'succeeded':
      return correction(transaction, `Stripe shows ${transaction.paymentIntent ?? 'the payment intent'} succeeded with this amount and currency: the customer was charged once.`);
    case 'failed':
      return correction(transaction, failedSentence(transaction));
    case 'canceled':
      return correction(
        transaction,
        transaction.paymentIntent === null
          ? 'No payment intent exists at Stripe for it, so nothing was or can be charged.'
          : `${transaction.paymentIntent} was canceled at Stripe before it could succeed: nothing was charged, and nothing can be.`,
      );
    case 'stuck':
      return `It waits for a person: ${transaction.review?.message ?? 'the outcome could not be decided'}. Run \`payrecon stuck resolve ${transaction.id}\`.`;
    case 'pending':
      return pendingSentence(transaction, now);
  }
}

function correction(transaction: Transaction, sentence: string): string {
  return transaction.review?.reason === 'truth_changed' ? `${sentence} It ${transaction.review.message}.` : sentence;
}

function failedSentence(transaction: Transaction): string {
  const why = `${transaction.failureMessage ?? 'declined'} (${transaction.failureCode ?? 'declined'})`;
  return transaction.paymentIntent === null
    ? `Stripe refused it before any payment intent was made: ${why}. Nothing was charged.`
    : `The payment was declined: ${why}. The payment intent was then canceled, so it can never succeed later.`;
}

function pendingSentence(transaction: Transaction, now: Instant): string {
  const next = nextSentence(transaction, now);
  if (transaction.stripeStatus === 'processing' || transaction.stripeStatus === 'requires_action') {
    const what = transaction.stripeStatus === 'processing' ? 'Stripe is still processing it' : 'The customer has to authenticate it';
    return isOverdue(transaction, now)
      ? `${what}, for longer than this payment method should take. It is overdue: a person should look. ${next}`
      : `${what}; that is normal for this payment method. ${next}`;
  }
  switch (transaction.step) {
    case 'recorded':
      return `It is recorded, and nothing was sent to Stripe: nothing was charged. Charging again with the same key goes on; otherwise it will be canceled. ${next}`;
    case 'create_sent':
      return `The answer to creating the payment intent is not known; nothing can have been charged, because it was not confirmed. ${next}`;
    case 'created':
      return `The payment intent exists and has not been confirmed: nothing was charged. ${next}`;
    case 'confirm_sent':
      return `The confirm was sent and its outcome is not known: the customer may or may not have been charged. Do not charge again under another key. ${next}`;
    case 'cancel_sent':
      return `It is being canceled at Stripe; whether that came first is not known yet. ${next}`;
    case 'settled':
      return next;
  }
}

function nextSentence(transaction: Transaction, now: Instant): string {
  if (transaction.nextAttemptAt === null) return 'Nothing further is planned.';
  const inMs = transaction.nextAttemptAt - now;
  return inMs <= 0 ? 'The next reconciliation asks Stripe.' : `Stripe is asked again in ${formatDuration(inWords(inMs))}.`;
}

/** Nobody waits for milliseconds: rounded up to seconds, and beyond two minutes to minutes. */
function inWords(ms: number): number {
  const unitMs = ms > 120_000 ? 60_000 : 1_000;
  return Math.ceil(ms / unitMs) * unitMs;
}
