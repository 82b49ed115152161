import type { Answer, IntentSnapshot } from '../domain/answer.ts';
import { PayreconError } from '../domain/errors.ts';
import { describeAnswer, resolutionOptions } from '../domain/resolutions.ts';
import { customerMail } from '../domain/letters.ts';
import { foreignMark, TRANSACTION_METADATA } from '../domain/marks.ts';
import { intentDetail } from '../domain/decide/transitions.ts';
import {
  isOverdue,
  type JsonObject,
  type Review,
  type Transaction,
} from '../domain/transaction.ts';
import type { Changes, Transition } from '../domain/transition.ts';
import { lookUpOf, lookUpOne, type AdvanceDeps } from './advance.ts';
import { otherIntents } from './other-intents.ts';
import { findOrFail } from './history.ts';
import type { ResolveRequest, StuckCase } from './payrecon.ts';
import type { Claimed, OtherIntent, RecordResult } from './ports.ts';
import { asUnknownOutcome } from './unknown-outcome.ts';

/** A decision that Stripe has not confirmed is compared with Stripe again after this long. */
const WATCH_RESOLVED_MS = 3_600_000;

/**
 * Asks Stripe and says what may be decided; takes no lease and changes nothing.
 *
 * @throws PayreconError `not_found`, `refused` (not stuck, nor overdue), `unreachable` (Stripe or database).
 */
export async function inspect(deps: AdvanceDeps, idOrKey: string): Promise<StuckCase> {
  const transaction = await findOrFail(deps.ledger, idOrKey);
  const now = await deps.ledger.now();
  mustNeedPerson(transaction, now);
  return await askAbout(deps, transaction, now);
}

async function askAbout(
  deps: AdvanceDeps,
  transaction: Transaction,
  now: number,
): Promise<StuckCase> {
  const call = transaction.paymentIntent === null ? 'scan' : 'retrieve';
  const seen = await lookUpOne(
    deps.gateway,
    lookUpOf(transaction, { call, now, ledger: deps.ledgerMarks }),
  );
  if (seen.kind === 'unknown') {
    throw new PayreconError(
      'unreachable',
      'stripe_unreachable',
      `Stripe did not tell (${seen.message}), so nothing can be decided now and nothing was changed. Try again when it answers.`,
      { transaction },
    );
  }
  if (seen.kind === 'unauthorized') {
    throw new PayreconError(
      'configuration',
      'stripe_unauthorized',
      `Stripe refused the key (${String(seen.httpStatus)}); nothing was changed. Correct STRIPE_SECRET_KEY.`,
      {
        transaction,
        problems: [{ field: 'STRIPE_SECRET_KEY', message: 'refused by Stripe' }],
      },
    );
  }
  const others =
    transaction.keyConflictAt === null ? [] : await otherIntents(deps, transaction, now);
  const told = ownAnswer(deps, transaction, seen, others);
  return {
    transaction,
    seen: told,
    evidence: describeAnswer(told),
    targets: resolutionOptions(transaction, told),
  };
}

/**
 * What the answer says about this payment: another's intent says nothing about it, and where the key
 * was used by another ledger, it is the other one's intent that the person has to know of.
 */
function ownAnswer(
  deps: AdvanceDeps,
  transaction: Transaction,
  seen: Answer,
  others: readonly OtherIntent[],
): Answer {
  if (seen.kind === 'intent' || seen.kind === 'declined') {
    const foreign = foreignMark(transaction, seen.intent, deps.ledgerMarks);
    if (foreign === null) return seen;
    return {
      kind: 'missing',
      requestId: seen.requestId,
      message: `${seen.intent.id} is not this payment's: ${foreign}`,
    };
  }
  const [other] = others;
  if (seen.kind !== 'absent' || other === undefined || other.matchedBy === 'looks_alike')
    return seen;
  return { kind: 'intent', intent: other.intent, requestId: seen.requestId, replayed: false };
}

/**
 * Records a person's decision: Stripe is asked again under the lease, and only what is legal then is
 * recorded, with who, where, when and why.
 */
