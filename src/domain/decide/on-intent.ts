import type { Answer, Failure, IntentSnapshot } from '../answer.ts';
import { expectedBy } from '../processing-time.ts';
import { matchesAmount, receivedAsAsked } from '../money/received.ts';
import { formatMoney } from '../money/money.ts';
import { classifyRefusal } from '../refusals/refusals.ts';
import {
  intentDetail,
  nextAttempt,
  observed,
  settle,
  stopUndecided,
  transition,
  markStuck,
  sendCancel,
  sendConfirm,
  failureKindOf,
  failureOf,
  type Evidence,
} from './transitions.ts';
import type { Call, Context, Decision, LastCall } from './decision.ts';
import { isYoungKey } from './key-age.ts';
import { isFinal } from '../statuses.ts';
import type { Canceler, FailureKind, Transaction } from '../transaction.ts';
import type { Changes } from '../transition.ts';

type IntentAnswer = Extract<Answer, { kind: 'intent' }>;

/** The verdict table: an intent as Stripe shows it now, by whichever call. */
export function onIntent(
  transaction: Transaction,
  call: Call,
  answer: IntentAnswer,
  context: Context,
): Decision {
  const { intent, requestId } = answer;
  const changes: Changes = { paymentIntent: intent.id, stripeStatus: intent.status };
  const detail = intentDetail(call, intent);
  const evidence = { changes, detail, requestId };
  switch (intent.status) {
    case 'succeeded':
      return onSucceeded(transaction, call, answer, context);
    case 'canceled':
      return onCanceled(transaction, intent, evidence, context);
    case 'processing':
    case 'requires_action':
      // A replayed confirm shows the first answer, not today's: look again.
      if (answer.replayed) return { kind: 'ask', record: null, call: 'retrieve', firstSend: false };
      if (context.purpose === 'cancel')
        return sendCancel(transaction, { intent, failure: null, kind: null, requestId }, context);
      return keepWaiting(transaction, intent, intent.status, evidence, context);
    case 'requires_confirmation':
    case 'requires_payment_method':
      if (answer.replayed && call === 'confirm')
        return { kind: 'ask', record: null, call: 'retrieve', firstSend: false };
      return onUnconfirmed(transaction, intent, evidence, context);
    default:
      return stopUndecided(
        transaction,
        `Stripe shows the status ${intent.status}`,
        evidence,
        context,
      );
  }
}

/**
 * A decline is not final: the same intent may be confirmed once more and be paid. It is copied, the intent is
 * canceled at Stripe, and only the canceled intent settles the payment as failed (`onCanceled`).
 */
export function onDeclined(
  transaction: Transaction,
  answer: Extract<Answer, { kind: 'declined' }>,
  context: Context,
): Decision {
  return sendCancel(transaction, { ...answer, kind: failureKindOf(answer.fault) }, context);
}

/** Canceled can never succeed later: final, as failed where a decline was seen before. */
function onCanceled(
  transaction: Transaction,
  intent: IntentSnapshot,
  evidence: Evidence,
  context: Context,
): Decision {
  // A decline is copied when it is seen; one that only the canceled intent still shows counts as well.
  const declined: Changes =
    transaction.failureCode === null && intent.lastError !== null
      ? failureOf(intent.lastError, kindOfLastError(intent.lastError))
      : {};
  const failureCode = transaction.failureCode ?? declined.failureCode ?? null;
  if (failureCode === null) {
    const changes: Changes = { ...evidence.changes, canceledBy: cancelerOf(transaction, intent) };
    return settle(
      transaction,
      { ...evidence, changes, status: 'canceled', summary: 'canceled at Stripe' },
      context,
    );
  }
  const kind = declined.failureKind ?? transaction.failureKind ?? kindOfCode(failureCode);
  const summary = `${SUMMARY_OF_FAILURE[kind ?? 'unknown']} (${failureCode}), then canceled at Stripe`;
  return settle(
    transaction,
    {
      ...evidence,
      status: 'failed',
      summary,
      changes: { ...evidence.changes, ...declined, failureKind: kind },
    },
    context,
  );
}

const SUMMARY_OF_FAILURE: Readonly<Record<FailureKind | 'unknown', string>> = {
  declined: 'declined',
  authentication: 'the bank wants the customer to authenticate it',
  request: 'the request was refused',
  unknown: 'failed',
};

/** Our own cancel is the fence, unless a person sent it; what we did not send was somebody else's. */
function cancelerOf(transaction: Transaction, intent: IntentSnapshot): Canceler {
  if (transaction.canceledBy !== null) return transaction.canceledBy;
  if (transaction.cancelSentAt !== null) return 'fence';
  return intent.cancellationReason !== null && STRIPE_REASONS.has(intent.cancellationReason)
    ? 'stripe'
    : 'person';
}

/** Stripe's own reasons (cancellation_reason of a payment intent); the others are given by whoever cancels. */
const STRIPE_REASONS: ReadonlySet<string> = new Set([
  'automatic',
  'expired',
  'failed_invoice',
  'void_invoice',
]);

/** The last error of an intent is of an attempt to pay it. */
function kindOfLastError({ code, declineCode }: Failure): FailureKind | null {
  return failureKindOf(classifyRefusal({ httpStatus: null, type: null, code, declineCode }));
}

