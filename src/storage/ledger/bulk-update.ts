import type { NextAttempt, Stamps } from '../../domain/transition.ts';
import type { Binding } from '../database.ts';
import { COLUMNS, FIELDS, stored } from './changes.ts';
import type { Recording } from './written.ts';

/*
 * What many transitions make of their rows, for one UPDATE: whole values, and words where the database's clock decides.
 * Only columns that one of them changes are in it: a column that is set, even to what it is, has its indexes written.
 */

export interface UpdateInput {
  /** The SET list; `input` has the values, `clock` the instant. */
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

interface Column {
  readonly name: string;
  readonly type: string;
  /** Null: this transition leaves the column alone. */
  readonly wish: (recording: Recording) => Binding;
  readonly set: string;
}

const VALUE_TYPES: Readonly<Record<string, string>> = {
  attempts: 'int',
  lookups: 'int',
  expected_by: 'bigint',
  attempt: 'int',
  intents: 'int',
  absent_attempts: 'int',
  params_version: 'int',
  amount_received: 'bigint',
};

const STAMPS: readonly Column[] = [
  stamp('create_sent_at', ({ transition: { stamps }, current }) =>
    wordOf(stamps.createSentAt, current.createSentAt),
  ),
  stamp('confirm_sent_at', ({ transition: { stamps }, current }) =>
    wordOf(stamps.confirmSentAt, current.confirmSentAt),
  ),
  stamp('cancel_sent_at', ({ transition: { stamps }, current }) =>
    wordOf(stamps.cancelSentAt, current.cancelSentAt),
  ),
  stamp('absent_since', ({ transition: { stamps }, current }) =>
    wordOf(stamps.absentSince, current.absentSince),
  ),
  stamp('key_conflict_at', ({ transition: { stamps }, current }) =>
    wordOf(stamps.keyConflictAt, current.keyConflictAt),
  ),
  stamp('settled_at', ({ transition: { stamps } }) => stamps.settledAt ?? null),
];

/** Milliseconds from now; -1: never again. */
function inMsOrNever(next: NextAttempt): number {
  return next === 'never' ? -1 : Math.round(next.inMs);
}

const NEXT: Column = {
  name: 'next_in',
  type: 'bigint',
  wish: ({
    transition: {
      stamps: { nextAttempt },
    },
  }) => (nextAttempt === undefined ? null : inMsOrNever(nextAttempt)),
  set: 'next_attempt_at = case when input.next_in is null then transactions.next_attempt_at when input.next_in = -1 then null else clock.now + input.next_in end',
};

const RELEASED: Column = {
  name: 'released',
  type: 'int',
  wish: ({ transition }) => (transition.release ? 1 : null),
  set: ['lease_token', 'lease_holder', 'lease_expires_at']
    .map(
      (column) =>
        `${column} = case when input.released = 1 then null else transactions.${column} end`,
    )
    .join(', '),
};

const MOMENTS = [...STAMPS, NEXT, RELEASED];

export function updateInput(recordings: readonly Recording[]): UpdateInput {
  const fields = FIELDS.filter((field) =>
    recordings.some(({ current, next }) => next[field] !== current[field]),
  );
  const moments = MOMENTS.filter(({ wish }) =>
    recordings.some((recording) => wish(recording) !== null),
  );
  const names = fields.map((field) => COLUMNS[field]);
  return {
    set: [
      'version = transactions.version + 1',
      'updated_at = clock.now',
      ...names.map((name) => `${name} = input.${name}`),
      ...moments.map(({ set }) => set),
    ].join(', '),
    types: {
      ...KEY_TYPES,
      ...Object.fromEntries(names.map((name) => [name, VALUE_TYPES[name] ?? 'text'])),
      ...Object.fromEntries(moments.map(({ name, type }) => [name, type])),
    },
    rows: recordings.map((recording) => {
      const row: Record<string, Binding> = keyOf(recording);
      for (const field of fields) row[COLUMNS[field]] = stored(recording.next[field]);
      for (const { name, wish } of moments) row[name] = wish(recording);
      return row;
    }),
  };
}

export function keyOf({ current, lease }: Recording): Record<keyof typeof KEY_TYPES, Binding> {
  return { id: current.id, version: current.version, token: lease.token };
}

function stamp(column: string, wish: Column['wish']): Column {
  const name = `${column}_word`;
  return {
    name,
    type: 'text',
    wish,
    set: `${column} = case input.${name} when 'now' then clock.now when 'clear' then null else transactions.${column} end`,
  };
}

function wordOf(wish: Stamps['createSentAt'], value: number | null): 'now' | 'clear' | null {
  if (wish === 'clear' || wish === 'now') return wish;
  return wish === 'if_unset' && value === null ? 'now' : null;
}
