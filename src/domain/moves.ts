import type { Failure, IntentSnapshot } from './answer.ts';
import { backoffMs } from './backoff.ts';
import { isFinal } from './transaction.ts';
import type { Call, Context, Move, StopReason } from './move.ts';
import type { JsonObject, Review, ReviewReason, Transaction } from './transaction.ts';
import type { Changes, NotificationKind, Transition } from './transition.ts';

/** The building blocks of plan.ts: each makes one Move or one Transition. */

/** What an answer adds to the row and to the audit trail, whatever is decided on it. */
export interface Sighting {
  readonly changes: Changes;
  readonly detail: JsonObject;
  readonly requestId: string | null;
}

/** What was seen of an intent, for the audit trail. */
export function evidenceOf(call: Call, intent: IntentSnapshot): JsonObject {
  return {
    asked: call,
    payment_intent: intent.id,
    stripe_status: intent.status,
    amount: intent.amount,
    currency: intent.currency,
    latest_charge: intent.latestCharge,
    ...(intent.lastError === null ? {} : { last_error: { code: intent.lastError.code, decline_code: intent.lastError.declineCode } }),
    ...(intent.cancellationReason === null ? {} : { cancellation_reason: intent.cancellationReason }),
  };
}

/** Something was seen that decides nothing; gives the lease back and keeps everything else. */
export function observed(transaction: Transaction, words: string, requestId: string | null, more: Partial<Pick<Transition, 'changes' | 'stamps'>> & { detail?: JsonObject } = {}): Transition {
  return {
    action: 'observed',
    changes: more.changes ?? {},
    stamps: more.stamps ?? {},
    detail: { seen: words, step: transaction.step, ...more.detail },
    requestId,
    notifications: [],
    release: true,
  };
}

const WATCH_CAP_FACTOR = 24;

export function nextAttempt(transaction: Transaction, context: Context): { readonly inMs: number } {
  const { backoffBaseMs, backoffCapMs } = context.limits;
  // A row that waits for a person is looked at again now and then, should Stripe's truth arrive late.
  const capMs = transaction.status === 'pending' ? backoffCapMs : backoffCapMs * WATCH_CAP_FACTOR;
  return { inMs: backoffMs(transaction.lookups, backoffBaseMs, capMs, context.uniform) };
}

const CUSTOMER_MAIL: Readonly<Record<'succeeded' | 'failed' | 'canceled', NotificationKind>> = {
  succeeded: 'customer_succeeded',
  failed: 'customer_failed',
  canceled: 'customer_canceled',
};

export interface Outcome {
  readonly status: 'succeeded' | 'failed' | 'canceled';
  readonly changes: Changes;
  readonly words: string;
  readonly detail: JsonObject;
  readonly requestId: string | null;
  /** Ask once more after this long (an absence is proven, but not by Stripe's own word). */
  readonly watchInMs?: number;
}

/** Records an outcome. On a row that already had one, or was stuck, Stripe's word wins and a person is told. */
export function settleMove(transaction: Transaction, outcome: Outcome, context: Context): Move {
  const { status, words } = outcome;
  const same = transaction.status === status;
  const late = transaction.status !== 'pending' && !same;
  const corrected = late && transaction.status !== 'stuck';
  const review: Review | null = corrected
    ? {
        reason: 'truth_changed',
        message: `was ${transaction.status}, but Stripe shows ${status}`,
        at: context.now,
        evidence: outcome.detail,
        resolution: transaction.review?.resolution ?? null,
      }
    : same
      ? transaction.review
      : null;
  const notifications: NotificationKind[] = same ? [] : [CUSTOMER_MAIL[status]];
  if (late && context.purpose !== 'resolve') notifications.push('operator_truth_changed');
  const record: Transition = {
    action: same ? 'observed' : corrected ? 'truth_corrected' : 'settled',
    changes: { ...outcome.changes, status, step: 'settled', review, expectedBy: null },
    stamps: { ...(same ? {} : { settledAt: 'now' as const }), nextAttempt: outcome.watchInMs === undefined ? 'never' : { inMs: outcome.watchInMs } },
    detail: outcome.detail,
    requestId: outcome.requestId,
    notifications,
    release: true,
  };
  return { kind: 'stop', record, reason: 'settled', words };
}

