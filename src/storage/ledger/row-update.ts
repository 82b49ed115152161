import { BugError } from '../../domain/errors.ts';
import type { Transaction } from '../../domain/transaction.ts';
import { columnType, valueOf } from '../columns.ts';
import type { Binding } from '../database.ts';
import type { Recording } from './recording.ts';

/*
 * What transitions make of their rows, for one UPDATE of any number of them. `input` is a table with the values, `clock`
 * the instant. Only columns that one of the transitions changes are in it: a column that is set, even to what it is, has
 * its indexes written. The version is compared, so what a row keeps is known.
 */

export interface RowUpdate {
  /** The SET list. */
  readonly set: string;
  /** The columns of `input`, and PostgreSQL's type of each. */
  readonly types: Readonly<Record<string, string>>;
  readonly rows: readonly Readonly<Record<string, Binding>>[];
}

/** Columns of the compare-and-set condition. */
export const KEY_TYPES = { id: 'text', version: 'bigint', token: 'text' };

/** True when a row is still as its recording saw it, and under its lease. */
export const OURS =
  'transactions.id = input.id and transactions.version = input.version and transactions.lease_token = input.token';

export function keyOf({ current, lease }: Recording): Record<keyof typeof KEY_TYPES, Binding> {
  return { id: current.id, version: current.version, token: lease.token };
}

/** One column of `input`, and what is assigned from it. */
interface Part {
  readonly name: string;
  readonly type: string;
  readonly value: (recording: Recording) => Binding;
}

export function rowUpdate(recordings: readonly Recording[]): RowUpdate {
  const changes = changedColumns(recordings).map((column) => changeOf(column, recordings));
  const releases = recordings.some(({ transition }) => transition.release) ? [RELEASE] : [];
  const all = [...changes, ...releases];
  const parts = all.flatMap((change) => change.parts);
  return {
    set: ['version = transactions.version + 1', ...all.map(({ set }) => set)].join(', '),
    types: {
      ...KEY_TYPES,
      ...Object.fromEntries(parts.map(({ name, type }) => [name, type])),
    },
    rows: recordings.map((recording) => {
      const row: Record<string, Binding> = keyOf(recording);
      for (const { name, value } of parts) row[name] = value(recording);
      return row;
    }),
  };
}

function changedColumns(recordings: readonly Recording[]): readonly string[] {
  const columns = new Set<string>();
  for (const { current, writes } of recordings) {
    for (const column of Object.keys(writes.at)) columns.add(column);
    for (const [column, value] of Object.entries(writes.set))
      if (!columns.has(column) && value !== valueOf(current, column)) columns.add(column);
  }
  return [...columns];
}

interface Change {
  readonly set: string;
  readonly parts: readonly Part[];
}

/** A value, milliseconds after now, or, where the rows differ in that, the one of both that is not null. */
function changeOf(column: string, recordings: readonly Recording[]): Change {
  const later = `${column}_in`;
  const value: Part = {
    name: column,
    type: columnType(column),
    value: ({ current, writes }) => {
      if (column in writes.at) return null;
      const set = writes.set[column];
      return set === undefined ? keptValue(current, column) : set;
    },
  };
  const ms: Part = {
    name: later,
    type: 'bigint',
    value: ({ writes }) => writes.at[column] ?? null,
  };
  const byClock = recordings.filter(({ writes }) => column in writes.at).length;
  if (byClock === 0) return { set: `${column} = input.${column}`, parts: [value] };
  if (byClock === recordings.length)
    return { set: `${column} = clock.now + input.${later}`, parts: [ms] };
  return {
    set: `${column} = coalesce(clock.now + input.${later}, input.${column})`,
    parts: [value, ms],
  };
}

/** `reference_shared` is in no transaction, and is set on one row alone. */
function keptValue(current: Transaction, column: string): Binding {
  const value = valueOf(current, column);
  if (value === undefined)
    throw new BugError(`what column ${column} of another row holds is unknown`);
  return value;
}

const RELEASE: Change = {
  set: ['lease_token', 'lease_holder', 'lease_expires_at']
    .map(
      (column) =>
        `${column} = case when input.released = 1 then null else transactions.${column} end`,
    )
    .join(', '),
  parts: [
    {
      name: 'released',
      type: 'bigint',
      value: ({ transition }) => (transition.release ? 1 : null),
    },
  ],
};
