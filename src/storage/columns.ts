import {
  CANCELERS,
  FAILURE_KINDS,
  SESSIONS,
  STEPS,
  type ChargeRequest,
  type Instant,
  type Json,
  type JsonObject,
  type Review,
  type Transaction,
} from '../domain/transaction.ts';
import { BugError } from '../domain/errors.ts';
import { STATUSES } from '../domain/statuses.ts';
import type { Changes, Stamps } from '../domain/transition.ts';
import { canonicalJson } from './ledger/audit-chain.ts';
import type { Binding, Row } from './database.ts';
import { wellFormed } from './json-rows.ts';
import {
  integer,
  integerOrNull,
  jsonObject,
  oneOf,
  oneOfOrNull,
  parsed,
  storable,
  text,
  textOrNull,
} from './rows.ts';

/*
 * The columns of `transactions`, each declared once. Reading, inserting and updating a row, the text that
 * seals a request, and what `audit verify` replays are made from this list, so a new field of a charge is
 * one line here (and a migration).
 *
 *     identity   the same from the first entry on, or what the chain of entries itself is held against
 *     request    what the caller asked for: fixed, except for the correction of a refused request
 *     value      state that a transition sets
 *     instant    state that is the database's clock at the moment of writing, or a time after it
 *     lease      who works on the row at the moment: set and given back without an entry
 */

type Group = 'identity' | 'request' | 'value' | 'instant' | 'lease';

/** How a value is kept, the same in both databases. */
interface Codec<Value> {
  /** PostgreSQL's type, where a value in a statement has to be told it. */
  readonly type: 'text' | 'bigint';
  read(row: Row, column: string): Value;
  write(value: Value): Binding;
}

/** What a transition makes of an instant: milliseconds from now, null to clear it, undefined to keep it. */
type StampRule = (stamps: Stamps, before: Instant | null) => number | null | undefined;

interface Column<Value, Of extends Group = Group> extends Codec<Value> {
  readonly name: string;
  readonly group: Of;
  /** What a new row says where its opening says nothing: the default of the schema. */
  readonly initial: Binding;
  readonly stamp: StampRule;
  /** Requests of older versions lack it, so it is in the text of a request only where it is asked for. */
  readonly isLater: boolean;
}

/** A column of which the list does not say what its values are. */
type AnyColumn = Column<unknown>;

const TEXT: Codec<string> = { type: 'text', read: text, write: (value) => value };
const TEXT_OR_NULL: Codec<string | null> = { type: 'text', read: textOrNull, write: same };
/** What came from outside and is only shown: no NUL and no half of a character is text to a database. */
const FOREIGN_TEXT: Codec<string | null> = {
  ...TEXT_OR_NULL,
  write: (value) => (value === null ? null : wellFormed(storable(value))),
};
const INTEGER: Codec<number> = { type: 'bigint', read: integer, write: (value) => value };
const INTEGER_OR_NULL: Codec<number | null> = { type: 'bigint', read: integerOrNull, write: same };
const FLAG: Codec<boolean> = {
  type: 'bigint',
  read: (row, column) => integer(row, column) === 1,
  write: (value) => (value ? 1 : 0),
};
const TEXTS: Codec<readonly string[]> = {
  type: 'text',
  read: (row, column) => parsed(row, column) as readonly string[],
  write: canonicalJson,
};
const NAMED_TEXTS: Codec<Readonly<Record<string, string>>> = {
  type: 'text',
  read: (row, column) => jsonObject(row, column) as Readonly<Record<string, string>>,
  write: canonicalJson,
};
const REVIEW: Codec<Review | null> = {
  type: 'text',
  read: (row, column) =>
    row[column] === null ? null : (jsonObject(row, column) as unknown as Review),
  write: (value) => (value === null ? null : canonicalJson(value as unknown as JsonObject)),
};

function same(value: Binding): Binding {
  return value;
}

function word<Word extends string>(words: readonly Word[]): Codec<Word> {
  return { type: 'text', read: (row, column) => oneOf(words, row, column), write: same };
}

function wordOrNull<Word extends string>(words: readonly Word[]): Codec<Word | null> {
  return { type: 'text', read: (row, column) => oneOfOrNull(words, row, column), write: same };
}

const PLAIN = { initial: null, stamp: () => undefined, isLater: false };

function identity<Value>(name: string, codec: Codec<Value>): Column<Value, 'identity'> {
  return { ...codec, ...PLAIN, name, group: 'identity' };
}

