import type { Answer, IntentSnapshot } from '../answer.ts';
import { BugError } from '../errors.ts';
import { customerMail } from '../letters.ts';
import { TRANSACTION_METADATA } from '../marks.ts';
import { answerForPerson, describeAnswer, resolutionOptions } from '../resolutions.ts';
import type { JsonObject, Review, Transaction } from '../transaction.ts';
import type { Changes, Transition } from '../transition.ts';
import { intentDetail, transition } from './transitions.ts';
import type { Context, Decision, LastCall, StopReason, WantedResolution } from './decision.ts';

/*
 * `stuck resolve`: a person wants an outcome recorded. Stripe was just asked; only what its answer
 * allows (domain/resolutions.ts) is recorded, and where the intent could still succeed, only after
 * Stripe has canceled it.
 *
 *   look --allowed--> resolved
 *    |
 *    +--allowed after a cancel, cancel_sent--> cancel --canceled--> resolved
 *    |                                            +----otherwise---> cancel_failed
 *    +--not allowed, or no answer--> nothing is recorded
 */

/** A resolution that Stripe has not confirmed is compared with Stripe again after this long. */
const WATCH_RESOLVED_MS = 3_600_000;

/** Stripe has answered a call that was made for a person's resolution. */
export function onAnswerToPerson(
  transaction: Transaction,
  { call, answer }: LastCall,
  context: Context,
): Decision {
  switch (call) {
    case 'retrieve':
    case 'scan':
    case 'scan_elsewhere':
      return onLook(transaction, answer, context);
    case 'cancel':
      return onCancelForPerson(transaction, answer, context);
    case 'create':
    case 'confirm':
    case 'cancel_stray':
      throw new BugError(`${transaction.id}: a resolution never makes the call ${call}`);
  }
}

function onLook(transaction: Transaction, shown: Answer, context: Context): Decision {
  const answer = answerForPerson(transaction, shown, context.ledger);
  if (answer.kind === 'unknown') return notRecorded('unknown', answer.message);
  if (answer.kind === 'unauthorized') return notRecorded('unauthorized', answer.message);
  const wanted = wantedOf(context);
  const option = resolutionOptions(transaction, answer).find(({ as }) => as === wanted.as);
  if (option === undefined) return notRecorded('illegal_resolution', describeAnswer(answer));
  if (!option.needsCancelAtStripe) return resolved(transaction, answer, context);
  if (!wanted.cancelAtStripe) return notRecorded('cancel_needed', describeAnswer(answer));
  return {
    kind: 'ask',
    call: 'cancel',
    firstSend: true,
    record: cancelForPerson(transaction, answer, wanted),
  };
}

function onCancelForPerson(transaction: Transaction, answer: Answer, context: Context): Decision {
  if (answer.kind !== 'intent' || answer.intent.status !== 'canceled')
    return notRecorded('cancel_failed', describeAnswer(answer));
  return resolved(transaction, answer, context);
}

function notRecorded(reason: StopReason, summary: string): Decision {
  return { kind: 'stop', record: null, reason, summary };
}

function resolved(transaction: Transaction, answer: Answer, context: Context): Decision {
  const wanted = wantedOf(context);
  const { as, operator } = wanted;
  const summary =
    as === 'acknowledge' ? `acknowledged by ${operator}` : `resolved as ${as} by ${operator}`;
  const record = recordOf(transaction, answer, { as, context });
  return { kind: 'stop', record, reason: 'resolved', summary };
}

function recordOf(
  transaction: Transaction,
  answer: Answer,
  { as, context }: { readonly as: WantedResolution['as']; readonly context: Context },
): Transition {
  switch (as) {
    case 'retry':
      return retryTransition(answer, context);
    case 'acknowledge':
      return acknowledgement(transaction, answer, context);
    case 'succeeded':
    case 'failed':
    case 'canceled':
      return outcomeTransition(transaction, answer, { as, context });
  }
}

/** Nothing of the payment changes: only that somebody knows of it. */
function acknowledgement(transaction: Transaction, answer: Answer, context: Context): Transition {
  const { reason, operator } = wantedOf(context);
  const { review } = transaction;
  if (review === null) throw new BugError(`${transaction.id} has nothing to acknowledge`);
  return transition({
    action: 'acknowledged',
    changes: {
      review: { ...review, resolution: { as: 'acknowledge', reason, operator, at: context.now } },
    },
    detail: { ...answerDetail(answer), as: 'acknowledge', reason },
    requestId: answer.requestId,
  });
}

