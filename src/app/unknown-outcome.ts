import { PayreconError } from '../domain/errors.ts';
import type { Transaction } from '../domain/transaction.ts';

/**
 * A failure of the database after something was sent or recorded. By itself it would say "nothing was
 * changed" (exit 69) or "nothing was sent" (exit 2), and a caller who believes that pays twice.
 */
export function asUnknownOutcome(
  error: unknown,
  safety: string,
  transaction?: Transaction,
): unknown {
  if (
    !(error instanceof PayreconError) ||
    (error.kind !== 'unreachable' && error.kind !== 'configuration')
  )
    return error;
  return new PayreconError('unknown_outcome', error.code, `${error.message} ${safety}`, {
    problems: error.problems,
    cause: error,
    ...(transaction === undefined ? {} : { transaction }),
  });
}
