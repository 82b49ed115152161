import { isPassing, type Answer, type IntentSnapshot } from '../answer.ts';
import { foreignMark } from '../marks.ts';
import {
  sendCancel,
  KEY_USED_ELSEWHERE,
  observed,
  settle,
  stopUndecided,
  markStuck,
} from './transitions.ts';
import type { Context, Decision, LastCall } from './decision.ts';
import type { JsonObject, Transaction } from '../transaction.ts';
import type { Transition } from '../transition.ts';

type Refused = Extract<Answer, { kind: 'refused' }>;
type Unauthorized = Extract<Answer, { kind: 'unauthorized' }>;
type Unknown = Extract<Answer, { kind: 'unknown' }>;

/** Stripe said no. What that proves depends on the call, and on whether it answers our first send. */
export function onRefused(
  transaction: Transaction,
  lastCall: LastCall,
  answer: Refused,
  context: Context,
): Decision {
  const detail: JsonObject = {
    asked: lastCall.call,
    http_status: answer.httpStatus,
    code: answer.code,
    message: answer.message,
    param: answer.param,
  };
  if (answer.code === 'idempotency_error' && lastCall.call === 'create') {
    const stamps = { keyConflictAt: 'if_unset' as const };
    return markStuck(
      transaction,
      'key_used_elsewhere',
      KEY_USED_ELSEWHERE,
      { changes: {}, stamps, detail, requestId: answer.requestId },
      context,
    );
  }
  const summary = `Stripe refused the ${lastCall.call}: ${answer.message}`;
  switch (lastCall.call) {
    case 'create':
      return onRefusedCreate(transaction, lastCall, { answer, detail, summary }, context);
    case 'confirm':
      return onRefusedConfirm(transaction, answer, context);
    case 'cancel':
      // It is in a state that cannot be canceled: ask which one.
      if (context.made.lastIndexOf('retrieve') < context.made.lastIndexOf('cancel'))
        return { kind: 'ask', record: null, call: 'retrieve', firstSend: false };
      return stopUndecided(
        transaction,
        summary,
        { changes: {}, detail, requestId: answer.requestId },
        context,
      );
    case 'retrieve':
    case 'scan':
    case 'scan_elsewhere':
    case 'cancel_stray':
      return stopUndecided(
        transaction,
        summary,
        { changes: {}, detail, requestId: answer.requestId },
        context,
      );
  }
}

interface Refusal {
  readonly answer: Refused;
  readonly detail: JsonObject;
  readonly summary: string;
}

/**
 * Refused on the very first send: no intent exists and none can. Where Stripe said that our request is
 * wrong, the attempt has failed without a bank being asked; another refusal leaves it never sent.
 */
function onRefusedCreate(
  transaction: Transaction,
  lastCall: LastCall,
  refusal: Refusal,
  context: Context,
): Decision {
  const { answer, detail, summary } = refusal;
  if (lastCall.firstSend && answer.effect === 'none') {
    if (answer.fault !== 'request') {
      return {
        kind: 'stop',
        record: takenBack(transaction, lastCall, answer, { summary, detail }),
        reason: 'not_sent',
        summary,
      };
    }
    return settle(
      transaction,
      {
        status: 'failed',
        changes: {
          failureCode: answer.code ?? 'invalid_request',
          failureMessage: answer.message,
          failureKind: 'request',
        },
        summary,
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
      record: observed(transaction, summary, answer.requestId, { detail }),
      reason: 'unknown',
      summary,
    };
  return { kind: 'ask', record: null, call: 'scan', firstSend: false };
}

/**
 * Only a refusal of our request that provably did nothing fences the intent off on its word. Whatever
 * else was said, what the intent shows decides.
 */
function onRefusedConfirm(transaction: Transaction, answer: Refused, context: Context): Decision {
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
  return sendCancel(
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
  lastCall: LastCall,
  answer: Unauthorized,
  context: Context,
): Decision {
  const summary = `Stripe refused the key (${String(answer.httpStatus)}): ${answer.message}`;
  const detail: JsonObject = { asked: lastCall.call, http_status: answer.httpStatus };
  const record = takenBack(transaction, lastCall, answer, { summary, detail });
  // Still due for the next pass, and not for this one again.
  const later =
    context.purpose === 'reconcile'
      ? { ...record, stamps: { ...record.stamps, nextAttempt: { inMs: 1 } } }
      : record;
  return { kind: 'stop', record: later, reason: 'unauthorized', summary };
}

/** No answer, or one that proves nothing. */
export function onUnknown(
  transaction: Transaction,
  lastCall: LastCall,
  answer: Unknown,
  context: Context,
): Decision {
  const summary = unknownSummary(lastCall, answer);
  const detail: JsonObject = {
    asked: lastCall.call,
    reason: answer.reason,
    http_status: answer.httpStatus,
  };
  if (
    answer.effect === 'none' &&
    lastCall.firstSend &&
    (lastCall.call === 'create' || lastCall.call === 'confirm')
  ) {
    const record = takenBack(transaction, lastCall, answer, { summary, detail });
    return { kind: 'stop', record, reason: answer.answered ? 'rate_limited' : 'not_sent', summary };
  }
  // A stored 500 is replayed under this key for ever: only the list can tell whether the intent exists.
  if (
    lastCall.call === 'create' &&
    !lastCall.firstSend &&
    answer.reason === 'server_error' &&
    context.purpose !== 'charge'
  ) {
    return { kind: 'ask', record: null, call: 'scan', firstSend: false };
  }
  const record =
    context.purpose === 'reconcile'
      ? null
      : observed(transaction, summary, answer.requestId, { detail });
  const silent = answer.reason === 'interrupted' ? 'interrupted' : 'unknown';
  const reason = isPassing(answer) ? 'rate_limited' : silent;
  return { kind: 'stop', record, reason, summary };
}

/** What can be said truthfully: that it was answered or not, and whether it can have done anything. */
function unknownSummary(lastCall: LastCall, answer: Unknown): string {
  const { reason, effect, message } = answer;
  if (reason === 'queue') return `the ${lastCall.call} was not sent: ${message}`;
  if (isPassing(answer))
    return `Stripe could not take the ${lastCall.call} now (${message})${effect === 'none' ? ': it was not carried out' : ''}`;
  const what = answer.answered ? 'no usable answer' : 'no answer';
  return `${what} to the ${lastCall.call} (${message})${effect === 'none' ? ': nothing was sent' : ''}`;
}

/** Steps back over a call that provably did nothing, so that the recorded step stays the truth. */
function takenBack(
  transaction: Transaction,
  lastCall: LastCall,
  { effect, requestId }: Pick<Unauthorized, 'effect' | 'requestId'>,
  { summary, detail }: { readonly summary: string; readonly detail: JsonObject },
): Transition {
  if (effect !== 'none' || !lastCall.firstSend)
    return observed(transaction, summary, requestId, { detail });
  const base = {
    action: 'not_sent' as const,
    detail: { ...detail, seen: summary },
    requestId,
    notifications: [],
    release: true,
  };
  if (lastCall.call === 'create')
    return { ...base, changes: { step: 'recorded' }, stamps: { createSentAt: 'clear' } };
  if (lastCall.call === 'confirm')
    return { ...base, changes: { step: 'created' }, stamps: { confirmSentAt: 'clear' } };
  return observed(transaction, summary, requestId, { detail });
}
