import { KEY_LIFETIME_MS } from './move.ts';
import type { Call, Context, Move, Purpose, Seen } from './move.ts';
import { onAbsent, onIntent } from './on-intent.ts';
import { onRefused, onUnauthorized, onUnknown } from './on-refusal.ts';
import { settleNeverSent } from './moves.ts';
import { cancelMove, confirmMove } from './sends.ts';
import { isFinal } from './transaction.ts';
import type { Instant, Transaction } from './transaction.ts';
import type { Transition } from './transition.ts';

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
 */

/** What to commit and do next. */
export function plan(transaction: Transaction, seen: Seen | null, context: Context): Move {
  return seen === null ? firstMove(transaction, context) : onAnswer(transaction, seen, context);
}

/** Which question answers a row whose outcome is open; null when no question is needed. */
export function firstCall(transaction: Transaction, purpose: Purpose, now: Instant): Call | null {
  if (transaction.paymentIntent !== null) return 'retrieve';
  if (transaction.createSentAt === null) return purpose === 'charge' ? 'create' : null;
  // A settled row is only looked at: nothing may be made at Stripe for it any more.
  if (isFinal(transaction.status)) return 'scan';
  if (transaction.absentSince !== null && purpose !== 'charge') return 'scan';
  return now - transaction.createSentAt < KEY_LIFETIME_MS ? 'create' : 'scan';
}

function firstMove(transaction: Transaction, context: Context): Move {
  if (context.stopping) return { kind: 'stop', record: null, reason: 'interrupted', words: 'interrupted before anything was asked' };
  const call = firstCall(transaction, context.purpose, context.now);
  if (call === null) return settleNeverSent(transaction, context);
  if (call !== 'create') return { kind: 'ask', record: null, call, firstSend: false };
  if (context.justOpened) return { kind: 'ask', record: null, call, firstSend: true };
  const firstSend = transaction.createSentAt === null;
  const record: Transition | null =
    firstSend || transaction.absentSince !== null
      ? {
          action: 'create_sent',
          changes: { step: 'create_sent' },
          stamps: { createSentAt: 'if_unset', absentSince: 'clear' },
          detail: { asked: 'create' },
          requestId: null,
          notifications: [],
          release: false,
        }
      : null;
  return { kind: 'ask', record, call, firstSend };
}

function onAnswer(transaction: Transaction, seen: Seen, context: Context): Move {
  const { answer, call } = seen;
  switch (answer.kind) {
    case 'intent':
      if (call === 'create') return onCreated(transaction, seen, context);
      return onIntent(transaction, call, answer, context);
    case 'declined':
      return cancelMove(transaction, answer.intent, answer.failure, answer.requestId, context);
    case 'refused':
      return onRefused(transaction, seen, answer, context);
    case 'unauthorized':
      return onUnauthorized(transaction, seen, answer);
    case 'missing':
      return onRefused(
        transaction,
        seen,
        { kind: 'refused', httpStatus: 404, code: 'resource_missing', message: answer.message, param: null, fault: 'request', intent: null, effect: 'none', requestId: answer.requestId },
        context,
      );
    case 'absent':
      return onAbsent(transaction, answer, context);
    case 'unknown':
      return onUnknown(transaction, seen, answer, context);
  }
}

/** The id is known and nothing is confirmed: the caller goes on, everybody else fences it off. */
function onCreated(transaction: Transaction, seen: Seen, context: Context): Move {
  if (seen.answer.kind !== 'intent') throw new TypeError('onCreated wants an intent');
  const { intent, requestId } = seen.answer;
  if (intent.amount !== transaction.amount || intent.currency !== transaction.currency || intent.status === 'succeeded') {
    return onIntent(transaction, 'create', seen.answer, context);
  }
  if (context.purpose === 'charge' && transaction.status === 'pending') return confirmMove(transaction, intent, requestId, context);
  return cancelMove(transaction, intent, null, requestId, context);
}
