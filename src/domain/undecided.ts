import { nextAttempt, observed, type Sighting } from './moves.ts';
import type { Context, Move, StopReason } from './move.ts';
import {
  isFinal,
  type Instant,
  type Review,
  type ReviewReason,
  type Transaction,
} from './transaction.ts';
import type { Changes, Transition } from './transition.ts';

/** What is counted, and when counting ends in a question to a person. */

/** Stripe answered and left it open: counts in a pass, and the fifth makes it stuck. */
export function stopUndecided(
  transaction: Transaction,
  words: string,
  seen: Sighting,
  context: Context,
): Move {
  const record =
    context.purpose === 'reconcile' ? attemptTransition(transaction, words, seen, context) : null;
  if (record?.action === 'marked_stuck') return { kind: 'stop', record, reason: 'stuck', words };
  return {
    kind: 'stop',
    record:
      record ??
      observed(transaction, words, seen.requestId, { changes: seen.changes, detail: seen.detail }),
    reason: stopReasonOf(transaction),
    words,
  };
}

function stopReasonOf(transaction: Transaction): StopReason {
  return transaction.status === 'stuck' ? 'stuck' : 'undecided';
}

/** A person who says "retry" starts the age anew. */
function openSince(transaction: Transaction): Instant {
  const resolution = transaction.review?.resolution ?? null;
  return resolution?.as === 'retry'
    ? Math.max(transaction.createdAt, resolution.at)
    : transaction.createdAt;
}

/**
 * Age is no reason to worry while `processing` or the like is within its normal time, nor on a row
 * without an id: its scans begin only after 23 hours, and need two.
 */
function isExpectedToTake(transaction: Transaction, now: Instant): boolean {
  if (transaction.paymentIntent === null) return true;
  return transaction.expectedBy !== null && transaction.expectedBy >= now;
}

const WATCH_MS = 30 * 86_400_000;

/** Settled without Stripe's own word, and compared with it for long enough. */
function isWatchedLongEnough(transaction: Transaction, now: Instant): boolean {
  return (
    isFinal(transaction.status) &&
    transaction.settledAt !== null &&
    now - transaction.settledAt > WATCH_MS
  );
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
  const tooOld =
    context.now - openSince(transaction) > stuckAfterMs &&
    !isExpectedToTake(transaction, context.now);
  const changes: Changes = { ...seen.changes, attempts, lookups: transaction.lookups + 1 };
  if (transaction.status === 'pending' && (attempts >= maxAttempts || tooOld)) {
    const reason: ReviewReason = attempts >= maxAttempts ? 'undecided' : 'too_old';
    const message =
      reason === 'undecided'
        ? `Stripe was asked ${String(attempts)} times and left it undecided: ${words}`
        : `undecided for longer than the age ceiling: ${words}`;
    const review: Review = {
      reason,
      message,
      at: context.now,
      evidence: { ...seen.detail, attempts },
      resolution: null,
    };
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
    stamps: {
      nextAttempt: isWatchedLongEnough(transaction, context.now)
        ? 'never'
        : nextAttempt(transaction, context),
    },
    detail: { ...seen.detail, attempts },
  });
}
