import type { IntentSnapshot } from '../answer.ts';
import { mayHaveStrays } from '../attempts.ts';
import { BugError } from '../errors.ts';
import { foreignMark } from '../marks.ts';
import { matchesAmount } from '../money/received.ts';
import {
  BELIEVED_UNSENT_MS,
  type Call,
  type Context,
  type Decision,
  type LastCall,
} from './decision.ts';
import { onAbsent } from './on-absent.ts';
import { isYoungKey } from './key-age.ts';
import { onDeclined, onForeign, onIntent } from './on-intent.ts';
import { onAnswerToPerson } from './on-resolution.ts';
import { onRefused, onUnauthorized, onUnknown } from './on-error.ts';
import {
  sendCancel,
  cancelStray,
  sendConfirm,
  cancelUnsent,
  leaveUnsent,
  transition,
} from './transitions.ts';
import { needsPerson } from '../resolutions.ts';
import { isFinal } from '../statuses.ts';
import type { Instant, Transaction } from '../transaction.ts';

/*
 * The one path forward, for the caller who retries, the reconciler and the operator alike: from the
 * recorded step and the last answer to what is committed and asked next. Pure: the loop around it
 * (app/advance.ts) only records and calls.
 *
 *   recorded --create_sent--> create --id stored, confirm_sent--> confirm --> settled
 *                               |                                   |
 *                               | (reconciler: never confirms)      | (declined, or unconfirmed too long)
 *                               +----------- cancel_sent -----------+--> cancel --> settled
 *
 *   An answer that was lost is asked for again: with an id by retrieve; without one by the same
 *   create under the same key while it is younger than 23 h, afterwards by scanning Stripe's list.
 *
 *   A row at `recorded` is left to its caller. Once it is old, or the ledger is in doubt, the list is
 *   scanned before anything is sent or concluded. A key that Stripe called used with other parameters
 *   is never created again.
 */

/** What to commit and do next. */
export function decide(
  transaction: Transaction,
  lastCall: LastCall | null,
  context: Context,
): Decision {
  if (lastCall !== null && context.purpose === 'resolve')
    return onAnswerToPerson(transaction, lastCall, context);
  return lastCall === null
    ? firstDecision(transaction, context)
    : onAnswer(transaction, lastCall, context);
}

/** What decides which question comes first. */
export type FirstCallContext = Pick<Context, 'purpose' | 'now' | 'doubted' | 'stripeAheadMs'> & {
  readonly limits: Pick<Context['limits'], 'stuckAfterMs'>;
};

/** Which question answers a row whose outcome is open; null when it is left alone. */
export function firstCall(transaction: Transaction, context: FirstCallContext): Call | null {
  if (context.purpose === 'resolve') return firstLook(transaction);
  // A settled row is only looked at: nothing may be made at Stripe for it any more.
  if (isFinal(transaction.status) && mayHaveStrays(transaction)) return 'scan';
  // Created and not confirmed: whoever goes on looks first whether it is the only one.
  if (
    transaction.step === 'created' &&
    context.purpose === 'charge' &&
    transaction.paymentIntent !== null
  )
    return 'scan';
  if (transaction.paymentIntent !== null) return 'retrieve';
  if (isFinal(transaction.status) || transaction.keyConflictAt !== null) return 'scan';
  if (transaction.createSentAt === null) return firstCallUnsent(transaction, context);
  if (transaction.absentSince !== null && context.purpose !== 'charge') return 'scan';
  return isYoungKey(transaction.createSentAt, context) ? 'create' : 'scan';
}

/** A person decides by what Stripe shows now: nothing is created or confirmed for it. */
function firstLook({ paymentIntent, keyConflictAt }: Transaction): Call {
  if (paymentIntent !== null) return 'retrieve';
  return keyConflictAt === null ? 'scan' : 'scan_elsewhere';
}

/** Nothing was sent, as far as this ledger knows. */
function firstCallUnsent(
  transaction: Transaction,
  { purpose, now, doubted, limits }: FirstCallContext,
): Call | null {
  const ageMs = now - transaction.createdAt;
  // A person's cancel is final: even of a young row Stripe is asked, for a restored backup says the same.
  if (doubted || purpose === 'cancel') return 'scan';
  if (purpose === 'charge') return isBelieved(transaction, now) ? 'create' : 'scan';
  // Recorded further ahead than it would wait: by a clock that was wrong, and nobody knows how old it is.
  const isOld = Math.abs(ageMs) > limits.stuckAfterMs;
  return isOld || transaction.absentSince !== null ? 'scan' : null;
}

/** What it says about itself, that nothing was sent: an older row may be a restored backup's. */
function isBelieved({ createdAt }: Transaction, now: Instant): boolean {
  return createdAt <= now && now - createdAt < BELIEVED_UNSENT_MS;
}

function firstDecision(transaction: Transaction, context: Context): Decision {
  if (context.stopping)
    return {
      kind: 'stop',
      record: null,
      reason: 'interrupted',
      summary: 'interrupted before anything was asked',
    };
  if (context.purpose === 'resolve' && !needsPerson(transaction, context.now)) {
    const summary = `it is ${transaction.status}: nobody has to decide about it`;
    return { kind: 'stop', record: null, reason: 'not_stuck', summary };
  }
  const call = firstCall(transaction, context);
  if (call === null) return leaveUnsent(transaction, context);
  if (call !== 'create') return { kind: 'ask', record: null, call, firstSend: false };
  return sendCreate(transaction, context);
}

