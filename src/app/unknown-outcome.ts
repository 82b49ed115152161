import { canComeLate } from '../domain/error-codes.ts';
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
    (error.kind !== 'unreachable' && error.kind !== 'configuration') ||
    !canComeLate(error.code)
  )
    return error;
  const what = { code: error.code, kind: 'unknown_outcome' } as const;
  return new PayreconError(what, `${error.message} ${safety}`, {
    problems: error.problems,
    cause: error,
    ...(transaction === undefined ? {} : { transaction }),
  });
}
