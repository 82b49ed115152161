import type { Failure, IntentSnapshot } from './answer.ts';
import type { Context, Move } from './move.ts';
import { evidenceOf, observed } from './moves.ts';
import type { Transaction } from './transaction.ts';
import type { Changes } from './transition.ts';
import { stopUndecided } from './undecided.ts';

/** The two calls that change something at Stripe, each committed before it is sent. */

/** Commit "confirm sent" together with the id, then confirm: the id is stored before money can move. */
export function confirmMove(transaction: Transaction, intent: IntentSnapshot, requestId: string | null, context: Context): Move {
  const changes: Changes = { paymentIntent: intent.id, stripeStatus: intent.status };
  if (context.stopping) {
    const step = transaction.step === 'create_sent' ? 'created' : transaction.step;
    return {
      kind: 'stop',
      record: observed(transaction, 'interrupted before the confirm', requestId, { changes: { ...changes, step } }),
      reason: 'interrupted',
      words: 'interrupted before the confirm: nothing was charged',
    };
  }
  return {
    kind: 'ask',
    call: 'confirm',
    firstSend: transaction.confirmSentAt === null,
    record: {
      action: 'confirm_sent',
      changes: { ...changes, step: 'confirm_sent' },
      stamps: { confirmSentAt: 'if_unset', absentSince: 'clear' },
      detail: { asked: 'confirm', payment_intent: intent.id },
      requestId,
      notifications: [],
      release: false,
    },
  };
}

/** Stripe's decline code, else its error code. */
export function failureOf(failure: Failure): Changes {
  return { failureCode: failure.declineCode ?? failure.code ?? 'declined', failureMessage: failure.message };
}

/** The fence: an intent that is canceled can never succeed later. A decline is copied now, Stripe clears it. */
export function cancelMove(
  transaction: Transaction,
  intent: IntentSnapshot,
  failure: Failure | null,
  requestId: string | null,
  context: Context,
): Move {
  const changes: Changes = {
    paymentIntent: intent.id,
    stripeStatus: intent.status,
    ...(failure === null ? {} : failureOf(failure)),
  };
  if (context.made.includes('cancel')) {
    return stopUndecided(transaction, `Stripe would not cancel it, and shows ${intent.status}`, { changes, detail: evidenceOf('cancel', intent), requestId }, context);
  }
  return {
    kind: 'ask',
    call: 'cancel',
    firstSend: true,
    record: {
      action: 'cancel_sent',
      changes: { ...changes, step: 'cancel_sent' },
      stamps: { cancelSentAt: 'if_unset', absentSince: 'clear' },
      detail: { ...evidenceOf('cancel', intent), because: failure === null ? 'never confirmed' : 'declined' },
      requestId,
      notifications: [],
      release: false,
    },
  };
}
