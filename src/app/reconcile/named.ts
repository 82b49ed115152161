import { needsPerson } from '../../domain/resolutions.ts';
import type { Instant, Transaction } from '../../domain/transaction.ts';
import { findOrFail } from '../history.ts';
import type { Ledger } from '../ports.ts';
import type { NamedOutcome } from '../service.ts';

/**
 * Each once, however often and by whichever name it was given.
 *
 * @throws PayreconError `not_found` for the first one that the ledger does not have.
 */
export async function findNamed(
  ledger: Pick<Ledger, 'find'>,
  idsOrKeys: readonly string[],
): Promise<readonly Transaction[]> {
  const found = new Map<string, Transaction>();
  for (const idOrKey of idsOrKeys) {
    const transaction = await findOrFail(ledger, idOrKey);
    found.set(transaction.id, transaction);
  }
  return [...found.values()];
}

/** `now` is the database's clock. */
export function namedOutcome(
  after: readonly Transaction[],
  held: readonly Transaction[],
  now: Instant,
): NamedOutcome {
  const needing = after.filter((transaction) => needsPerson(transaction, now));
  const pending = after.filter(
    (transaction) => transaction.status === 'pending' && !needing.includes(transaction),
  );
  return { held, needPerson: needing.length, pending: pending.length };
}
