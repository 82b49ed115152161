import { PayreconError } from '../domain/errors.ts';

/** Said by every command that may not make a ledger where there is none. */
export function noLedger(where: string): PayreconError {
  return new PayreconError(
    'no_ledger',
    `There is no ledger at ${where}. Nothing was read, sent or changed. If payments were made before, DATABASE_URL (or the user) is another one than then; otherwise \`payrecon charge\` and \`payrecon migrate\` make a ledger.`,
    { problems: [{ field: 'DATABASE_URL', message: 'names a place without a ledger' }] },
  );
}
