import { differingFields } from '../domain/request/charge-request.ts';
import { PayreconError } from '../domain/errors.ts';
import { doubtfulTexts } from '../domain/request/look-alikes.ts';
import type { ChargeRequest } from '../domain/transaction.ts';
import type { Ledger } from './ports.ts';

/**
 * Refuses a request whose texts could be read as others, unless the ledger has this very key with these
 * very texts already: then it is a repetition, and its answer is owed whatever rules came later. Had it
 * been refused instead, the person would correct the key, and the corrected key would charge again.
 *
 * @param ledger the one to ask; null where there is none yet. Called only for a doubtful request.
 * @throws PayreconError `usage`; nothing was sent.
 */
export async function refuseDoubtful(
  request: ChargeRequest,
  ledger: () => Promise<Pick<Ledger, 'find'> | null>,
): Promise<void> {
  const doubtful = doubtfulTexts(request);
  if (doubtful.length === 0) return;
  const found = (await (await ledger())?.find(request.key)) ?? null;
  // The ledger finds by id as well.
  const known = found?.key === request.key ? found : null;
  const differing = known === null ? null : differingFields(known, request);
  const problems = doubtful.filter(({ field }) => differing === null || differing.includes(field));
  if (problems.length === 0) return;
  throw new PayreconError(
    'invalid_request',
    'This could be mistaken for another payment, and is not on record; nothing was sent.',
    { problems },
  );
}