function wantedOf({ resolution }: Context): WantedResolution {
  if (resolution === null) throw new BugError('nobody said what is to be recorded');
  return resolution;
}

function cancelForPerson(
  transaction: Transaction,
  answer: Answer,
  { reason }: WantedResolution,
): Transition {
  return transition({
    action: 'cancel_sent',
    changes: {
      step: 'cancel_sent',
      paymentIntent: intentOf(answer)?.id ?? transaction.paymentIntent,
      // Known to be a person's even if this process dies before the resolution is recorded.
      canceledBy: 'person',
    },
    stamps: { cancelSentAt: 'if_unset' },
    detail: { ...answerDetail(answer), because: 'decided by a person', reason },
    requestId: answer.requestId,
    release: false,
  });
}

function retryTransition(answer: Answer, context: Context): Transition {
  return transition({
    action: 'resolved',
    changes: {
      status: 'pending',
      attempts: 0,
      lookups: 0,
      review: reviewOf(answer, context),
      expectedBy: null,
    },
    stamps: { nextAttempt: { inMs: 0 }, absentSince: 'clear' },
    detail: { ...answerDetail(answer), as: 'retry', reason: wantedOf(context).reason },
    requestId: answer.requestId,
  });
}

type Outcome = Exclude<WantedResolution['as'], 'retry' | 'acknowledge'>;

function outcomeTransition(
  transaction: Transaction,
  answer: Answer,
  { as, context }: { readonly as: Outcome; readonly context: Context },
): Transition {
  const { reason, noEmail = false } = wantedOf(context);
  const intent = intentOf(answer);
  // Stripe's own terminal status needs no watching; what a person alone knows is compared later.
  const provenByStripe =
    intent !== null && (intent.status === 'succeeded' || intent.status === 'canceled');
  const changes = outcomeChanges(transaction, answer, { as, reason });
  const letters = customerMail({ ...transaction, ...changes, status: as }, false);
  return transition({
    action: 'resolved',
    changes: {
      status: as,
      step: 'settled',
      ...changes,
      expectedBy: null,
      review: reviewOf(answer, context),
    },
    stamps: {
      settledAt: 'now',
      nextAttempt: provenByStripe ? 'never' : { inMs: WATCH_RESOLVED_MS },
    },
    detail: {
      ...answerDetail(answer),
      as,
      reason,
      ...(noEmail && letters.length > 0 ? { customer: 'not written to' } : {}),
    },
    requestId: answer.requestId,
    notifications: noEmail ? [] : letters,
  });
}

/** What a person's decision makes of the payment. */
export function outcomeChanges(
  transaction: Transaction,
  answer: Answer,
  { as, reason }: { readonly as: Outcome; readonly reason: string },
): Changes {
  return {
    ...outcomeOf(transaction, intentOf(answer), as),
    ...(as === 'failed' ? failureBy(transaction, reason) : {}),
  };
}

function intentOf(answer: Answer): IntentSnapshot | null {
  return answer.kind === 'intent' || answer.kind === 'declined' ? answer.intent : null;
}

/** What Stripe shows of it; another ledger's intent is never taken for this row's own. */
function outcomeOf(transaction: Transaction, intent: IntentSnapshot | null, as: Outcome): Changes {
  const isOwn = intent !== null && intent.metadata[TRANSACTION_METADATA] === transaction.id;
  return {
    ...(isOwn ? { paymentIntent: intent.id, stripeStatus: intent.status } : {}),
    ...(as === 'succeeded' && intent?.status === 'succeeded'
      ? { amountReceived: intent.amountReceived, currencyReceived: intent.currency }
      : {}),
    canceledBy: as === 'canceled' ? 'person' : null,
    ...(as === 'failed' ? {} : { failureKind: null }),
  };
}

function failureBy(transaction: Transaction, reason: string): Changes {
  return transaction.failureCode === null
    ? { failureCode: 'resolved_by_operator', failureMessage: reason }
    : {};
}

function reviewOf(answer: Answer, context: Context): Review {
  const { as, reason, operator } = wantedOf(context);
  return {
    reason: 'resolved_by_hand',
    message: `resolved as ${as} by ${operator}: ${reason}`,
    at: context.now,
    evidence: answerDetail(answer),
    resolution: { as, reason, operator, at: context.now },
  };
}

function answerDetail(answer: Answer): JsonObject {
  const intent = intentOf(answer);
  if (intent !== null) return intentDetail('retrieve', intent);
  return { asked: 'look up', seen: answer.kind, message: describeAnswer(answer) };
}