function request<Value>(name: string, codec: Codec<Value>): Column<Value, 'request'> {
  return { ...codec, ...PLAIN, name, group: 'request' };
}

/** A field that requests did not have from the beginning. */
function laterRequest<Value>(name: string, codec: Codec<Value>): Column<Value, 'request'> {
  return { ...request(name, codec), isLater: true };
}

function value<Value>(
  name: string,
  codec: Codec<Value>,
  initial: Binding = null,
): Column<Value, 'value'> {
  return { ...codec, ...PLAIN, name, group: 'value', initial };
}

function instant(name: string, stamp: StampRule): Column<Instant | null, 'instant'> {
  return { ...INTEGER_OR_NULL, ...PLAIN, name, group: 'instant', stamp };
}

function requiredInstant(name: string, stamp: StampRule): Column<Instant, 'instant'> {
  return { ...INTEGER, ...PLAIN, name, group: 'instant', stamp };
}

function lease<Value>(name: string, codec: Codec<Value>): Column<Value, 'lease'> {
  return { ...codec, ...PLAIN, name, group: 'lease' };
}

function asAsked(name: Exclude<keyof Stamps, 'nextAttempt'>): StampRule {
  return (stamps, before) => {
    const asked = stamps[name];
    if (asked === undefined || (asked === 'if_unset' && before !== null)) return undefined;
    return asked === 'clear' ? null : 0;
  };
}

function asNextAttempt({ nextAttempt }: Stamps): number | null | undefined {
  if (nextAttempt === undefined || nextAttempt === 'never')
    return nextAttempt === 'never' ? null : undefined;
  return Math.round(nextAttempt.inMs);
}

type GroupOf<Field extends keyof Transaction> = Field extends keyof Changes
  ? 'value'
  : Field extends Exclude<keyof ChargeRequest, 'key'> | 'fingerprint'
    ? 'request'
    : 'identity' | 'instant';

type FieldColumns = {
  readonly [Field in keyof Transaction]-?: Column<Transaction[Field], GroupOf<Field>>;
};

const FIELD_COLUMNS: FieldColumns = {
  id: identity('id', TEXT),
  key: identity('key', TEXT),
  fingerprint: request('fingerprint', TEXT),
  reference: request('reference', TEXT_OR_NULL),
  amount: request('amount', INTEGER),
  currency: request('currency', TEXT),
  customer: request('customer', TEXT_OR_NULL),
  paymentMethod: request('payment_method', TEXT),
  methodTypes: request('method_types', TEXTS),
  email: request('email', TEXT_OR_NULL),
  description: request('description', TEXT_OR_NULL),
  metadata: request('metadata', NAMED_TEXTS),
  onSession: laterRequest('on_session', FLAG),
  status: value('status', word(STATUSES)),
  step: value('step', word(STEPS)),
  attempt: value('attempt', INTEGER, 1),
  intents: value('intents', INTEGER, 0),
  absentAttempts: value('absent_attempts', INTEGER, 0),
  paramsVersion: value('params_version', INTEGER),
  session: value('session', wordOrNull(SESSIONS)),
  paymentIntent: value('payment_intent', FOREIGN_TEXT),
  stripeStatus: value('stripe_status', FOREIGN_TEXT),
  failureCode: value('failure_code', FOREIGN_TEXT),
  failureMessage: value('failure_message', FOREIGN_TEXT),
  failureKind: value('failure_kind', wordOrNull(FAILURE_KINDS)),
  canceledBy: value('canceled_by', wordOrNull(CANCELERS)),
  amountReceived: value('amount_received', INTEGER_OR_NULL),
  currencyReceived: value('currency_received', FOREIGN_TEXT),
  keyConflictAt: instant('key_conflict_at', asAsked('keyConflictAt')),
  createSentAt: instant('create_sent_at', asAsked('createSentAt')),
  confirmSentAt: instant('confirm_sent_at', asAsked('confirmSentAt')),
  cancelSentAt: instant('cancel_sent_at', asAsked('cancelSentAt')),
  attempts: value('attempts', INTEGER, 0),
  lookups: value('lookups', INTEGER, 0),
  absentSince: instant('absent_since', asAsked('absentSince')),
  expectedBy: value('expected_by', INTEGER_OR_NULL),
  nextAttemptAt: instant('next_attempt_at', asNextAttempt),
  review: value('review', REVIEW),
  version: identity('version', INTEGER),
  createdAt: requiredInstant('created_at', () => undefined),
  updatedAt: requiredInstant('updated_at', () => 0),
  settledAt: instant('settled_at', asAsked('settledAt')),
};