/** Of a row that an older version left between the decline and its fence: its code alone is kept. */
function kindOfCode(failureCode: string): FailureKind | null {
  const asDecline = kindOfLastError({ code: null, declineCode: failureCode, message: '' });
  return asDecline ?? kindOfLastError({ code: failureCode, declineCode: null, message: '' });
}

/** An intent that is not this transaction's is never settled, confirmed or canceled by: a person looks. */
export function onForeign(
  transaction: Transaction,
  lastCall: LastCall,
  { intent, why }: { readonly intent: IntentSnapshot; readonly why: string },
  context: Context,
): Decision {
  const message = `Stripe shows ${intent.id}, which is not this payment's: ${why}`;
  const detail = { ...intentDetail(lastCall.call, intent), foreign: why };
  const requestId = lastCall.answer.requestId;
  if (isFinal(transaction.status)) {
    return {
      kind: 'stop',
      record: observed(transaction, message, requestId, {
        stamps: { nextAttempt: 'never' },
        detail,
      }),
      reason: 'settled',
      summary: message,
    };
  }
  return markStuck(transaction, 'not_ours', message, { changes: {}, detail, requestId }, context);
}

function onSucceeded(
  transaction: Transaction,
  call: Call,
  answer: IntentAnswer,
  context: Context,
): Decision {
  const { intent, requestId } = answer;
  const received: Changes = {
    amountReceived: intent.amountReceived,
    currencyReceived: intent.currency,
  };
  const changes: Changes = { paymentIntent: intent.id, stripeStatus: intent.status, ...received };
  const detail = intentDetail(call, intent);
  if (receivedAsAsked(transaction, intent)) {
    return settle(
      transaction,
      {
        status: 'succeeded',
        changes: { ...changes, failureCode: null, failureMessage: null },
        summary: 'succeeded',
        detail,
        requestId,
      },
      context,
    );
  }
  if (transaction.status === 'succeeded') {
    // A person has accepted the difference; Stripe shows nothing new.
    const summary = 'succeeded with the amount that was accepted by hand';
    return {
      kind: 'stop',
      record: observed(transaction, summary, requestId, {
        changes,
        stamps: { nextAttempt: 'never' },
        detail,
      }),
      reason: 'settled',
      summary,
    };
  }
  const message = `Stripe took ${formatMoney(intent.amountReceived, intent.currency)}, but ${formatMoney(transaction.amount, transaction.currency)} was asked for`;
  const evidence = {
    ...detail,
    expected_amount: transaction.amount,
    expected_currency: transaction.currency,
  };
  return markStuck(
    transaction,
    'amount_mismatch',
    message,
    { changes, detail: evidence, requestId },
    context,
  );
}

/** `processing` and `requires_action`: normal, not a failed attempt; a stuck row goes back to pending. */
function keepWaiting(
  transaction: Transaction,
  intent: IntentSnapshot,
  stripeStatus: 'processing' | 'requires_action',
  evidence: Evidence,
  context: Context,
): Decision {
  const since = transaction.confirmSentAt ?? transaction.createdAt;
  const types =
    intent.paymentMethodTypes.length > 0 ? intent.paymentMethodTypes : transaction.methodTypes;
  const by = expectedBy(stripeStatus, types, since);
  const reopened = transaction.status === 'stuck';
  const record = transition({
    action: 'observed',
    changes: {
      ...evidence.changes,
      ...(reopened ? { status: 'pending' as const, review: null } : {}),
      // Stripe said something definite: what failed before does not add up with what may fail later.
      attempts: 0,
      expectedBy: by,
      ...(context.purpose === 'reconcile' ? { lookups: transaction.lookups + 1 } : {}),
    },
    stamps: {
      absentSince: 'clear',
      ...(context.purpose === 'reconcile'
        ? { nextAttempt: nextAttempt(transaction, context) }
        : {}),
    },
    detail: { ...evidence.detail, expected_by: by },
    requestId: evidence.requestId,
  });
  const overdue = by < context.now ? ', overdue' : '';
  return {
    kind: 'stop',
    record,
    reason: stripeStatus,
    summary: `${stripeStatus.replace('_', ' ')} at Stripe${overdue}`,
  };
}

/** It has not succeeded and still could: the caller may go on confirming it, everybody else fences it off. */
function onUnconfirmed(
  transaction: Transaction,
  intent: IntentSnapshot,
  evidence: Evidence,
  context: Context,
): Decision {
  const fence = { intent, failure: intent.lastError, requestId: evidence.requestId };
  if (intent.lastError !== null)
    return sendCancel(transaction, { ...fence, kind: kindOfLastError(intent.lastError) }, context);
  const mayConfirm =
    context.purpose === 'charge' &&
    transaction.status === 'pending' &&
    transaction.step !== 'cancel_sent' &&
    intent.status === 'requires_confirmation' &&
    matchesAmount(transaction, intent) &&
    (transaction.confirmSentAt === null || isYoungKey(transaction.confirmSentAt, context));
  if (mayConfirm && context.made.includes('confirm')) {
    return {
      kind: 'stop',
      record: observed(transaction, 'not confirmed at Stripe yet', evidence.requestId, evidence),
      reason: 'unknown',
      summary: 'not confirmed at Stripe yet',
    };
  }
  if (mayConfirm) return sendConfirm(transaction, intent, evidence.requestId, context);
  return sendCancel(transaction, { ...fence, kind: null }, context);
}