export async function resolve(
  deps: AdvanceDeps,
  idOrKey: string,
  request: ResolveRequest,
): Promise<Transaction> {
  if (request.reason.trim() === '') {
    throw new PayreconError(
      'usage',
      'reason_missing',
      'A decision needs its reason; nothing was changed.',
      { problems: [{ field: '--reason', message: 'it is empty' }] },
    );
  }
  const known = await findOrFail(deps.ledger, idOrKey);
  // Refuse rows that need no decision before claiming them.
  mustNeedPerson(known, await deps.ledger.now());
  const claimed = await deps.ledger.claim(known.id, deps.actor);
  if (claimed === null) {
    throw new PayreconError(
      'unknown_outcome',
      'in_progress',
      `${known.id} is being worked on by another process. Nothing was changed; try again in a moment.`,
      { transaction: known },
    );
  }
  try {
    mustNeedPerson(claimed.transaction, claimed.now);
    const asked = await askAbout(deps, claimed.transaction, claimed.now);
    mustBeLegal(asked, request);
    const result = await decide(deps, claimed, asked, request);
    if (result.kind === 'stale')
      throw new PayreconError(
        'unknown_outcome',
        'lease_lost',
        `Another process took ${known.id} over meanwhile. The decision was not recorded; look at it again.`,
      );
    return result.transaction;
  } catch (error) {
    await letGo(deps, claimed);
    throw error;
  }
}

/** A database that is away lets the lease run out; what went wrong before is what the person has to know. */
async function letGo(deps: AdvanceDeps, { lease }: Claimed): Promise<void> {
  try {
    await deps.ledger.release([lease]);
  } catch (error) {
    if (!(error instanceof PayreconError)) throw error;
  }
}

function mustNeedPerson(transaction: Transaction, now: number): void {
  if (transaction.status === 'stuck' || isOverdue(transaction, now)) return;
  throw new PayreconError(
    'refused',
    'not_stuck',
    `${transaction.id} is ${transaction.status}, not stuck: there is nothing to resolve. Run \`payrecon show ${transaction.id}\`.`,
    { transaction },
  );
}

function mustBeLegal(asked: StuckCase, request: ResolveRequest): void {
  const { transaction, targets, evidence } = asked;
  const target = targets.find((each) => each.as === request.as);
  if (target === undefined) {
    const choices = targets.map((each) => each.as).join(', ');
    throw new PayreconError(
      'refused',
      'illegal_resolution',
      `${transaction.id} cannot be resolved as ${request.as}: ${evidence}. What is possible: ${choices === '' ? 'nothing until Stripe answers' : choices}. Nothing was changed.`,
      {
        transaction,
        problems: [{ field: '--as', message: `one of: ${choices}` }],
      },
    );
  }
  if (target.needsCancelAtStripe && !request.cancelAtStripe) {
    throw new PayreconError(
      'refused',
      'cancel_needed',
      `${transaction.id} could still succeed at Stripe (${evidence}). Add --cancel-at-stripe to cancel it there first. Nothing was changed.`,
      {
        transaction,
        problems: [{ field: '--cancel-at-stripe', message: 'needed for this target' }],
      },
    );
  }
}

async function decide(
  deps: AdvanceDeps,
  claimed: Claimed,
  asked: StuckCase,
  request: ResolveRequest,
): Promise<RecordResult> {
  if (request.as === 'retry')
    return await deps.ledger.record(
      claimed.transaction,
      claimed.lease,
      retryTransition(deps, claimed, asked.seen, request),
      deps.actor,
    );
  const needsCancel = asked.targets.some(
    (each) => each.as === request.as && each.needsCancelAtStripe,
  );
  if (!needsCancel)
    return await deps.ledger.record(
      claimed.transaction,
      claimed.lease,
      decisionOf(deps, claimed, asked.transaction, asked.seen, request),
      deps.actor,
    );

  const intentId =
    asked.seen.kind === 'intent' ? asked.seen.intent.id : claimed.transaction.paymentIntent;
  const fenced = await deps.ledger.record(
    claimed.transaction,
    claimed.lease,
    fenceTransition(asked.seen, intentId, request),
    deps.actor,
  );
  if (fenced.kind === 'stale') return fenced;
  const answer = await deps.gateway.cancel(fenced.transaction);
  if (answer.kind !== 'intent' || answer.intent.status !== 'canceled') {
    throw new PayreconError(
      answer.kind === 'unknown' ? 'unknown_outcome' : 'refused',
      'cancel_failed',
      `Stripe did not cancel it (${describeAnswer(answer)}). No decision was recorded; the transaction stays ${fenced.transaction.status}. Look at it again with \`payrecon stuck resolve ${fenced.transaction.id}\`.`,
      { transaction: fenced.transaction },
    );
  }
  try {
    return await deps.ledger.record(
      fenced.transaction,
      claimed.lease,
      decisionOf(deps, { ...claimed, now: fenced.now }, fenced.transaction, answer, request),
      deps.actor,
    );
  } catch (error) {
    throw asUnknownOutcome(
      error,
      'It is canceled at Stripe, and the decision is not recorded: decide again.',
      fenced.transaction,
    );
  }
}

