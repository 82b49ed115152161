import type { Answer } from './answer.ts';
import { observed, settleMove, stuckMove } from './moves.ts';
import { stopUndecided } from './undecided.ts';
import { cancelMove } from './sends.ts';
import type { Context, Move, Seen } from './move.ts';
import type { JsonObject, Transaction } from './transaction.ts';
import type { Transition } from './transition.ts';

type Refused = Extract<Answer, { kind: 'refused' }>;
type Unauthorized = Extract<Answer, { kind: 'unauthorized' }>;
type Unknown = Extract<Answer, { kind: 'unknown' }>;

/** Stripe said no. What that proves depends on the call, and on whether it answers our first send. */
export function onRefused(transaction: Transaction, seen: Seen, answer: Refused, context: Context): Move {
  const detail: JsonObject = { asked: seen.call, http_status: answer.httpStatus, code: answer.code, message: answer.message, param: answer.param };
  if (answer.code === 'idempotency_error') {
    const message = 'Stripe knows this key with other parameters: another ledger or program has used it';
    return stuckMove(transaction, 'key_used_elsewhere', message, { changes: {}, detail, requestId: answer.requestId }, context);
  }
  const words = `Stripe refused the ${seen.call}: ${answer.message}`;
  switch (seen.call) {
    case 'create':
      return onRefusedCreate(transaction, seen, { answer, detail, words }, context);
    case 'confirm':
      return onRefusedConfirm(transaction, answer, context);
    case 'cancel':
      // It is in a state that cannot be canceled: ask which one.
      if (context.made.lastIndexOf('retrieve') < context.made.lastIndexOf('cancel')) return { kind: 'ask', record: null, call: 'retrieve', firstSend: false };
      return stopUndecided(transaction, words, { changes: {}, detail, requestId: answer.requestId }, context);
    case 'retrieve':
    case 'scan':
      return stopUndecided(transaction, words, { changes: {}, detail, requestId: answer.requestId }, context);
  }
}

interface Refusal {
  readonly answer: Refused;
  readonly detail: JsonObject;
  readonly words: string;
}

/** Refused on the very first send: no intent exists and none can, so the payment has failed for good. */
function onRefusedCreate(transaction: Transaction, seen: Seen, refusal: Refusal, context: Context): Move {
  const { answer, detail, words } = refusal;
  if (seen.firstSend && answer.effect === 'none') {
    return settleMove(
      transaction,
      {
        status: 'failed',
        changes: { failureCode: answer.code ?? 'invalid_request', failureMessage: answer.message },
        words,
        detail: { ...detail, proof: 'refused on the first send: no payment intent was made' },
        requestId: answer.requestId,
      },
      context,
    );
  }
  // A refusal on a replay says nothing about the first send: the list will tell.
  if (context.purpose === 'charge') return { kind: 'stop', record: observed(transaction, words, answer.requestId, { detail }), reason: 'unknown', words };
  return { kind: 'ask', record: null, call: 'scan', firstSend: false };
}

function onRefusedConfirm(transaction: Transaction, answer: Refused, context: Context): Move {
  const settledElsewhere = answer.code === 'payment_intent_unexpected_state';
  if (settledElsewhere || answer.effect === 'unknown' || transaction.paymentIntent === null) {
    return { kind: 'ask', record: null, call: 'retrieve', firstSend: false };
  }
  const failure = { code: answer.code ?? 'invalid_request', declineCode: null, message: answer.message };
  const intent = answer.intent ?? {
    id: transaction.paymentIntent,
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
  return cancelMove(transaction, intent, failure, answer.requestId, context);
}

/** 401 or 403: our own set-up. Nothing is counted, nothing is decided; what was not sent is taken back. */
export function onUnauthorized(transaction: Transaction, seen: Seen, answer: Unauthorized): Move {
  const words = `Stripe refused the key (${String(answer.httpStatus)}): ${answer.message}`;
  const detail: JsonObject = { asked: seen.call, http_status: answer.httpStatus };
  return { kind: 'stop', record: takenBack(transaction, seen, answer, { words, detail }), reason: 'unauthorized', words };
}

/** No answer, or one that proves nothing. */
export function onUnknown(transaction: Transaction, seen: Seen, answer: Unknown, context: Context): Move {
  const words = `${answer.answered ? 'no usable answer' : 'no answer'} to the ${seen.call} (${answer.message})`;
  const detail: JsonObject = { asked: seen.call, reason: answer.reason, http_status: answer.httpStatus };
  if (answer.effect === 'none' && seen.firstSend && (seen.call === 'create' || seen.call === 'confirm')) {
    const record = takenBack(transaction, seen, answer, { words, detail });
    return { kind: 'stop', record, reason: 'not_sent', words: `${words}; nothing was sent` };
  }
  // A stored 500 is replayed under this key for ever: only the list can tell whether the intent exists.
  if (seen.call === 'create' && !seen.firstSend && answer.reason === 'server_error' && context.purpose !== 'charge') {
    return { kind: 'ask', record: null, call: 'scan', firstSend: false };
  }
  const record = context.purpose === 'reconcile' ? null : observed(transaction, words, answer.requestId, { detail });
  const reason = answer.reason === 'rate_limited' ? 'rate_limited' : answer.reason === 'interrupted' ? 'interrupted' : 'unknown';
  return { kind: 'stop', record, reason, words };
}

/** Steps back over a call that provably did nothing, so that the recorded step stays the truth. */
function takenBack(
  transaction: Transaction,
  seen: Seen,
  { effect, requestId }: Pick<Unauthorized, 'effect' | 'requestId'>,
  { words, detail }: { readonly words: string; readonly detail: JsonObject },
): Transition {
  if (effect !== 'none' || !seen.firstSend) return observed(transaction, words, requestId, { detail });
  const base = { action: 'not_sent' as const, detail: { ...detail, seen: words }, requestId, notifications: [], release: true };
  if (seen.call === 'create') return { ...base, changes: { step: 'recorded' }, stamps: { createSentAt: 'clear' } };
  if (seen.call === 'confirm') return { ...base, changes: { step: 'created' }, stamps: { confirmSentAt: 'clear' } };
  return observed(transaction, words, requestId, { detail });
}
