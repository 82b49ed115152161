import { PayreconError } from '../domain/errors.ts';
import { isFinal } from '../domain/statuses.ts';
import type { Transaction } from '../domain/transaction.ts';
import { advance, type AdvanceDeps, type Advanced } from './advance.ts';
import { whileClaimed } from './claimed.ts';
import { findOrFail } from './history.ts';
import type { Claimed } from './ports.ts';
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
  const advanced = await whileClaimed(
    deps,
    known,
    async (claimed) => await advanceToEnd(deps, claimed, request),
  );
  if (advanced.reason === 'unauthorized') throw unauthorized(advanced);
  return ended(advanced.transaction, { note: advanced.summary, isKnown: false });
}

/** The payment's outcome was open before: with the database away nobody knows what has become of it since. */
async function advanceToEnd(
  deps: AdvanceDeps,
  claimed: Claimed,
  { reason, signal }: CancelRequest,
): Promise<Advanced> {
  try {
    const advanced = await advance(deps, claimed, {
      purpose: 'cancel',
      cancelReason: reason,
      justOpened: false,
      ...(signal === undefined ? {} : { signal }),
    });
    if (!advanced.recorded) await deps.ledger.release([claimed.lease]);
    return advanced;
  } catch (error) {
    throw asUnknownOutcome(
      error,
      'Whether it is canceled is not known: run the same command again.',
      claimed.transaction,
    );
  }
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
