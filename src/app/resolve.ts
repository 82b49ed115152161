import {
  answerForPerson,
  describeAnswer,
  needsPerson,
  resolutionOptions,
} from '../domain/resolutions.ts';
import type { Answer } from '../domain/answer.ts';
import { firstCall } from '../domain/decide/decide.ts';
import { BugError, PayreconError } from '../domain/errors.ts';
import type { Transaction } from '../domain/transaction.ts';
import { advance, contextOf, look, type AdvanceDeps, type Advanced } from './advance.ts';
import { whileClaimed } from './claimed.ts';
import { findOrFail } from './history.ts';
import type { ResolveRequest, StuckCase } from './service.ts';
import type { Claimed } from './ports.ts';
import { asUnknownOutcome } from './unknown-outcome.ts';

/*
 * A person decides about a stuck or overdue transaction. What may be recorded, and which calls come
 * before it, is decided where every decision is (domain/decide); here it is only claimed, advanced
 * and reported.
 */

/**
 * Asks Stripe and says what may be decided; takes no lease and changes nothing.
 *
 * @throws PayreconError `not_found`, `refused` (not stuck, nor overdue), `unreachable` (Stripe or database).
 */
export async function inspect(deps: AdvanceDeps, idOrKey: string): Promise<StuckCase> {
  const transaction = await findOrFail(deps.ledger, idOrKey);
  const now = await deps.ledger.now();
  if (!needsPerson(transaction, now)) throw notStuck(transaction);
  const context = contextOf(deps, { purpose: 'resolve', justOpened: false }, now, []);
  const call = firstCall(transaction, context);
  if (call !== 'retrieve' && call !== 'scan' && call !== 'scan_elsewhere')
    throw new BugError(`${transaction.id}: looking at it never begins with ${String(call)}`);
  const answer = await look(deps, transaction, { call, now, signal: undefined });
  if (answer.kind === 'unknown') throw unanswered(transaction, answer.message);
  if (answer.kind === 'unauthorized') throw unauthorized(transaction, answer.httpStatus);
  return caseOf(deps, transaction, answer);
}

function caseOf(deps: AdvanceDeps, transaction: Transaction, answer: Answer): StuckCase {
  const seen = answerForPerson(transaction, answer, deps.ledgerMarks);
  return {
    transaction,
    seen,
    evidence: describeAnswer(seen),
    targets: resolutionOptions(transaction, seen),
  };
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
    throw new PayreconError('reason_missing', 'A decision needs its reason; nothing was changed.', {
      problems: [{ field: '--reason', message: 'it is empty' }],
    });
  }
  const known = await findOrFail(deps.ledger, idOrKey);
  // Refuse rows that need no decision before claiming them.
  if (!needsPerson(known, await deps.ledger.now())) throw notStuck(known);
  return await whileClaimed(
    deps,
    known,
    async (claimed) => await recordWanted(deps, claimed, request),
  );
}

async function recordWanted(
  deps: AdvanceDeps,
  claimed: Claimed,
  request: ResolveRequest,
): Promise<Transaction> {
  const canceled: Transaction[] = [];
  const advanced = await advance(deps, claimed, {
    purpose: 'resolve',
    justOpened: false,
    resolution: { ...request, operator: deps.actor.operator },
    onAnswer: ({ call }, transaction) => {
      if (call === 'cancel') canceled.push(transaction);
    },
  }).catch((error: unknown) => {
    const [transaction] = canceled;
    throw transaction === undefined
      ? error
      : asUnknownOutcome(
          error,
          'It is canceled at Stripe, and the decision is not recorded: decide again.',
          transaction,
        );
  });
  if (advanced.reason === 'resolved') return advanced.transaction;
  throw notRecorded(deps, advanced, request);
}

function notStuck(transaction: Transaction): PayreconError {
  return new PayreconError(
    'not_stuck',
    `${transaction.id} is ${transaction.status}, not stuck: there is nothing to resolve. Run \`payrecon show ${transaction.id}\`.`,
    { transaction },
  );
}

function unanswered(transaction: Transaction, message: string): PayreconError {
  return new PayreconError(
    'stripe_unreachable',
    `Stripe did not tell (${message}), so nothing can be decided now and nothing was changed. Try again when it answers.`,
    { transaction },
  );
}

function unauthorized(transaction: Transaction, httpStatus: number): PayreconError {
  return new PayreconError(
    'stripe_unauthorized',
    `Stripe refused the key (${String(httpStatus)}); nothing was changed. Correct STRIPE_SECRET_KEY.`,
    { transaction, problems: [{ field: 'STRIPE_SECRET_KEY', message: 'refused by Stripe' }] },
  );
}

/** Why the decision is not recorded, from what the run ended with. */
function notRecorded(
  deps: AdvanceDeps,
  { transaction, reason, last }: Advanced,
  request: ResolveRequest,
): PayreconError {
  if (reason === 'not_stuck') return notStuck(transaction);
  if (reason === 'lease_lost')
    return new PayreconError(
      'lease_lost',
      `Another process took ${transaction.id} over meanwhile. The decision was not recorded; look at it again.`,
    );
  const answer = last?.answer;
  if (answer === undefined) throw new BugError(`${transaction.id}: ended as ${reason} unasked`);
  if (reason === 'illegal_resolution') return illegal(caseOf(deps, transaction, answer), request);
  if (reason === 'cancel_needed') return cancelNeeded(caseOf(deps, transaction, answer));
  if (reason === 'cancel_failed') return cancelFailed(transaction, answer);
  if (answer.kind === 'unknown') return unanswered(transaction, answer.message);
  if (answer.kind === 'unauthorized') return unauthorized(transaction, answer.httpStatus);
  throw new BugError(`${transaction.id}: a resolution never ends as ${reason}`);
}

function illegal(
  { transaction, targets, evidence }: StuckCase,
  request: ResolveRequest,
): PayreconError {
  const choices = targets.map((each) => each.as).join(', ');
  return new PayreconError(
    'illegal_resolution',
    `${transaction.id} cannot be resolved as ${request.as}: ${evidence}. What is possible: ${choices === '' ? 'nothing until Stripe answers' : choices}. Nothing was changed.`,
    { transaction, problems: [{ field: '--as', message: `one of: ${choices}` }] },
  );
}

function cancelNeeded({ transaction, evidence }: StuckCase): PayreconError {
  return new PayreconError(
    { code: 'cancel_needed', kind: 'refused' },
    `${transaction.id} could still succeed at Stripe (${evidence}). Add --cancel-at-stripe to cancel it there first. Nothing was changed.`,
    {
      transaction,
      problems: [{ field: '--cancel-at-stripe', message: 'needed for this target' }],
    },
  );
}

function cancelFailed(transaction: Transaction, answer: Answer): PayreconError {
  return new PayreconError(
    { code: 'cancel_failed', kind: answer.kind === 'unknown' ? 'unknown_outcome' : 'refused' },
    `Stripe did not cancel it (${describeAnswer(answer)}). No decision was recorded; the transaction stays ${transaction.status}. Look at it again with \`payrecon stuck resolve ${transaction.id}\`.`,
    { transaction },
  );
}
