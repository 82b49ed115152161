import type { Answer } from '../answer.ts';
import { isFinal } from '../statuses.ts';
import type { Instant, Transaction } from '../transaction.ts';
import {
  type Evidence,
  KEY_USED_ELSEWHERE,
  observed,
  settle,
  stopUndecided,
  markStuck,
} from './transitions.ts';
import type { Context, Decision } from './decision.ts';

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
  const evidence: Evidence = {
    changes: {},
    detail: {
      asked: 'scan',
      scanned_from: answer.scannedFrom,
      scanned_to: answer.scannedTo,
      pages: answer.pages,
    },
    requestId: answer.requestId,
  };
  if (transaction.paymentIntent !== null) {
    // Its id is known, so it exists: a list that misses it proves nothing.
    const summary = "Stripe's list does not show a payment intent whose id is known";
    return stopUndecided(transaction, summary, evidence, context);
  }
  if (isFinal(transaction.status)) return stillAbsent(transaction, evidence);
  if (transaction.keyConflictAt !== null) {
    // The key belongs to an intent without our metadata, so not finding ours proves nothing.
    return markStuck(transaction, 'key_used_elsewhere', KEY_USED_ELSEWHERE, evidence, context);
  }
  const since = firstMissedAt(transaction, context);
  const gapMs = absenceGapMs(context.limits.deadlineMs);
  if (since === null || context.now - since < gapMs)
    return lookAgain(transaction, evidence, {
      since,
      inMs: since === null ? gapMs : since + gapMs - context.now,
    });
  return settle(
    transaction,
    {
      ...evidence,
      status: 'canceled',
      changes: { canceledBy: 'fence' },
      summary: 'not at Stripe: two complete scans apart in time missed it',
      detail: {
        ...evidence.detail,
        proof: 'two complete scans apart in time',
        first_missed_at: since,
      },
      watchInMs: WATCH_AFTER_ABSENCE_MS,
    },
    context,
  );
}

/** An instant that the clock has not reached yet was written while the clock was wrong. */
function firstMissedAt({ absentSince }: Transaction, { now }: Context): Instant | null {
  return absentSince !== null && absentSince <= now ? absentSince : null;
}

function stillAbsent(transaction: Transaction, { detail, requestId }: Evidence): Decision {
  const summary = "still not in Stripe's list";
  const stamps = { nextAttempt: 'never' } as const;
  const record = observed(transaction, summary, requestId, { stamps, detail });
  return { kind: 'stop', record, reason: 'settled', summary };
}

function lookAgain(
  transaction: Transaction,
  { detail, requestId }: Evidence,
  { since, inMs }: { readonly since: Instant | null; readonly inMs: number },
): Decision {
  const summary = "not in Stripe's list; looking once more before it is taken as absent";
  const record = observed(transaction, summary, requestId, {
    changes: { lookups: transaction.lookups + 1 },
    stamps: {
      absentSince: since === null && transaction.absentSince !== null ? 'clear' : 'if_unset',
      nextAttempt: { inMs },
    },
    detail,
  });
  return { kind: 'stop', record, reason: 'absent_once', summary };
}
