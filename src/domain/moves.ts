import type { IntentSnapshot } from './answer.ts';
import { backoffMs } from './backoff.ts';
import type { Call, Context, Move } from './move.ts';
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

/** What the customer is told of each outcome. */
export const CUSTOMER_MAIL: Readonly<Record<'succeeded' | 'failed' | 'canceled', NotificationKind>> = {
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
