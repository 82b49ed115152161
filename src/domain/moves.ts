import type { IntentSnapshot } from './answer.ts';
import { mayHaveStrays } from './attempts.ts';
import { backoffMs } from './backoff.ts';
import { customerMail } from './letters.ts';
import type { Call, Context, Move } from './move.ts';
import type { JsonObject, Review, ReviewReason, Transaction } from './transaction.ts';
import type { Changes, NotificationKind, Stamps, Transition } from './transition.ts';

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
    ...(intent.amountReceived === 0 ? {} : { amount_received: intent.amountReceived }),
    currency: intent.currency,
    latest_charge: intent.latestCharge,
    ...(intent.lastError === null
      ? {}
      : {
          last_error: { code: intent.lastError.code, decline_code: intent.lastError.declineCode },
        }),
    ...(intent.cancellationReason === null
      ? {}
      : { cancellation_reason: intent.cancellationReason }),
  };
}

/** Something was seen that decides nothing; gives the lease back and keeps everything else. */
export function observed(
  transaction: Transaction,
  words: string,
  requestId: string | null,
  more: Partial<Pick<Transition, 'changes' | 'stamps'>> & { detail?: JsonObject } = {},
): Transition {
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

/** How much longer a row that waits for a person is left alone between two looks. */
export const WATCH_CAP_FACTOR = 24;
const WATCH_STRAYS_MS = 24 * 3_600_000;
/** The longest time until a settled row is looked at once more. */
export const LONGEST_WATCH_MS = 24 * 3_600_000;

export function nextAttempt(transaction: Transaction, context: Context): { readonly inMs: number } {
  const { backoffBaseMs, backoffCapMs } = context.limits;
  // A row that waits for a person is looked at again now and then, should Stripe's truth arrive late.
  const capMs = transaction.status === 'pending' ? backoffCapMs : backoffCapMs * WATCH_CAP_FACTOR;
  return { inMs: backoffMs(transaction.lookups, backoffBaseMs, capMs, context.uniform) };
}

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
  const after = { ...transaction, ...outcome.changes, status };
  const same = transaction.status === status;
  const late = transaction.status !== 'pending' && !same;
  const corrected = late && transaction.status !== 'stuck';
  const unquestioned = same ? transaction.review : null;
  const review: Review | null = corrected
    ? {
        reason: 'truth_changed',
        message: `was ${transaction.status}, but Stripe shows ${status}`,
        at: context.now,
        evidence: outcome.detail,
        resolution: transaction.review?.resolution ?? null,
      }
    : unquestioned;
  const notifications: NotificationKind[] = same ? [] : [...customerMail(after, corrected)];
  if (late && context.purpose !== 'resolve') notifications.push('operator_truth_changed');
  const settling = corrected ? 'truth_corrected' : 'settled';
  const record: Transition = {
    action: same ? 'observed' : settling,
    changes: {
      ...outcome.changes,
      status,
      step: 'settled',
      review,
      expectedBy: null,
      ...othersCleared(status),
    },
    stamps: {
      ...(same ? {} : { settledAt: 'now' as const }),
      nextAttempt: watchOf(after, outcome),
    },
    detail: outcome.detail,
    requestId: outcome.requestId,
    notifications,
    release: true,
  };
  return { kind: 'stop', record, reason: 'settled', words };
}

/** What belongs to another end of a payment than this one is not kept beside it. */
function othersCleared(status: Outcome['status']): Changes {
  return {
    ...(status === 'canceled' ? {} : { canceledBy: null }),
    ...(status === 'failed' ? {} : { failureKind: null }),
    ...(status === 'succeeded' ? {} : { amountReceived: null, currencyReceived: null }),
  };
}

/** An absence is not Stripe's own word, and an earlier attempt may still have left an intent: both are looked at once more. */
function watchOf(after: Transaction, { watchInMs }: Outcome): { readonly inMs: number } | 'never' {
  if (watchInMs !== undefined) return { inMs: watchInMs };
  return mayHaveStrays(after) ? { inMs: WATCH_STRAYS_MS } : 'never';
}

/** Recorded, and nothing was sent: it waits for its caller until the age ceiling. */
export function leaveUnsent(transaction: Transaction, context: Context): Move {
  const words = 'never sent to Stripe: left to whoever charges again';
  const inMs = Math.max(0, transaction.createdAt + context.limits.stuckAfterMs - context.now) + 1;
  const record = observed(transaction, words, null, { stamps: { nextAttempt: { inMs } } });
  return { kind: 'stop', record, reason: 'not_sent', words };
}

/** A question to a person, with the evidence; asked once, then looked at again now and then. */
export function stuckMove(
  transaction: Transaction,
  reason: ReviewReason,
  message: string,
  seen: Sighting & { readonly stamps?: Stamps },
  context: Context,
): Move {
  const known =
    transaction.status === 'stuck' && transaction.review?.reason === reason
      ? transaction.review
      : null;
  const again = known !== null;
  const review: Review = known ?? {
    reason,
    message,
    at: context.now,
    evidence: seen.detail,
    resolution: null,
  };
  const record: Transition = {
    action: again ? 'observed' : 'marked_stuck',
    changes: { ...seen.changes, status: 'stuck', review, lookups: transaction.lookups + 1 },
    stamps: { ...seen.stamps, settledAt: 'clear', nextAttempt: nextAttempt(transaction, context) },
    detail: { ...seen.detail, reason },
    requestId: seen.requestId,
    notifications: again ? [] : ['operator_stuck'],
    release: true,
  };
  return { kind: 'stop', record, reason: 'stuck', words: message };
}
