import { PayreconError } from '../domain/errors.ts';
import type { Transaction } from '../domain/transaction.ts';
import type { AdvanceDeps } from './advance.ts';
import type { Claimed } from './ports.ts';

/**
 * Does a person's work on a transaction under its lease, which is given back where the work fails.
 *
 * @throws PayreconError `in_progress` where another process holds it.
 */
export async function whileClaimed<Value>(
  { ledger, actor }: Pick<AdvanceDeps, 'ledger' | 'actor'>,
  known: Transaction,
  work: (claimed: Claimed) => Promise<Value>,
): Promise<Value> {
  const claimed = await ledger.claim(known.id, actor);
  if (claimed === null) {
    throw new PayreconError(
      'in_progress',
      `${known.id} is being worked on by another process. Nothing was changed; try again in a moment.`,
      { transaction: known },
    );
  }
  try {
    return await work(claimed);
  } catch (error) {
    await letGo({ ledger }, claimed);
    throw error;
  }
}

/** A database that is away lets the lease run out; what went wrong before is what the person has to know. */
async function letGo({ ledger }: Pick<AdvanceDeps, 'ledger'>, { lease }: Claimed): Promise<void> {
  try {
    await ledger.release([lease]);
  } catch (error) {
    if (!(error instanceof PayreconError)) throw error;
  }
}