/** Nothing was ever sent to Stripe, and after this nothing can be: no question is needed. */
export function settleNeverSent(transaction: Transaction, context: Context): Move {
  return settleMove(
    transaction,
    {
      status: 'canceled',
      changes: {},
      words: 'never sent to Stripe: canceled',
      detail: { proof: 'nothing was sent to Stripe for this transaction' },
      requestId: null,
    },
    context,
  );
}

/** A question to a person, with the evidence; asked once, then looked at again now and then. */
export function stuckMove(
  transaction: Transaction,
  reason: ReviewReason,
  message: string,
  seen: Sighting,
  context: Context,
): Move {
  const known = transaction.status === 'stuck' && transaction.review?.reason === reason ? transaction.review : null;
  const again = known !== null;
  const review: Review = known ?? { reason, message, at: context.now, evidence: seen.detail, resolution: null };
  const record: Transition = {
    action: again ? 'observed' : 'marked_stuck',
    changes: { ...seen.changes, status: 'stuck', review, lookups: transaction.lookups + 1 },
    stamps: { settledAt: 'clear', nextAttempt: nextAttempt(transaction, context) },
    detail: { ...seen.detail, reason },
    requestId: seen.requestId,
    notifications: again ? [] : ['operator_stuck'],
    release: true,
  };
  return { kind: 'stop', record, reason: 'stuck', words: message };
}

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
    ...(failure === null ? {} : { failureCode: failure.declineCode ?? failure.code ?? 'declined', failureMessage: failure.message }),
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

/** Stripe answered and left it open: counts in a pass, and the fifth makes it stuck. */
export function stopUndecided(
  transaction: Transaction,
  words: string,
  seen: Sighting,
  context: Context,
): Move {
  const record = context.purpose === 'reconcile' ? attemptTransition(transaction, words, seen, context) : null;
  if (record?.action === 'marked_stuck') return { kind: 'stop', record, reason: 'stuck', words };
  return {
    kind: 'stop',
    record: record ?? observed(transaction, words, seen.requestId, { changes: seen.changes, detail: seen.detail }),
    reason: stopReasonOf(transaction),
    words,
  };
}

function stopReasonOf(transaction: Transaction): StopReason {
  return transaction.status === 'stuck' ? 'stuck' : 'undecided';
}

/**
 * One counted attempt: the next one is due after the backoff, the last one or the age ceiling makes
 * the row stuck. Only for attempts that DESIGN counts: answered and undecided, or this row alone fails.
 */
export function attemptTransition(
  transaction: Transaction,
  words: string,
  seen: Sighting,
  context: Context,
): Transition {
  const attempts = transaction.attempts + 1;
  const { maxAttempts, stuckAfterMs } = context.limits;
  const tooOld = context.now - transaction.createdAt > stuckAfterMs;
  const changes: Changes = { ...seen.changes, attempts, lookups: transaction.lookups + 1 };
  if (transaction.status === 'pending' && (attempts >= maxAttempts || tooOld)) {
    const reason: ReviewReason = attempts >= maxAttempts ? 'undecided' : 'too_old';
    const message =
      reason === 'undecided'
        ? `Stripe was asked ${String(attempts)} times and left it undecided: ${words}`
        : `undecided for longer than the age ceiling: ${words}`;
    const review: Review = { reason, message, at: context.now, evidence: { ...seen.detail, attempts }, resolution: null };
    return {
      action: 'marked_stuck',
      changes: { ...changes, status: 'stuck', review },
      stamps: { nextAttempt: nextAttempt(transaction, context) },
      detail: { ...seen.detail, reason, attempts, seen: words },
      requestId: seen.requestId,
      notifications: ['operator_stuck'],
      release: true,
    };
  }
  return observed(transaction, words, seen.requestId, {
    changes,
    // A row settled by hand is not asked about for ever.
    stamps: { nextAttempt: isFinal(transaction.status) && attempts >= maxAttempts ? 'never' : nextAttempt(transaction, context) },
    detail: { ...seen.detail, attempts },
  });
}
