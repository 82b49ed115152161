import type { Answer, IntentSnapshot } from './answer.ts';
import type { LedgerMarks } from './decide/decision.ts';
import { foreignMark, TRANSACTION_METADATA } from './marks.ts';
import { receivedAsAsked } from './money/received.ts';
import { formatMoney } from './money/money.ts';
import { isOverdue, type Instant, type Resolution, type Transaction } from './transaction.ts';

/** What a person may decide about a stuck or overdue transaction. */
export interface ResolutionOption {
  readonly as: Resolution['as'];
  /** What it means in this case, for the prompt. */
  readonly meaning: string;
  /** Only after the intent was canceled at Stripe, in the same command (`--cancel-at-stripe`). */
  readonly needsCancelAtStripe: boolean;
}

/** A transaction that is stuck or overdue is a person's to decide, and a changed truth a person's to know. */
export function needsPerson(transaction: Transaction, now: Instant): boolean {
  return (
    transaction.status === 'stuck' || isOverdue(transaction, now) || isChangedTruth(transaction)
  );
}

/** Settled, and Stripe showed something else later: on the work list until somebody has acknowledged it. */
export function isChangedTruth({ review }: Pick<Transaction, 'review'>): boolean {
  return review?.reason === 'truth_changed' && review.resolution?.as !== 'acknowledge';
}

/**
 * What the answer says about this payment: another's intent says nothing about it, and where the key
 * was used by another ledger, it is the other one's intent that the person has to know of.
 */
export function answerForPerson(
  transaction: Transaction,
  answer: Answer,
  ledger: LedgerMarks | null,
): Answer {
  const { requestId } = answer;
  if (answer.kind === 'absent' && answer.elsewhere !== undefined)
    return { kind: 'intent', intent: answer.elsewhere, requestId, replayed: false };
  if (answer.kind !== 'intent' && answer.kind !== 'declined') return answer;
  const foreign = foreignMark(transaction, answer.intent, ledger);
  if (foreign === null) return answer;
  const message = `${answer.intent.id} is not this payment's: ${foreign}`;
  return { kind: 'missing', requestId, message };
}

/**
 * What a person may decide, given what Stripe shows at this moment. Stripe's own outcome leaves no
 * choice; an intent that could still succeed must be canceled at Stripe before the row may say that
 * it did not; and what Stripe cannot tell is the person's to know. "Nothing was charged" is offered
 * only with proof of it: neither an id that this account does not know nor one scan is any.
 */
export function resolutionOptions(
  transaction: Transaction,
  answer: Answer,
): readonly ResolutionOption[] {
  if (isChangedTruth(transaction)) return [acknowledge(transaction)];
  if (transaction.keyConflictAt !== null) return afterKeyConflict(transaction, answer);
  switch (answer.kind) {
    case 'intent':
    case 'declined':
      return forIntent(transaction, answer.intent);
    case 'missing':
      return [
        retry(
          'ask Stripe again, once it is sure that the key is not of another account or mode; the attempts start over',
        ),
        bySight(),
      ];
    case 'absent':
      return [
        retry(
          'look again: two complete scans apart in time are the proof, and with it the reconciler records it as canceled',
        ),
        bySight(),
      ];
    case 'refused':
      return [retry('ask Stripe again from the recorded step; the attempts start over')];
    case 'unauthorized':
    case 'unknown':
      return [];
  }
}

function acknowledge({ status, review }: Transaction): ResolutionOption {
  return {
    as: 'acknowledge',
    meaning: `it ${review?.message ?? `is ${status}`}: you know of it, and have done what follows from it`,
    needsCancelAtStripe: false,
  };
}

function retry(meaning: string): ResolutionOption {
  return { as: 'retry', meaning, needsCancelAtStripe: false };
}

function bySight(): ResolutionOption {
  return {
    as: 'succeeded',
    meaning: 'you have seen it succeed: record that the customer was charged',
    needsCancelAtStripe: false,
  };
}

/**
 * The key may never be sent again, so there is no retry; and only the other intent, seen canceled,
 * shows that it took no money. It is another ledger's: it is not ours to cancel.
 */
