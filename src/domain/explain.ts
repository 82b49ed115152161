import { mayBeginAttempt, mayCorrect } from './attempts.ts';
import { formatDuration } from './duration.ts';
import { formatMoney } from './money/money.ts';
import { otherIntentsIn, type NamedIntent } from './other-intents.ts';
import { matchesAmount, receivedOf } from './money/received.ts';
import { isOverdue, type Instant, type Resolution, type Transaction } from './transaction.ts';

/** A plain sentence: why the transaction is in its state, and what happens next. */
export function explain(transaction: Transaction, now: Instant): string {
  const decided =
    transaction.review?.reason === 'resolved_by_hand' ? transaction.review.resolution : null;
  if (decided !== null && transaction.status !== 'pending')
    return decidedSentence(transaction, decided);
  if (transaction.keyConflictAt !== null && transaction.status !== 'succeeded')
    return keyConflictSentence(transaction);
  switch (transaction.status) {
    case 'succeeded':
      return correction(transaction, succeededSentence(transaction));
    case 'failed':
      return correction(transaction, failedSentence(transaction));
    case 'canceled':
      return correction(transaction, canceledSentence(transaction));
    case 'stuck':
      return waitsForAPerson(transaction);
    case 'pending':
      return pendingSentence(transaction, now);
  }
}

function decidedSentence(transaction: Transaction, { operator, reason }: Resolution): string {
  const { status } = transaction;
  const money = status === 'succeeded' ? ` ${receivedSentence(transaction)}` : '';
  return `${operator} decided that it is ${status}: ${withoutStop(reason)}.${money} Should Stripe show otherwise, that is recorded and a person is told.`;
}

function receivedSentence(transaction: Transaction): string {
  const received = receivedOf(transaction);
  if (received === null) return 'What Stripe received is not known.';
  const taken = formatMoney(received.amount, received.currency);
  if (matchesAmount(transaction, received)) return `Stripe received ${taken}.`;
  return `Stripe received ${taken}; ${formatMoney(transaction.amount, transaction.currency)} was asked for.`;
}

function succeededSentence(transaction: Transaction): string {
  const intent = transaction.paymentIntent ?? 'the payment intent';
  const received = receivedOf(transaction);
  if (received === null)
    return `It is recorded as succeeded (${intent}). ${receivedSentence(transaction)}`;
  if (matchesAmount(transaction, received)) {
    return `Stripe shows ${intent} succeeded with this amount and currency: the customer was charged once.`;
  }
  const [taken, asked] = [received, transaction].map(({ amount, currency }) =>
    formatMoney(amount, currency),
  );
  return `Stripe shows ${intent} succeeded: it received ${taken ?? ''}; ${asked ?? ''} was asked for.`;
}

function correction(transaction: Transaction, sentence: string): string {
  return transaction.review?.reason === 'truth_changed'
    ? `${sentence} It ${transaction.review.message}.`
    : sentence;
}

function failedSentence(transaction: Transaction): string {
  const { failureKind, failureMessage, failureCode, paymentIntent } = transaction;
  const why = `${failureMessage ?? 'no reason was given'} (${failureCode ?? 'no code'})`;
  const fenced =
    paymentIntent === null
      ? 'Nothing was charged.'
      : 'The payment intent was then canceled, so it can never succeed later.';
  switch (failureKind) {
    case 'request':
      return `Stripe refused the request: ${why}. No bank was asked, nothing was charged. ${afterRequest(transaction)}`;
    case 'authentication':
      return `The bank wants the customer to authenticate this payment: ${why}. ${fenced} Have them pay on-session (\`--on-session\`) under a new key; the reference is free.`;
    case 'declined':
      return `The payment was declined: ${why}. ${fenced}`;
    case null:
      return `It did not go through: ${why}. ${fenced}`;
  }
}

function afterRequest(transaction: Transaction): string {
  if (mayCorrect(transaction)) return 'Correct it and charge again with the same key.';
  return mayBeginAttempt(transaction)
    ? 'Mend the cause and charge again with the same key and parameters: that makes a new attempt.'
    : 'This key is used up.';
}

