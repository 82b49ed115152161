import { isPassing, type Answer, type IntentSnapshot } from '../answer.ts';
import { foreignMark } from '../marks.ts';
import {
  cancelMove,
  KEY_USED_ELSEWHERE,
  observed,
  settleMove,
  stopUndecided,
  stuckMove,
} from './transitions.ts';
import type { Context, Move, Seen } from './types.ts';
import type { JsonObject, Transaction } from '../transaction.ts';
import type { Transition } from '../transition.ts';

type Refused = Extract<Answer, { kind: 'refused' }>;
type Unauthorized = Extract<Answer, { kind: 'unauthorized' }>;
type Unknown = Extract<Answer, { kind: 'unknown' }>;

/** Stripe said no. What that proves depends on the call, and on whether it answers our first send. */
export function onRefused(
  transaction: Transaction,
  seen: Seen,
  answer: Refused,
  context: Context,
): Move {
  const detail: JsonObject = {
    asked: seen.call,
    http_status: answer.httpStatus,
    code: answer.code,
    message: answer.message,
    param: answer.param,
  };
  if (answer.code === 'idempotency_error' && seen.call === 'create') {
    const stamps = { keyConflictAt: 'if_unset' as const };
    return stuckMove(
      transaction,
      'key_used_elsewhere',
      KEY_USED_ELSEWHERE,
      { changes: {}, stamps, detail, requestId: answer.requestId },
      context,
    );
  }
  const words = `Stripe refused the ${seen.call}: ${answer.message}`;
  switch (seen.call) {
    case 'create':
      return onRefusedCreate(transaction, seen, { answer, detail, words }, context);
    case 'confirm':
      return onRefusedConfirm(transaction, answer, context);
    case 'cancel':
      // It is in a state that cannot be canceled: ask which one.
      if (context.made.lastIndexOf('retrieve') < context.made.lastIndexOf('cancel'))
        return { kind: 'ask', record: null, call: 'retrieve', firstSend: false };
      return stopUndecided(
        transaction,
        words,
        { changes: {}, detail, requestId: answer.requestId },
        context,
      );
    case 'retrieve':
    case 'scan':
    case 'cancel_stray':
      return stopUndecided(
        transaction,
        words,
        { changes: {}, detail, requestId: answer.requestId },
        context,
      );
  }
}

interface Refusal {
  readonly answer: Refused;
  readonly detail: JsonObject;
  readonly words: string;
}

/**
 * Refused on the very first send: no intent exists and none can. Where Stripe said that our request is
 * wrong, the attempt has failed without a bank being asked; another refusal leaves it never sent.
 */
function onRefusedCreate(
  transaction: Transaction,
  seen: Seen,
  refusal: Refusal,
  context: Context,
): Move {
  const { answer, detail, words } = refusal;
  if (seen.firstSend && answer.effect === 'none') {
    if (answer.fault !== 'request') {
      return {
        kind: 'stop',
        record: takenBack(transaction, seen, answer, { words, detail }),
        reason: 'not_sent',
        words,
      };
    }
    return settleMove(
      transaction,
      {
        status: 'failed',
        changes: {
          failureCode: answer.code ?? 'invalid_request',
          failureMessage: answer.message,
          failureKind: 'request',
        },
        words,
        detail: { ...detail, proof: 'refused on the first send: no payment intent was made' },
        requestId: answer.requestId,
      },
      context,
    );
  }
  // A refusal on a replay says nothing about the first send: the list will tell.
  if (context.purpose === 'charge')
    return {
      kind: 'stop',
      record: observed(transaction, words, answer.requestId, { detail }),
      reason: 'unknown',
      words,
    };
  return { kind: 'ask', record: null, call: 'scan', firstSend: false };
}

/**
 * Only a refusal of our request that provably did nothing fences the intent off on its word. Whatever
 * else was said, what the intent shows decides.
 */
function onRefusedConfirm(transaction: Transaction, answer: Refused, context: Context): Move {
  const { intent } = answer;
  const isMarked = intent === null || foreignMark(transaction, intent, context.ledger) === null;
  const isRequest =
    answer.fault === 'request' && answer.effect === 'none' && answer.httpStatus === 400;
  const settledElsewhere =
    answer.code === 'payment_intent_unexpected_state' || answer.code === 'idempotency_error';
  if (!isRequest || !isMarked || settledElsewhere || transaction.paymentIntent === null) {
    return { kind: 'ask', record: null, call: 'retrieve', firstSend: false };
  }
  const failure = {
    code: answer.code ?? 'invalid_request',
    declineCode: null,
    message: answer.message,
  };
  const fenced = intent ?? asLastSeen(transaction, transaction.paymentIntent, context);
  return cancelMove(
    transaction,
    { intent: fenced, failure, kind: 'request', requestId: answer.requestId },
    context,
  );
}

