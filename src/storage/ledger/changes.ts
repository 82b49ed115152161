import { PARAMS_VERSION } from '../../domain/attempts.ts';
import type { ChargeRequest, Instant, Transaction } from '../../domain/transaction.ts';
import type { Changes, Transition } from '../../domain/transition.ts';
import { NEW_ROW, STATE_FIELDS, transactionWith } from '../columns.ts';
import type { Binding } from '../database.ts';

/*
 * What a step writes into its row, in the one form from which everything else is made: the statements of
 * both databases, the row as the caller gets it, and what the audit entry seals (row-changes.ts).
 */

export interface Writes {
  /** Columns with their new values. */
  readonly set: Readonly<Record<string, Binding>>;
  /** Columns that the database's clock sets: milliseconds after the moment of writing. */
  readonly at: Readonly<Record<string, number>>;
}

export function writesOf(current: Transaction, { changes, stamps }: Transition): Writes {
  const set: Record<string, Binding> = {};
  const at: Record<string, number> = {};
  for (const [field, column] of STATE_FIELDS) {
    if (column.group === 'value') {
      const value = changes[field as keyof Changes];
      if (value !== undefined) set[column.name] = column.write(value);
      continue;
    }
    const ms = column.stamp(stamps, current[field] as Instant | null);
    if (ms === null) set[column.name] = null;
    else if (ms !== undefined) at[column.name] = ms;
  }
  return { set, at };
}

/** What a first create is about to be sent with: all state of a new row, and of a row with a new attempt. */
export function beginning({ onSession }: ChargeRequest): Writes {
  const at = { create_sent_at: 0, next_attempt_at: 0, created_at: 0, updated_at: 0 };
  const set = {
    ...NEW_ROW,
    params_version: PARAMS_VERSION,
    session: onSession ? 'on_session' : 'off_session',
    status: 'pending',
    step: 'create_sent',
  };
  return { set: without(set, at), at };
}

export function without(
  values: Writes['set'],
  names: Readonly<Record<string, unknown>>,
): Writes['set'] {
  return Object.fromEntries(Object.entries(values).filter(([name]) => !(name in names)));
}

/** The columns as they are after writing at that instant. */
export function valuesAt({ set, at }: Writes, now: Instant): Readonly<Record<string, Binding>> {
  const instants = Object.entries(at).map(([column, ms]) => [column, now + ms] as const);
  return { ...set, ...Object.fromEntries(instants) };
}

/** The transaction with the transition's changes; what the database's clock sets is still as before. */
export function changedTransaction(current: Transaction, { changes }: Transition): Transaction {
  return { ...current, ...changes };
}

/** The transaction as it was written at that instant: what reading it back gives. */
export function writtenTransaction(
  current: Transaction,
  writes: Writes,
  now: Instant,
): Transaction {
  return { ...transactionWith(current, valuesAt(writes, now)), version: current.version + 1 };
}