function canceledSentence(transaction: Transaction): string {
  const { paymentIntent, canceledBy } = transaction;
  const again = mayBeginAttempt(transaction)
    ? ' Charging again with the same key makes a new attempt.'
    : '';
  if (paymentIntent === null)
    return `No payment intent exists at Stripe for it, so nothing was or can be charged.${again}`;
  const nothing = 'before it could succeed: nothing was charged, and nothing can be.';
  switch (canceledBy) {
    case 'fence':
      return `${paymentIntent} was not confirmed, and was canceled at Stripe: nothing was charged, and by it nothing can be.${again}`;
    case 'person':
      return `Somebody canceled ${paymentIntent} at Stripe ${nothing}`;
    case 'stripe':
      return `Stripe canceled ${paymentIntent} ${nothing}`;
    case null:
      return `${paymentIntent} was canceled at Stripe ${nothing}`;
  }
}

function waitsForAPerson({ id, review }: Transaction, more: readonly string[] = []): string {
  const why = withoutStop(review?.message ?? 'the outcome could not be decided');
  return [`It waits for a person: ${why}.`, ...more, `Run \`payrecon stuck resolve ${id}\`.`].join(
    ' ',
  );
}

/** `show` lists them all. */
const MOST_NAMED = 3;

function named(intents: readonly NamedIntent[]): string {
  const left = intents.length - MOST_NAMED;
  return [
    ...intents.slice(0, MOST_NAMED).map(({ words }) => words),
    ...(left > 0 ? [`and ${String(left)} more`] : []),
  ].join('; ');
}

/** The key belongs to another ledger's or program's payment: what became of the money is not this row's to say. */
function keyConflictSentence(transaction: Transaction): string {
  const others = otherIntentsIn(transaction.review?.evidence ?? {});
  const ofTheKey = others.filter(({ isUnderOurKey }) => isUnderOurKey);
  const alike = others.filter(({ isUnderOurKey }) => !isUnderOurKey);
  const found = [
    ofTheKey.length > 0
      ? `Under this key Stripe shows: ${named(ofTheKey)}.`
      : 'The payment intent that was made under this key was not found.',
    ...(alike.length > 0 ? [`It looks like: ${named(alike)}.`] : []),
    'It is never sent again.',
  ];
  if (transaction.status === 'stuck') return waitsForAPerson(transaction, found);
  const begins = `Stripe knows this key with other parameters: another ledger or program has used it. It is recorded as ${transaction.status}.`;
  return [begins, ...found].join(' ');
}

function withoutStop(text: string): string {
  return text.replace(/\.$/, '');
}

function pendingSentence(transaction: Transaction, now: Instant): string {
  const next = nextSentence(transaction, now);
  if (transaction.stripeStatus === 'processing' || transaction.stripeStatus === 'requires_action') {
    const what =
      transaction.stripeStatus === 'processing'
        ? 'Stripe is still processing it'
        : 'The customer has to authenticate it';
    return isOverdue(transaction, now)
      ? `${what}, for longer than this payment method should take. It is overdue: a person should look. ${next}`
      : `${what}; that is normal for this payment method. ${next}`;
  }
  switch (transaction.step) {
    case 'recorded':
      return neverSentSentence(transaction, now);
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

/** A restored backup says "never sent" of payments that were made since: older rows are not taken by their word. */
const BELIEVED_MS = 3_600_000;

function neverSentSentence({ createdAt, nextAttemptAt }: Transaction, now: Instant): string {
  const isYoung = createdAt <= now && now - createdAt <= BELIEVED_MS;
  const state = isYoung
    ? 'It is recorded, and nothing was sent to Stripe: nothing was charged. Charging again with the same key goes on;'
    : 'The ledger says that nothing was sent to Stripe. Charging again with the same key looks there first, and goes on;';
  const leftAlone =
    nextAttemptAt !== null && nextAttemptAt > now
      ? `the reconciler leaves it alone for another ${inWords(nextAttemptAt - now)}, then cancels it.`
      : 'the reconciler leaves it alone, and cancels it only past the age ceiling (PAYRECON_STUCK_AFTER).';
  return `${state} ${leftAlone}`;
}

function nextSentence(transaction: Transaction, now: Instant): string {
  if (transaction.nextAttemptAt === null) return 'Nothing further is planned.';
  const inMs = transaction.nextAttemptAt - now;
  return inMs <= 0
    ? 'The next reconciliation asks Stripe.'
    : `Stripe is asked again in ${inWords(inMs)}.`;
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/** Nobody waits for milliseconds: rounded up to seconds, beyond two minutes to minutes, beyond two hours to hours. */
function inWords(ms: number): string {
  if (ms > 2 * HOUR_MS) return `${String(Math.ceil(ms / HOUR_MS))}h`;
  const unitMs = ms > 2 * MINUTE_MS ? MINUTE_MS : SECOND_MS;
  return formatDuration(Math.ceil(ms / unitMs) * unitMs);
}