function fenceTransition(
  seen: Answer,
  intentId: string | null,
  request: ResolveRequest,
): Transition {
  return {
    action: 'cancel_sent',
    // Known to be a person's even if this process dies before the decision is recorded.
    changes: { step: 'cancel_sent', paymentIntent: intentId, canceledBy: 'person' },
    stamps: { cancelSentAt: 'if_unset' },
    detail: { ...seenDetail(seen), because: 'decided by a person', reason: request.reason },
    requestId: seen.requestId,
    notifications: [],
    release: false,
  };
}

function retryTransition(
  deps: AdvanceDeps,
  claimed: Claimed,
  seen: Answer,
  request: ResolveRequest,
): Transition {
  return {
    action: 'resolved',
    changes: {
      status: 'pending',
      attempts: 0,
      lookups: 0,
      review: reviewOf(deps, claimed, seen, request),
      expectedBy: null,
    },
    stamps: { nextAttempt: { inMs: 0 }, absentSince: 'clear' },
    detail: { ...seenDetail(seen), as: 'retry', reason: request.reason },
    requestId: seen.requestId,
    notifications: [],
    release: true,
  };
}

function decisionOf(
  deps: AdvanceDeps,
  claimed: Claimed,
  transaction: Transaction,
  seen: Answer,
  request: ResolveRequest,
): Transition {
  const { as, reason } = request;
  if (as === 'retry') return retryTransition(deps, claimed, seen, request);
  const intent = seen.kind === 'intent' ? seen.intent : null;
  // Stripe's own terminal status needs no watching; what a person alone knows is compared later.
  const provenByStripe =
    intent !== null && (intent.status === 'succeeded' || intent.status === 'canceled');
  const changes: Changes = {
    ...outcomeOf(transaction, intent, as),
    ...(as === 'failed' ? failureBy(transaction, reason) : {}),
  };
  return {
    action: 'resolved',
    changes: {
      status: as,
      step: 'settled',
      ...changes,
      expectedBy: null,
      review: reviewOf(deps, claimed, seen, request),
    },
    stamps: {
      settledAt: 'now',
      nextAttempt: provenByStripe ? 'never' : { inMs: WATCH_RESOLVED_MS },
    },
    detail: { ...seenDetail(seen), as, reason },
    requestId: seen.requestId,
    notifications: customerMail({ ...transaction, ...changes, status: as }, false),
    release: true,
  };
}

/** What Stripe shows of it; another ledger's intent is never taken for this row's own. */
function outcomeOf(
  transaction: Transaction,
  intent: IntentSnapshot | null,
  as: 'succeeded' | 'failed' | 'canceled',
): Changes {
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

function reviewOf(
  deps: AdvanceDeps,
  claimed: Claimed,
  seen: Answer,
  { as, reason }: ResolveRequest,
): Review {
  const { operator } = deps.actor;
  return {
    reason: 'resolved_by_hand',
    message: `resolved as ${as} by ${operator}: ${reason}`,
    at: claimed.now,
    evidence: seenDetail(seen),
    resolution: { as, reason, operator, at: claimed.now },
  };
}

function seenDetail(seen: Answer): JsonObject {
  if (seen.kind === 'intent' || seen.kind === 'declined')
    return intentDetail('retrieve', seen.intent);
  return { asked: 'look up', seen: seen.kind, message: describeAnswer(seen) };
}
