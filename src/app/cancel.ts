import type { Call } from '../domain/decide/decision.ts';
import { PayreconError } from '../domain/errors.ts';
import { isFinal } from '../domain/statuses.ts';
import type { Transaction } from '../domain/transaction.ts';
import { advance, type AdvanceDeps, type Advanced } from './advance.ts';
import { findOrFail } from './history.ts';
import type { CancelOutcome, CancelRequest } from './service.ts';
import { asUnknownOutcome } from './unknown-outcome.ts';

/*
 * A person wants that a payment never succeeds: it is canceled at Stripe first, as a fence, and only what
 * Stripe then shows is recorded. Which calls that takes is decided where every decision is (domain/decide).
 */

/**
 * Cancels an open payment; one that has ended without success already stays as it is.
 *
 * @throws PayreconError `not_found`, `refused` (it has succeeded), `unknown_outcome` (another process has it,
 *   or the end is not recorded), `configuration` (Stripe refused the key), `unreachable` (database).
 */
export async function cancel(
  deps: AdvanceDeps,
  idOrKey: string,
  request: CancelRequest,
): Promise<CancelOutcome> {
  const known = await findOrFail(deps.ledger, idOrKey);
  if (isFinal(known.status)) return ended(known, { note: null, isKnown: true });
  const claimed = await deps.ledger.claim(known.id, deps.actor);
  if (claimed === null) {
    throw new PayreconError(
      'in_progress',
      `${known.id} is being worked on by another process. Nothing was canceled; try again in a moment.`,
      { transaction: known },
    );
  }
  const cancels: Call[] = [];
  let advanced: Advanced;
  try {
    advanced = await advance(deps, claimed, {
      purpose: 'cancel',
      cancelReason: request.reason,
      justOpened: false,
      onAnswer: ({ call }) => {
        if (call === 'cancel') cancels.push(call);
      },
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    });
    if (!advanced.recorded) await deps.ledger.release([claimed.lease]);
  } catch (error) {
    throw cancels.length > 0
      ? asUnknownOutcome(
          error,
          'A cancel was sent to Stripe, and its outcome is not recorded: run the same command again.',
          claimed.transaction,
        )
      : error;
  }
  if (advanced.reason === 'unauthorized') throw unauthorized(advanced);
  return ended(advanced.transaction, { note: advanced.summary, isKnown: false });
}

function ended(
  transaction: Transaction,
  { note, isKnown }: Pick<CancelOutcome, 'note' | 'isKnown'>,
): CancelOutcome {
  if (transaction.status !== 'succeeded') return { transaction, note, isKnown };
  throw new PayreconError(
    'already_succeeded',
    `${transaction.id} has succeeded: the customer was charged, so there is nothing to cancel. To give the money back, refund it at Stripe.`,
    { transaction },
  );
}

function unauthorized({ transaction, summary }: Advanced): PayreconError {
  return new PayreconError(
    'stripe_unauthorized',
    `${summary}. It is not canceled, and stays ${transaction.status}. Correct STRIPE_SECRET_KEY and run the same command again.`,
    { transaction, problems: [{ field: 'STRIPE_SECRET_KEY', message: 'refused by Stripe' }] },
  );
}
