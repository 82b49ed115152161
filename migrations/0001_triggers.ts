/*
 * What no statement may do, whoever sends it. SQLite needs recursive_triggers=ON (set on every
 * connection), or INSERT OR REPLACE deletes rows without asking these triggers.
 */

/** What the caller asked for is fixed for the life of the transaction. */
const FIXED = [
  'id',
  'key',
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
  'sent_params',
  'created_at',
];

const FIXED_MESSAGE = 'the request of a transaction is fixed; nothing was changed';
const APPEND_ONLY_MESSAGE = 'the ledger is append-only; nothing was changed';

function sqliteTriggers(): string[] {
  const refuse = (name: string, when: string): string =>
    `create trigger ${name} before ${when} begin select raise(abort, '${APPEND_ONLY_MESSAGE}'); end`;
  return [
    refuse('audit_events_no_update', 'update on audit_events'),
    refuse('audit_events_no_delete', 'delete on audit_events'),
    refuse('transactions_no_delete', 'delete on transactions'),
    `create trigger transactions_request_is_fixed before update of ${FIXED.join(', ')} on transactions
       when ${FIXED.map((column) => `new.${column} is not old.${column}`).join(' or ')}
     begin select raise(abort, '${FIXED_MESSAGE}'); end`,
  ];
}

function postgresTriggers(): string[] {
  const refuse = (name: string, when: string, each: 'row' | 'statement'): string =>
    `create trigger ${name} before ${when} for each ${each} execute function payrecon_append_only()`;
  return [
    `create function payrecon_append_only() returns trigger language plpgsql as
       $$ begin raise exception '${APPEND_ONLY_MESSAGE}'; end $$`,
    `create function payrecon_request_is_fixed() returns trigger language plpgsql as
       $$ begin raise exception '${FIXED_MESSAGE}'; end $$`,
    refuse('audit_events_no_change', 'update or delete on audit_events', 'row'),
    refuse('audit_events_no_truncate', 'truncate on audit_events', 'statement'),
    refuse('transactions_no_delete', 'delete on transactions', 'row'),
    refuse('transactions_no_truncate', 'truncate on transactions', 'statement'),
    `create trigger transactions_request_is_fixed before update on transactions for each row
       when ((${FIXED.map((column) => `new.${column}`).join(', ')})
         is distinct from (${FIXED.map((column) => `old.${column}`).join(', ')}))
       execute function payrecon_request_is_fixed()`,
  ];
}

export function ledgerTriggers(sqlite: boolean): string[] {
  return sqlite ? sqliteTriggers() : postgresTriggers();
}
