import { PayreconError } from '../../domain/errors.ts';
import { firstRow, type Database } from '../database.ts';
import { schemaStatus } from '../schema.ts';
import { integerOrNull, textOrNull } from '../rows.ts';

interface Mark {
  readonly to: string;
  /** The copy there is complete. */
  readonly ended: boolean;
}

/** Said by whatever would change a ledger that `migrate --from` has taken to another place. */
function ledgerMoved(where: string, { to, ended }: Mark): PayreconError {
  const sentence = ended
    ? `The ledger of ${where} was moved to ${to}. Nothing was changed here. Point DATABASE_URL there.`
    : `Moving the ledger of ${where} to ${to} was begun and has not ended. Nothing was changed here. ` +
      'End it with the same `payrecon migrate --from`, then point DATABASE_URL there.';
  return new PayreconError('ledger_moved', sentence, {
    problems: [{ field: 'DATABASE_URL', message: 'names a ledger that was moved' }],
  });
}

/** The migration that gave a ledger the row which says so. */
const KNOWS_MOVES = '0004_attempts';

/** @throws PayreconError `ledger_moved`; for what the triggers of a moved ledger do not refuse. */
export async function refuseMoved(database: Database): Promise<void> {
  const mark = await database.read(async (sql): Promise<Mark | null> => {
    if (!(await schemaStatus(database, sql)).applied.includes(KNOWS_MOVES)) return null;
    const row = await firstRow(sql, 'select moved_to, moved_at from ledger');
    const to = row === null ? null : textOrNull(row, 'moved_to');
    return row === null || to === null
      ? null
      : { to, ended: integerOrNull(row, 'moved_at') !== null };
  });
  if (mark !== null) throw ledgerMoved(database.where, mark);
}
