import { PayreconError } from '../domain/errors.ts';
import { firstRow, type Database } from './database.ts';
import { schemaStatus } from './schema.ts';
import { textOrNull } from './rows.ts';

/** Said by whatever would change a ledger that `migrate --from` has taken to another place. */
export function ledgerMoved(where: string, movedTo: string): PayreconError {
  const sentence = `The ledger of ${where} was moved to ${movedTo}. Nothing was changed here. Point DATABASE_URL there.`;
  return new PayreconError('configuration', 'ledger_moved', sentence, {
    problems: [{ field: 'DATABASE_URL', message: 'names a ledger that was moved' }],
  });
}

/** The migration that gave a ledger the row which says so. */
const KNOWS_MOVES = '0004_attempts';

/** @throws PayreconError `ledger_moved`; for what the triggers of a moved ledger do not refuse. */
export async function refuseMoved(database: Database): Promise<void> {
  const movedTo = await database.read(async (sql) => {
    if (!(await schemaStatus(database, sql)).applied.includes(KNOWS_MOVES)) return null;
    return textOrNull((await firstRow(sql, 'select moved_to from ledger')) ?? { moved_to: null }, 'moved_to');
  });
  if (movedTo !== null) throw ledgerMoved(database.where, movedTo);
}
