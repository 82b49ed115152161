import type { Failure, IntentSnapshot } from './answer.ts';
import type { RefusalKind } from './refusal-codes.ts';
import type { Context, Move } from './move.ts';
import { evidenceOf, observed } from './moves.ts';
import type { FailureKind, Transaction } from './transaction.ts';
import type { Changes } from './transition.ts';
import { stopUndecided } from './undecided.ts';

/** The two calls that change something at Stripe, each committed before it is sent. */

/** Commit "confirm sent" together with the id, then confirm: the id is stored before money can move. */
export function confirmMove(
  transaction: Transaction,
  intent: IntentSnapshot,
  requestId: string | null,
  context: Context,
): Move {
  const changes: Changes = { paymentIntent: intent.id, stripeStatus: intent.status };
  if (context.stopping) {
    const step = transaction.step === 'create_sent' ? 'created' : transaction.step;
    return {
      kind: 'stop',
      record: observed(transaction, 'interrupted before the confirm', requestId, {
        changes: { ...changes, step },
      }),
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

/** Stripe's decline code, else its error code, and whose word it is. */
export function failureOf(failure: Failure, kind: FailureKind | null): Changes {
  return {
    failureCode: failure.declineCode ?? failure.code ?? 'declined',
    failureMessage: failure.message,
    failureKind: kind,
  };
}

/** A row keeps a refusal's kind only where somebody is known to have refused: a passing or unknown one is nobody's word. */
export function failureKindOf(fault: RefusalKind): FailureKind | null {
  return fault === 'declined' || fault === 'authentication' || fault === 'request' ? fault : null;
}

export interface Fence {
  readonly intent: IntentSnapshot;
  /** Why it failed; null where it was never confirmed. */
  readonly failure: Failure | null;
  readonly kind: FailureKind | null;
  readonly requestId: string | null;
}

/** The fence: an intent that is canceled can never succeed later. A decline is copied now, Stripe clears it. */
export function cancelMove(transaction: Transaction, fence: Fence, context: Context): Move {
  const { intent, failure, kind, requestId } = fence;
  const changes: Changes = {
    paymentIntent: intent.id,
    stripeStatus: intent.status,
    ...(failure === null ? {} : failureOf(failure, kind)),
  };
  if (context.made.includes('cancel')) {
    const detail = evidenceOf('cancel', intent);
    return stopUndecided(
      transaction,
      `Stripe would not cancel it, and shows ${intent.status}`,
      { changes, detail, requestId },
      context,
    );
  }
  return {
    kind: 'ask',
    call: 'cancel',
    firstSend: true,
    record: {
      action: 'cancel_sent',
      changes: { ...changes, step: 'cancel_sent' },
      stamps: { cancelSentAt: 'if_unset', absentSince: 'clear' },
      detail: {
        ...evidenceOf('cancel', intent),
        because: failure === null ? 'never confirmed' : 'declined',
      },
      requestId,
      notifications: [],
      release: false,
    },
  };
}

/** An intent that bears this transaction's id and is not the one that counts: it must not succeed later. */
export function cancelStray(
  transaction: Transaction,
  stray: IntentSnapshot,
  context: Context,
): Move {
  if (context.stopping)
    return {
      kind: 'stop',
      record: null,
      reason: 'interrupted',
      words: 'interrupted before another payment intent was canceled',
    };
  return {
    kind: 'ask',
    call: 'cancel_stray',
    firstSend: true,
    target: stray.id,
    record: {
      action: 'observed',
      changes: {},
      stamps: {},
      detail: {
        ...evidenceOf('scan', stray),
        because: 'another payment intent of this transaction: canceled',
        step: transaction.step,
      },
      requestId: null,
      notifications: [],
      release: false,
    },
  };
}
