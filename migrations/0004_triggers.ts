/*
 * What no statement may change of a transaction, and what a ledger that was taken to another database
 * refuses. Held against the database by `audit verify`.
 */

/** What the caller asked for is fixed, but for a new attempt after a refused request of which no intent ever existed. */
const REQUEST = [
  'fingerprint',
  'reference',
  'amount',
  'currency',
  'customer',
  'payment_method',
  'method_types',
  'email',
  'description',
  'metadata',
  'on_session',
  'sent_params',
];
const ALWAYS = ['id', 'key', 'created_at'];
const FIXED_MESSAGE = 'the request of a transaction is fixed; nothing was changed';
const MAY_CORRECT = `new.attempt = old.attempt + 1 and old.intents = 0 and old.payment_intent is null
  and old.status = 'failed' and old.failure_kind = 'request'`;

export function requestTriggers(sqlite: boolean): readonly string[] {
  // Column by column, as PostgreSQL gives it back: so what is there can be compared with what was made.
  const other = sqlite ? 'is not' : 'is distinct from';
  const differs = (names: readonly string[]): string =>
    `(${names.map((name) => `new.${name} ${other} old.${name}`).join(' or ')})`;
  const when = `${differs(ALWAYS)} or (${differs(REQUEST)} and not (${MAY_CORRECT}))`;
  const conflict = `old.key_conflict_at is not null and new.key_conflict_at ${other} old.key_conflict_at`;
  if (sqlite) {
    return [
      `create trigger transactions_request_is_fixed before update on transactions when ${when}
         begin select raise(abort, '${FIXED_MESSAGE}'); end`,
      `create trigger transactions_key_conflict_stays before update of key_conflict_at on transactions when ${conflict}
         begin select raise(abort, '${FIXED_MESSAGE}'); end`,
    ];
  }
  const trigger = (name: string, condition: string): string =>
    `create trigger ${name} before update on transactions for each row when (${condition})
       execute function payrecon_request_is_fixed()`;
  return [
    trigger('transactions_request_is_fixed', when),
    trigger('transactions_key_conflict_stays', conflict),
  ];
}

/** Read by storage/sqlite-errors.ts, since a trigger has no other way to say what it refused. */
export const MOVED_MESSAGE = 'this ledger was moved to another database; nothing was changed';

/** Only a SQLite ledger is ever moved. A process that had it open while it was moved is refused by these. */
export function movedTriggers(sqlite: boolean): readonly string[] {
  if (!sqlite) return [];
  const places = [
    ['transactions', 'insert'],
    ['transactions', 'update'],
    ['notifications', 'insert'],
    ['notifications', 'update'],
    ['passes', 'insert'],
  ] as const;
  return places.map(
    ([table, what]) =>
      `create trigger ${table}_no_${what}_when_moved before ${what} on ${table}
         when exists (select 1 from ledger where moved_to is not null)
         begin select raise(abort, '${MOVED_MESSAGE}'); end`,
  );
}