function afterKeyConflict(transaction: Transaction, answer: Answer): readonly ResolutionOption[] {
  switch (answer.kind) {
    case 'intent':
    case 'declined':
      return isOwn(transaction, answer.intent)
        ? beside(transaction, answer.intent)
        : forOther(transaction, answer.intent);
    case 'missing':
    case 'absent':
    case 'refused':
      return [bySight()];
    case 'unauthorized':
    case 'unknown':
      return [];
  }
}

function isOwn(transaction: Transaction, intent: IntentSnapshot): boolean {
  return intent.metadata[TRANSACTION_METADATA] === transaction.id;
}

/** An intent of our own that was made beside the other one: unless it took the money, it says nothing of the other. */
function beside(transaction: Transaction, intent: IntentSnapshot): readonly ResolutionOption[] {
  return intent.status === 'succeeded' ? forIntent(transaction, intent) : [bySight()];
}

function forOther(transaction: Transaction, intent: IntentSnapshot): readonly ResolutionOption[] {
  const name = `${intent.id}, made under this key,`;
  switch (intent.status) {
    case 'succeeded': {
      const difference = receivedAsAsked(transaction, intent)
        ? ''
        : ` with ${received(intent)} instead of ${asked(transaction)}`;
      return [
        {
          as: 'succeeded',
          meaning: `${name} succeeded${difference}: record that the customer was charged`,
          needsCancelAtStripe: false,
        },
      ];
    }
    case 'canceled':
      return [
        {
          as: 'canceled',
          meaning: `${name} was canceled: record that`,
          needsCancelAtStripe: false,
        },
        {
          as: 'failed',
          meaning: `${name} was canceled: record that it failed`,
          needsCancelAtStripe: false,
        },
      ];
    default:
      return [];
  }
}

function received({ amountReceived, currency }: IntentSnapshot): string {
  return formatMoney(amountReceived, currency);
}

function asked({ amount, currency }: Transaction): string {
  return formatMoney(amount, currency);
}

function forIntent(transaction: Transaction, intent: IntentSnapshot): readonly ResolutionOption[] {
  switch (intent.status) {
    case 'succeeded': {
      const meaning = receivedAsAsked(transaction, intent)
        ? 'Stripe shows it succeeded: record that'
        : `accept that ${received(intent)} was received instead of ${asked(transaction)}`;
      return [{ as: 'succeeded', meaning, needsCancelAtStripe: false }];
    }
    case 'canceled': {
      const as = transaction.failureCode === null ? 'canceled' : 'failed';
      return [{ as, meaning: 'Stripe shows it canceled: record that', needsCancelAtStripe: false }];
    }
    default:
      return [
        retry('leave it to the reconciler again; the attempts start over'),
        {
          as: 'canceled',
          meaning: 'cancel it at Stripe now, then record that nothing was charged',
          needsCancelAtStripe: true,
        },
        {
          as: 'failed',
          meaning: 'cancel it at Stripe now, then record that it failed',
          needsCancelAtStripe: true,
        },
      ];
  }
}

/** What Stripe says, in a sentence. */
export function describeAnswer(answer: Answer): string {
  switch (answer.kind) {
    case 'intent':
    case 'declined': {
      const { id, status, lastError } = answer.intent;
      const failure =
        lastError === null
          ? ''
          : `; last error: ${lastError.message} (${lastError.declineCode ?? lastError.code ?? 'unknown'})`;
      return `${id} is ${status}, ${sumOf(answer.intent)}${failure}`;
    }
    case 'missing':
      return `Stripe does not show this payment's intent (${answer.message})`;
    case 'absent':
      return `a complete scan of Stripe's list (${String(answer.pages)} ${answer.pages === 1 ? 'page' : 'pages'}) shows no payment intent for it`;
    case 'refused':
    case 'unauthorized':
    case 'unknown':
      return answer.message;
  }
}

function sumOf(intent: IntentSnapshot): string {
  const whole = formatMoney(intent.amount, intent.currency);
  return intent.status !== 'succeeded' || intent.amountReceived === intent.amount
    ? whole
    : `${received(intent)} received of ${whole}`;
}
