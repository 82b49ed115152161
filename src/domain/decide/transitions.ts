import type { Failure, IntentSnapshot } from '../answer.ts';
import { mayHaveStrays } from '../attempts.ts';
import { backoffMs } from '../backoff.ts';
import { customerMail } from '../letters.ts';
import type { RefusalKind } from '../refusals/refusal-codes.ts';
import { isFinal } from '../statuses.ts';
import type {
  FailureKind,
  Instant,
  JsonObject,
  Resolution,
  Review,
  ReviewReason,
  Transaction,
} from '../transaction.ts';
import type { Changes, NotificationKind, Stamps, Transition } from '../transition.ts';
import type { Call, Context, Decision, Limits, StopReason } from './decision.ts';

/** The building blocks of a decision: each makes a Decision or a Transition. */

/** What an answer adds to the row and to the audit trail, whatever is decided on it. */
export interface Evidence {
  readonly changes: Changes;
  readonly detail: JsonObject;
  readonly requestId: string | null;
}

/** What was seen of an intent, for the audit trail. */
export function intentDetail(call: Call, intent: IntentSnapshot): JsonObject {
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

type Parts = Pick<Transition, 'action' | 'detail' | 'requestId'> & Partial<Transition>;

/** A transition that, where not said otherwise, changes nothing, tells nobody, and gives the lease back. */
export function transition(parts: Parts): Transition {
  return { changes: {}, stamps: {}, notifications: [], release: true, ...parts };
}

/** Something was seen that decides nothing; gives the lease back and keeps everything else. */
export function observed(
  transaction: Transaction,
  summary: string,
  requestId: string | null,
  more: Partial<Pick<Transition, 'changes' | 'stamps'>> & { detail?: JsonObject } = {},
): Transition {
  return transition({
    ...more,
    action: 'observed',
    detail: { seen: summary, step: transaction.step, ...more.detail },
    requestId,
  });
}

/** How much longer a row that waits for a person is left alone between two looks. */
const WATCH_CAP_FACTOR = 24;
const WATCH_STRAYS_MS = 24 * 3_600_000;
/** The longest time until a settled row is looked at once more. */
const LONGEST_WATCH_MS = 24 * 3_600_000;

/** No row is given a time that lies further ahead, in ms: one that does was stamped by a wrong clock, and is due now. */
export function furthestAttemptMs({
  backoffCapMs,
  stuckAfterMs,
}: Pick<Limits, 'backoffCapMs' | 'stuckAfterMs'>): number {
  return Math.max(backoffCapMs * WATCH_CAP_FACTOR, stuckAfterMs, LONGEST_WATCH_MS);
}

export function nextAttempt(transaction: Transaction, context: Context): { readonly inMs: number } {
  const { backoffBaseMs, backoffCapMs } = context.limits;
  // A row that waits for a person is looked at again now and then, should Stripe's truth arrive late.
  const capMs = transaction.status === 'pending' ? backoffCapMs : backoffCapMs * WATCH_CAP_FACTOR;
  return { inMs: backoffMs(transaction.lookups, backoffBaseMs, capMs, context.uniform) };
}

export interface Outcome {
  readonly status: 'succeeded' | 'failed' | 'canceled';
  readonly changes: Changes;
  readonly summary: string;
  readonly detail: JsonObject;
  readonly requestId: string | null;
  /** Ask once more after this long (an absence is proven, but not by Stripe's own word). */
  readonly watchInMs?: number;
}

/** Records an outcome. On a row that already had one, or was stuck, Stripe's word wins and a person is told. */
export function settle(transaction: Transaction, outcome: Outcome, context: Context): Decision {
  const { status, summary } = outcome;
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
        resolution: decisionOf(transaction),
      }
    : unquestioned;
  const notifications: NotificationKind[] = same ? [] : [...customerMail(after, corrected)];
  const isAskedFor =
    context.purpose === 'resolve' || (context.purpose === 'cancel' && status === 'canceled');
  if (late && !isAskedFor) notifications.push('operator_truth_changed');
  const settling = corrected ? 'truth_corrected' : 'settled';
  const record = transition({
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
  });
  return { kind: 'stop', record, reason: 'settled', summary };
}