/** The intent that a refusal did not carry, as the row knows it. */
function asLastSeen(
  transaction: Transaction,
  paymentIntent: string,
  context: Context,
): IntentSnapshot {
  return {
    id: paymentIntent,
    status: transaction.stripeStatus ?? 'requires_confirmation',
    amount: transaction.amount,
    currency: transaction.currency,
    created: 0,
    customer: transaction.customer,
    paymentMethod: transaction.paymentMethod,
    paymentMethodTypes: transaction.methodTypes,
    metadata: {},
    lastError: null,
    cancellationReason: null,
    latestCharge: null,
    amountReceived: 0,
    livemode: context.ledger?.livemode ?? false,
    clientSecret: null,
    nextAction: null,
  };
}

/** 401 or 403: our own set-up. Nothing is counted, nothing is decided; what was not sent is taken back. */
export function onUnauthorized(
  transaction: Transaction,
  seen: Seen,
  answer: Unauthorized,
  context: Context,
): Move {
  const words = `Stripe refused the key (${String(answer.httpStatus)}): ${answer.message}`;
  const detail: JsonObject = { asked: seen.call, http_status: answer.httpStatus };
  const record = takenBack(transaction, seen, answer, { words, detail });
  // Still due for the next pass, and not for this one again.
  const later =
    context.purpose === 'reconcile'
      ? { ...record, stamps: { ...record.stamps, nextAttempt: { inMs: 1 } } }
      : record;
  return { kind: 'stop', record: later, reason: 'unauthorized', words };
}

/** No answer, or one that proves nothing. */
export function onUnknown(
  transaction: Transaction,
  seen: Seen,
  answer: Unknown,
  context: Context,
): Move {
  const words = unknownWords(seen, answer);
  const detail: JsonObject = {
    asked: seen.call,
    reason: answer.reason,
    http_status: answer.httpStatus,
  };
  if (
    answer.effect === 'none' &&
    seen.firstSend &&
    (seen.call === 'create' || seen.call === 'confirm')
  ) {
    const record = takenBack(transaction, seen, answer, { words, detail });
    return { kind: 'stop', record, reason: answer.answered ? 'rate_limited' : 'not_sent', words };
  }
  // A stored 500 is replayed under this key for ever: only the list can tell whether the intent exists.
  if (
    seen.call === 'create' &&
    !seen.firstSend &&
    answer.reason === 'server_error' &&
    context.purpose !== 'charge'
  ) {
    return { kind: 'ask', record: null, call: 'scan', firstSend: false };
  }
  const record =
    context.purpose === 'reconcile'
      ? null
      : observed(transaction, words, answer.requestId, { detail });
  const silent = answer.reason === 'interrupted' ? 'interrupted' : 'unknown';
  const reason = isPassing(answer) ? 'rate_limited' : silent;
  return { kind: 'stop', record, reason, words };
}

/** What can be said truthfully: that it was answered or not, and whether it can have done anything. */
function unknownWords(seen: Seen, answer: Unknown): string {
  const { reason, effect, message } = answer;
  if (reason === 'queue') return `the ${seen.call} was not sent: ${message}`;
  if (isPassing(answer))
    return `Stripe could not take the ${seen.call} now (${message})${effect === 'none' ? ': it was not carried out' : ''}`;
  const what = answer.answered ? 'no usable answer' : 'no answer';
  return `${what} to the ${seen.call} (${message})${effect === 'none' ? ': nothing was sent' : ''}`;
}

/** Steps back over a call that provably did nothing, so that the recorded step stays the truth. */
function takenBack(
  transaction: Transaction,
  seen: Seen,
  { effect, requestId }: Pick<Unauthorized, 'effect' | 'requestId'>,
  { words, detail }: { readonly words: string; readonly detail: JsonObject },
): Transition {
  if (effect !== 'none' || !seen.firstSend)
    return observed(transaction, words, requestId, { detail });
  const base = {
    action: 'not_sent' as const,
    detail: { ...detail, seen: words },
    requestId,
    notifications: [],
    release: true,
  };
  if (seen.call === 'create')
    return { ...base, changes: { step: 'recorded' }, stamps: { createSentAt: 'clear' } };
  if (seen.call === 'confirm')
    return { ...base, changes: { step: 'created' }, stamps: { confirmSentAt: 'clear' } };
  return observed(transaction, words, requestId, { detail });
}
