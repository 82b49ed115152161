import type { Knex } from 'knex';
import type { Actor, Lease } from '../../app/ports.ts';
import { BugError } from '../../domain/errors.ts';
import type { Instant, JsonObject, Transaction } from '../../domain/transaction.ts';
import {
  mayFollow,
  settledAtFits,
  stepMayFollow,
  type Transition,
} from '../../domain/transition.ts';
import { actorRecord } from '../actors.ts';
import { transactionOf } from '../columns.ts';
import { entryHash, type UnsealedEntry } from './audit-chain.ts';
import { firstRow, type Database } from '../database.ts';
import { changedTransaction, valuesAt, writesOf } from './changes.ts';
import { changesText, recordedChanges, type Recorded } from './row-changes.ts';
import { chainEntryOf } from '../rows.ts';
import { notificationsFor } from './notification-insert.ts';

/** One transition on its way into the ledger. */
export interface Recording extends Recorded {
  readonly lease: Lease;
  readonly transition: Transition;
  readonly actor: JsonObject;
  readonly detail: JsonObject;
}

/** @throws BugError for a transition that may not follow on the row. */
export function recordingOf(
  database: Database,
  current: Transaction,
  lease: Lease,
  transition: Transition,
  actor: Actor,
): Recording {
  const next = changedTransaction(current, transition);
  const recording = {
    current,
    lease,
    transition,
    next,
    writes: writesOf(current, transition),
    actor: actorRecord(database, actor),
    detail: transition.detail,
    mails: notificationsFor(next, transition.notifications),
  };
  checkTransition(recording);
  return recording;
}

function checkTransition({ current, lease, transition, next, writes }: Recording): void {
  const { status, step } = next;
  // Only whether it is set is asked: any instant serves.
  const { settled_at: settledAt = current.settledAt } = valuesAt(writes, current.updatedAt);
  const problems = [
    mayFollow(current.status, status) ? null : `${current.status} -> ${status} may not follow`,
    stepMayFollow(current.step, step) ? null : `step ${current.step} -> ${step} may not follow`,
    settledAtFits(status, settledAt as Instant | null) ? null : `settled_at does not fit ${status}`,
    lease.transactionId === current.id ? null : 'the lease is of another transaction',
  ].filter((problem) => problem !== null);
  if (problems.length === 0) return;
  throw new BugError(
    `illegal transition ${transition.action} of ${current.id}: ${problems.join('; ')}`,
  );
}

export function entryOf(recording: Recording): Omit<UnsealedEntry, 'at'> {
  const { current, next, transition, actor, detail } = recording;
  return {
    transactionId: current.id,
    seq: current.version + 1,
    actor,
    action: transition.action,
    from: { status: current.status, step: current.step },
    to: { status: next.status, step: next.step },
    detail,
    requestId: transition.requestId,
    changes: changesText(recordedChanges(recording)),
  };
}

/**
 * After a lost connection the same statement was sent again, and by now it found nothing to change.
 * That is our own first try if the entry that follows `current` is the one we sent: who, what and why
 * name this process and this moment of this transaction. Sending it again before looking is what makes
 * the answer certain: it waits for the first try's row lock, or leaves nothing for it to change.
 */
export async function ours(
  sql: Knex,
  recording: Recording,
  attempt: number,
): Promise<Transaction | null> {
  if (attempt === 1) return null;
  const entry = entryOf(recording);
  const found = await firstRow(
    sql,
    'select * from audit_events where transaction_id = ? and seq = ?',
    [entry.transactionId, entry.seq],
  );
  if (found === null) return null;
  const written = chainEntryOf(found);
  if (entryHash('', { ...entry, at: written.at }) !== entryHash('', written)) return null;
  const row = await firstRow(sql, 'select * from transactions where id = ?', [entry.transactionId]);
  return row === null ? null : transactionOf(row);
}