/** The person's decision that Stripe has overridden; that an earlier change was acknowledged says nothing of this one. */
function decisionOf({ review }: Transaction): Resolution | null {
  const resolution = review?.resolution ?? null;
  return resolution?.as === 'acknowledge' ? null : resolution;
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
export function leaveUnsent(transaction: Transaction, context: Context): Decision {
  const summary = 'never sent to Stripe: left to whoever charges again';
  const { stuckAfterMs } = context.limits;
  const inMs = transaction.createdAt + stuckAfterMs + 1 - context.now;
  const record = observed(transaction, summary, null, {
    stamps: { nextAttempt: { inMs: Math.min(Math.max(1, inMs), stuckAfterMs) } },
  });
  return { kind: 'stop', record, reason: 'not_sent', summary };
}

/** Nothing was sent for it, Stripe's list agrees, and a person wants that nothing is: there is nothing to cancel there. */
export function cancelUnsent(transaction: Transaction, context: Context): Decision {
  const summary = "never sent, and not in Stripe's list: canceled";
  return settle(
    transaction,
    {
      status: 'canceled',
      changes: { canceledBy: 'person' },
      summary,
      detail: { because: 'canceled by a person', reason: context.cancelReason, seen: summary },
      requestId: null,
    },
    context,
  );
}

export const KEY_USED_ELSEWHERE =
  'Stripe knows this key with other parameters: another ledger or program has used it';

/** A question to a person, with the evidence; asked once, then looked at again now and then. */
export function markStuck(
  transaction: Transaction,
  reason: ReviewReason,
  message: string,
  evidence: Evidence & { readonly stamps?: Stamps },
  context: Context,
): Decision {
  const known =
    transaction.status === 'stuck' && transaction.review?.reason === reason
      ? transaction.review
      : null;
  const again = known !== null;
  const review: Review = known ?? {
    reason,
    message,
    at: context.now,
    evidence: evidence.detail,
    resolution: null,
  };
  const record = transition({
    action: again ? 'observed' : 'marked_stuck',
    changes: { ...evidence.changes, status: 'stuck', review, lookups: transaction.lookups + 1 },
    stamps: {
      ...evidence.stamps,
      settledAt: 'clear',
      nextAttempt: nextAttempt(transaction, context),
    },
    detail: { ...evidence.detail, reason },
    requestId: evidence.requestId,
    notifications: again ? [] : ['operator_stuck'],
  });
  return { kind: 'stop', record, reason: 'stuck', summary: message };
}

/** Commit "confirm sent" together with the id, then confirm: the id is stored before money can move. */
export function sendConfirm(
  transaction: Transaction,
  intent: IntentSnapshot,
  requestId: string | null,
  context: Context,
): Decision {
  const changes: Changes = { paymentIntent: intent.id, stripeStatus: intent.status };
  if (context.stopping) {
    const step = transaction.step === 'create_sent' ? 'created' : transaction.step;
    return {
      kind: 'stop',
      record: observed(transaction, 'interrupted before the confirm', requestId, {
        changes: { ...changes, step },
      }),
      reason: 'interrupted',
      summary: 'interrupted before the confirm: nothing was charged',
    };
  }
  return {
    kind: 'ask',
    call: 'confirm',
    firstSend: transaction.confirmSentAt === null,
    record: transition({
      action: 'confirm_sent',
      changes: { ...changes, step: 'confirm_sent' },
      stamps: { confirmSentAt: 'if_unset', absentSince: 'clear' },
      detail: { asked: 'confirm', payment_intent: intent.id },
      requestId,
      release: false,
    }),
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

function causeOf(failure: Failure | null): string {
  return failure === null ? 'never confirmed' : 'declined';
}

/** The fence: an intent that is canceled can never succeed later. A decline is copied now, Stripe clears it. */
export function sendCancel(transaction: Transaction, fence: Fence, context: Context): Decision {
  const { intent, failure, kind, requestId } = fence;
  const isPersons = context.purpose === 'cancel';
  const changes: Changes = {
    paymentIntent: intent.id,
    stripeStatus: intent.status,
    ...(failure === null ? {} : failureOf(failure, kind)),
    // Known to be a person's even if this process dies before the end is recorded.
    ...(isPersons && failure === null ? { canceledBy: 'person' as const } : {}),
  };
  if (context.made.includes('cancel')) {
    const detail = intentDetail('cancel', intent);
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
    record: transition({
      action: 'cancel_sent',
      changes: { ...changes, step: 'cancel_sent' },
      stamps: { cancelSentAt: 'if_unset', absentSince: 'clear' },
      detail: {
        ...intentDetail('cancel', intent),
        because: isPersons ? 'canceled by a person' : causeOf(failure),
        ...(isPersons ? { reason: context.cancelReason } : {}),
      },
      requestId,
      release: false,
    }),
  };
}

/** An intent that bears this transaction's id and is not the one that counts: it must not succeed later. */
export function cancelStray(
  transaction: Transaction,
  stray: IntentSnapshot,
  context: Context,
): Decision {
  if (context.stopping)
    return {
      kind: 'stop',
      record: null,
      reason: 'interrupted',
      summary: 'interrupted before another payment intent was canceled',
    };
  return {
    kind: 'ask',
    call: 'cancel_stray',
    firstSend: true,
    target: stray.id,
    record: transition({
      action: 'observed',
      detail: {
        ...intentDetail('scan', stray),
        because: 'another payment intent of this transaction: canceled',
        step: transaction.step,
      },
      requestId: null,
      release: false,
    }),
  };
}

/** Stripe answered and left it open: counts in a pass, and the fifth makes it stuck. */
export function stopUndecided(
  transaction: Transaction,
  summary: string,
  evidence: Evidence,
  context: Context,
): Decision {
  const record =
    context.purpose === 'reconcile'
      ? attemptTransition(transaction, summary, evidence, context)
      : null;
  if (record?.action === 'marked_stuck') return { kind: 'stop', record, reason: 'stuck', summary };
  return {
    kind: 'stop',
    record:
      record ??
      observed(transaction, summary, evidence.requestId, {
        changes: evidence.changes,
        detail: evidence.detail,
      }),
    reason: stopReasonOf(transaction),
    summary,
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
  summary: string,
  evidence: Evidence,
  context: Context,
): Transition {
  const attempts = transaction.attempts + 1;
  const { maxAttempts, stuckAfterMs } = context.limits;
  const tooOld =
    context.now - openSince(transaction) > stuckAfterMs &&
    !isExpectedToTake(transaction, context.now);
  const changes: Changes = { ...evidence.changes, attempts, lookups: transaction.lookups + 1 };
  if (transaction.status === 'pending' && (attempts >= maxAttempts || tooOld)) {
    const reason: ReviewReason = attempts >= maxAttempts ? 'undecided' : 'too_old';
    const message =
      reason === 'undecided'
        ? `Stripe was asked ${String(attempts)} times and left it undecided: ${summary}`
        : `undecided for longer than the age ceiling: ${summary}`;
    const review: Review = {
      reason,
      message,
      at: context.now,
      evidence: { ...evidence.detail, attempts },
      resolution: null,
    };
    return transition({
      action: 'marked_stuck',
      changes: { ...changes, status: 'stuck', review },
      stamps: { nextAttempt: nextAttempt(transaction, context) },
      detail: { ...evidence.detail, reason, attempts, seen: summary },
      requestId: evidence.requestId,
      notifications: ['operator_stuck'],
    });
  }
  return observed(transaction, summary, evidence.requestId, {
    changes,
    // A row settled by hand is not asked about for ever.
    stamps: {
      nextAttempt: isWatchedLongEnough(transaction, context.now)
        ? 'never'
        : nextAttempt(transaction, context),
    },
    detail: { ...evidence.detail, attempts },
  });
}