/** Commits "create sent" unless it is committed already, then creates. */
function sendCreate(transaction: Transaction, context: Context): Decision {
  if (transaction.keyConflictAt !== null)
    throw new BugError(`${transaction.id}: a key that was used elsewhere is never sent again`);
  if (context.justOpened) return { kind: 'ask', record: null, call: 'create', firstSend: true };
  const firstSend = transaction.createSentAt === null;
  const record =
    firstSend || transaction.absentSince !== null
      ? transition({
          action: 'create_sent',
          changes: { step: 'create_sent' },
          stamps: { createSentAt: 'if_unset', absentSince: 'clear' },
          detail: { asked: 'create' },
          requestId: null,
          release: false,
        })
      : null;
  return { kind: 'ask', record, call: 'create', firstSend };
}

function onAnswer(transaction: Transaction, lastCall: LastCall, context: Context): Decision {
  const { answer } = lastCall;
  // What was done about a stray decides nothing about the row: its own intent is asked about again.
  if (lastCall.call === 'cancel_stray') return onStrayCanceled(lastCall, context);
  if (answer.kind === 'intent' || answer.kind === 'declined') {
    const foreign = foreignMark(transaction, answer.intent, context.ledger);
    if (foreign !== null)
      return onForeign(transaction, lastCall, { intent: answer.intent, why: foreign }, context);
  }
  switch (answer.kind) {
    case 'intent':
      return onOwnIntent(transaction, lastCall, answer, context);
    case 'declined':
      return onDeclined(transaction, answer, context);
    case 'refused':
      return onRefused(transaction, lastCall, answer, context);
    case 'unauthorized':
      return onUnauthorized(transaction, lastCall, answer, context);
    case 'missing':
      return onRefused(transaction, lastCall, refusedAsMissing(answer), context);
    case 'absent':
      if (!neverSent(transaction)) return onAbsent(transaction, answer, context);
      // The ledger says that nothing was sent, and the list agrees: the caller goes on, a person's cancel ends it.
      if (context.purpose === 'charge') return sendCreate(transaction, context);
      return context.purpose === 'cancel'
        ? cancelUnsent(transaction, context)
        : onAbsent(transaction, answer, context);
    case 'unknown':
      return onUnknown(transaction, lastCall, answer, context);
  }
}

type IntentAnswer = Extract<LastCall['answer'], { kind: 'intent' }>;

function onOwnIntent(
  transaction: Transaction,
  lastCall: LastCall,
  answer: IntentAnswer,
  context: Context,
): Decision {
  const stray = liveStray(transaction, answer, context);
  if (stray !== null) return cancelStray(transaction, stray, context);
  return lastCall.call === 'create'
    ? onCreated(transaction, lastCall, context)
    : onIntent(transaction, lastCall.call, answer, context);
}

function refusedAsMissing({
  message,
  requestId,
}: Extract<LastCall['answer'], { kind: 'missing' }>): Extract<
  LastCall['answer'],
  { kind: 'refused' }
> {
  return {
    kind: 'refused',
    httpStatus: 404,
    code: 'resource_missing',
    message,
    param: null,
    fault: 'request',
    intent: null,
    effect: 'none',
    requestId,
  };
}

function neverSent({ status, paymentIntent, createSentAt, keyConflictAt }: Transaction): boolean {
  return (
    status === 'pending' &&
    paymentIntent === null &&
    createSentAt === null &&
    keyConflictAt === null
  );
}

/** Another intent that this ledger made for the same money and that could still succeed. */
function liveStray(
  transaction: Transaction,
  { intent, others = [] }: IntentAnswer,
  { ledger }: Context,
): IntentSnapshot | null {
  const isLive = ({ status }: IntentSnapshot): boolean =>
    status !== 'canceled' && status !== 'succeeded';
  const isOurs = (other: IntentSnapshot): boolean =>
    matchesAmount(transaction, other) && foreignMark(transaction, other, ledger) === null;
  return others.find((other) => other.id !== intent.id && isLive(other) && isOurs(other)) ?? null;
}

function onStrayCanceled(lastCall: LastCall, context: Context): Decision {
  const { answer } = lastCall;
  const gone = answer.kind === 'intent' && answer.intent.status === 'canceled';
  if (!gone || context.made.filter((call) => call === 'cancel_stray').length > 2) {
    const summary = 'another payment intent of this transaction is not canceled yet';
    return { kind: 'stop', record: null, reason: 'unknown', summary };
  }
  return { kind: 'ask', record: null, call: 'scan', firstSend: false };
}

/**
 * The id is known and nothing is confirmed: the caller goes on, everybody else fences it off. A create
 * that is answered anew may be the second one (Stripe had forgotten its key, or the ledger was put back
 * to a time before the first), and so may be a later attempt's: the list is read before money can move.
 */
function onCreated(transaction: Transaction, lastCall: LastCall, context: Context): Decision {
  if (lastCall.answer.kind !== 'intent') throw new TypeError('onCreated wants an intent');
  const { intent, requestId, replayed } = lastCall.answer;
  if (!matchesAmount(transaction, intent) || intent.status === 'succeeded')
    return onIntent(transaction, 'create', lastCall.answer, context);
  if (context.purpose !== 'charge' || transaction.status !== 'pending') {
    return sendCancel(transaction, { intent, failure: null, kind: null, requestId }, context);
  }
  const mayBeSecond =
    (!replayed && !(context.begunHere && lastCall.firstSend)) || transaction.attempt > 1;
  if (!mayBeSecond || context.made.includes('scan'))
    return sendConfirm(transaction, intent, requestId, context);
  return {
    kind: 'ask',
    call: 'scan',
    firstSend: false,
    record: transition({
      action: 'created',
      changes: { paymentIntent: intent.id, stripeStatus: intent.status, step: 'created' },
      stamps: { absentSince: 'clear' },
      detail: {
        asked: 'create',
        payment_intent: intent.id,
        because: 'another intent may exist: the list is read first',
      },
      requestId,
      release: false,
    }),
  };
}
