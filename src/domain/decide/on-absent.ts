import type { Answer } from '../answer.ts';
import { isFinal, type Transaction } from '../transaction.ts';
import { KEY_USED_ELSEWHERE, observed, settle, stopUndecided, markStuck } from './transitions.ts';
import type { Context, Decision } from './types.ts';

type AbsentAnswer = Extract<Answer, { kind: 'absent' }>;

const ABSENCE_GAP_MIN_MS = 5 * 60_000;
const WATCH_AFTER_ABSENCE_MS = 24 * 3_600_000;

/** How far apart two scans must be, and for how long a request may still be in flight. */
export function absenceGapMs(deadlineMs: number): number {
  return Math.max(ABSENCE_GAP_MIN_MS, 2 * deadlineMs);
}

/**
 * One complete scan missed it. Two, apart by more than a request can be in flight, are the proof that
 * no payment intent exists; nobody can confirm what does not exist.
 */
export function onAbsent(
  transaction: Transaction,
  answer: AbsentAnswer,
  context: Context,
): Decision {
  const gapMs = absenceGapMs(context.limits.deadlineMs);
  const detail = {
    asked: 'scan',
    scanned_from: answer.scannedFrom,
    scanned_to: answer.scannedTo,
    pages: answer.pages,
  };
  if (transaction.paymentIntent !== null) {
    // Its id is known, so it exists: a list that misses it proves nothing.
    return stopUndecided(
      transaction,
      "Stripe's list does not show a payment intent whose id is known",
      { changes: {}, detail, requestId: answer.requestId },
      context,
    );
  }
  if (transaction.keyConflictAt !== null && !isFinal(transaction.status)) {
    // Somebody else's intent bears somebody else's mark: that ours is absent says nothing about the money.
    return markStuck(
      transaction,
      'key_used_elsewhere',
      KEY_USED_ELSEWHERE,
      { changes: {}, detail, requestId: answer.requestId },
      context,
    );
  }
  // An instant that the clock has not reached yet was written while the clock was wrong.
  const since =
    transaction.absentSince !== null && transaction.absentSince <= context.now
      ? transaction.absentSince
      : null;
  if (isFinal(transaction.status)) {
    return {
      kind: 'stop',
      record: observed(transaction, "still not in Stripe's list", answer.requestId, {
        stamps: { nextAttempt: 'never' },
        detail,
      }),
      reason: 'settled',
      summary: "still not in Stripe's list",
    };
  }
  if (since !== null && context.now - since >= gapMs) {
    return settle(
      transaction,
      {
        status: 'canceled',
        changes: { canceledBy: 'fence' },
        summary: 'not at Stripe: two complete scans apart in time missed it',
        detail: { ...detail, proof: 'two complete scans apart in time', first_missed_at: since },
        requestId: answer.requestId,
        watchInMs: WATCH_AFTER_ABSENCE_MS,
      },
      context,
    );
  }
  const inMs = since === null ? gapMs : since + gapMs - context.now;
  const summary = "not in Stripe's list; looking once more before it is taken as absent";
  const record = observed(transaction, summary, answer.requestId, {
    changes: { lookups: transaction.lookups + 1 },
    stamps: {
      absentSince: since === null && transaction.absentSince !== null ? 'clear' : 'if_unset',
      nextAttempt: { inMs },
    },
    detail,
  });
  return { kind: 'stop', record, reason: 'absent_once', summary };
}