/** Columns that are no field of a transaction. */
const OTHER_COLUMNS: readonly AnyColumn[] = [
  value('reference_shared', INTEGER, 0),
  request('sent_params', TEXT),
  identity('audit_hash', TEXT),
  lease('lease_token', TEXT_OR_NULL),
  lease('lease_holder', TEXT_OR_NULL),
  lease('lease_expires_at', INTEGER_OR_NULL),
];

/** The columns that hold a field, with the field. */
const FIELDS = Object.entries(FIELD_COLUMNS) as readonly (readonly [
  keyof Transaction,
  AnyColumn,
])[];

const COLUMNS: readonly AnyColumn[] = [...OTHER_COLUMNS, ...FIELDS.map(([, column]) => column)];

/** The fields that a step may change. */
export const STATE_FIELDS = FIELDS.filter(
  ([, { group }]) => group === 'value' || group === 'instant',
);
const FIELD_OF = new Map(FIELDS.map((each) => [each[1].name, each]));

function namesOf(...groups: readonly Group[]): readonly string[] {
  return COLUMNS.filter(({ group }) => groups.includes(group)).map(({ name }) => name);
}

/** The columns that are replayed. */
export const STATE_COLUMNS = namesOf('value', 'instant');
export const REQUEST_COLUMNS = namesOf('request');
export const CHAIN_COLUMNS = namesOf('identity');
export const LEASE_COLUMNS = namesOf('lease');

/** What a new row says where its opening says nothing. */
export const NEW_ROW: Readonly<Record<string, Binding>> = Object.fromEntries(
  COLUMNS.filter(({ name }) => STATE_COLUMNS.includes(name)).map(({ name, initial }) => [
    name,
    initial,
  ]),
);

export function transactionOf(row: Row): Transaction {
  const fields: Record<string, unknown> = {};
  for (const [field, column] of FIELDS) fields[field] = column.read(row, column.name);
  return fields as unknown as Transaction;
}

/** The transaction with the columns that are given, read as from the database. */
export function transactionWith(before: Transaction, columns: Row): Transaction {
  const fields: Record<string, unknown> = { ...before };
  for (const [field, column] of FIELDS)
    if (column.name in columns) fields[field] = column.read(columns, column.name);
  return fields as unknown as Transaction;
}

/** All state that the row of a transaction holds; `reference_shared` is in none. */
export function stateOf(transaction: Transaction): Readonly<Record<string, Binding>> {
  return Object.fromEntries(
    STATE_FIELDS.map(([field, column]) => [column.name, column.write(transaction[field])]),
  );
}

/** One column of the row; undefined where that is no field of a transaction. */
export function valueOf(transaction: Transaction, name: string): Binding | undefined {
  const found = FIELD_OF.get(name);
  if (found === undefined) return undefined;
  const [field, column] = found;
  return column.write(transaction[field]);
}

export function columnType(name: string): AnyColumn['type'] {
  const column = COLUMNS.find((candidate) => candidate.name === name);
  if (column === undefined) throw new BugError(`transactions has no column ${name}`);
  return column.type;
}

const ASKED = FIELDS.filter(
  ([field, { group }]) => (group === 'request' && field !== 'fingerprint') || field === 'key',
) as readonly (readonly [keyof ChargeRequest, AnyColumn])[];

/** The canonical text of what the caller asked for: stored, and hashed into the first audit entry. */
export function requestText(asked: ChargeRequest): string {
  const fields = ASKED.filter(([field, { isLater }]) => !isLater || isAskedFor(asked[field]));
  return canonicalJson(
    Object.fromEntries(fields.map(([field, { name }]) => [name, asked[field] as Json])),
  );
}

function isAskedFor(asked: ChargeRequest[keyof ChargeRequest]): boolean {
  return asked !== null && asked !== false;
}

/** What the caller asked for, as the row keeps it. */
export function requestColumns(
  asked: ChargeRequest,
  fingerprint: string,
): Readonly<Record<string, Binding>> {
  const columns = ASKED.filter(([field]) => field !== 'key');
  return {
    fingerprint,
    ...Object.fromEntries(
      columns.map(([field, column]) => [column.name, column.write(asked[field])]),
    ),
    sent_params: requestText(asked),
  };
}
