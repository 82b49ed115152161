import type { Ledger } from '../../app/ports.ts';
import { BugError } from '../../domain/errors.ts';
import { firstRow, type Database } from '../database.ts';
import {
  claimDue,
  claimOne,
  firstLeaseEndMs,
  listDue,
  releaseLeases,
  renewLeases,
} from './claim.ts';
import { findConflictOnly, openTransaction } from './open.ts';
import { reopenTransaction } from './reopen.ts';
import { createRecorder } from './record.ts';
import { transactionOf } from '../columns.ts';
import { integer } from '../rows.ts';

export function createLedger(database: Database): Ledger {
  return {
    open: (request, fingerprint, guard, actor) =>
      openTransaction(database, request, fingerprint, guard, actor),
    claim: (id, actor) => claimOne(database, id, actor),
    claimDue: (query, actor) => claimDue(database, query, actor),
    takeOverInMs: (pendingAfterMs) => firstLeaseEndMs(database, pendingAfterMs),
    due: (query) => listDue(database, query),
    renew: (leases) => renewLeases(database, leases),
    release: (leases) => releaseLeases(database, leases),
    record: createRecorder(database),
    reopen: (current, opening, actor) => reopenTransaction(database, current, opening, actor),
    conflict: (request, guard, except) => findConflictOnly(database, { request, guard }, except),
    async find(idOrKey) {
      // Somebody's key may read like an id; the id comes first.
      const row = await database.read((sql) =>
        firstRow(
          sql,
          'select * from transactions where id = ? or key = ? order by case when id = ? then 0 else 1 end limit 1',
          [idOrKey, idOrKey, idOrKey],
        ),
      );
      return row === null ? null : transactionOf(row);
    },
    async now() {
      const row = await database.read((sql) => firstRow(sql, `select ${database.now()} as now`));
      if (row === null) throw new BugError('the database told no time');
      return integer(row, 'now');
    },
  };
}
