import type { Ledger, RecordResult } from '../../app/ports.ts';
import { PayreconError } from '../../domain/errors.ts';
import type { Transaction } from '../../domain/transaction.ts';
import type { Database } from '../database.ts';
import { groupCommit } from './group-commit.ts';
import { recordMany } from './record-many.ts';
import { recordingOf, type Recording } from './recording.ts';

/** The one door for writes: every transition of a transaction passes here, alone or with others. */

/** Transitions in one SQL transaction: many pages of Stripe's list, and a statement of a few hundred kilobytes. */
const AT_ONCE = 250;
/** Groups under way: PostgreSQL writes one while the other is made and committed. SQLite has one writer. */
const GROUPS = 2;

export function createRecorder(database: Database): Ledger['record'] {
  const write = groupCommit<Recording, Transaction | null>({
    nameOf: ({ current }) => current.id,
    write: async (recordings) => await recordMany(database, recordings),
    // With the database away each alone would fail as well; anything else is one row's fault.
    isOfOne: (error) => !(error instanceof PayreconError),
    atMost: AT_ONCE,
    groups: database.dialect === 'postgres' ? GROUPS : 1,
  });
  return async (current, lease, transition, actor) =>
    resultOf(await write(recordingOf(database, current, lease, transition, actor)));
}

function resultOf(transaction: Transaction | null): RecordResult {
  return transaction === null
    ? { kind: 'stale' }
    : { kind: 'recorded', transaction, now: transaction.updatedAt };
}
