import type { Knex } from 'knex';
import { ledgerTriggers } from './0001_triggers.ts';
import { LedgerInUse } from './ledger-in-use.ts';

/*
 * One text for both databases; only the names of two types differ. Instants are integer milliseconds
 * since 1970 in UTC, JSON is text (what is hashed must come back byte for byte), flags are 0 or 1.
 * On SQLite the tables are STRICT, so a value of the wrong type is refused there as PostgreSQL does.
 */

interface Words {
  readonly big: string;
  /** Identifiers compare by bytes, whatever the locale of the database. */
  readonly id: string;
  readonly strict: string;
  readonly clustered: string;
}

const SQLITE: Words = {
  big: 'integer',
  id: 'text',
  strict: 'strict',
  clustered: 'strict, without rowid',
};
const POSTGRES: Words = { big: 'bigint', id: 'text collate "C"', strict: '', clustered: '' };

const FINAL = `('succeeded', 'failed', 'canceled')`;

function transactions({ big, id, strict }: Words): string {
  return `create table transactions (
    id ${id} primary key,
    key text not null constraint transactions_key_unique unique,
    fingerprint text not null,
    reference text,
    reference_shared integer not null default 0,
    amount ${big} not null,
    currency text not null,
    customer text,
    payment_method text not null,
    method_types text not null,
    email text,
    description text,
    metadata text not null,
    sent_params text not null,
    status text not null,
    step text not null,
    payment_intent text,
    stripe_status text,
    failure_code text,
    failure_message text,
    create_sent_at ${big},
    confirm_sent_at ${big},
    cancel_sent_at ${big},
    attempts integer not null default 0,
    lookups integer not null default 0,
    absent_since ${big},
    expected_by ${big},
    next_attempt_at ${big},
    review text,
    version integer not null,
    audit_hash text not null,
    lease_token text,
    lease_holder text,
    lease_expires_at ${big},
    created_at ${big} not null,
    updated_at ${big} not null,
    settled_at ${big},
    constraint transactions_key_length check (length(key) between 1 and 255),
    constraint transactions_amount_positive check (amount > 0),
    constraint transactions_currency_form check (length(currency) = 3 and currency = lower(currency)),
    constraint transactions_status_known check (status in ('pending', 'succeeded', 'failed', 'canceled', 'stuck')),
    constraint transactions_step_known
      check (step in ('recorded', 'create_sent', 'created', 'confirm_sent', 'cancel_sent', 'settled')),
    constraint transactions_settled_when_final check ((status in ${FINAL}) = (settled_at is not null)),
    -- Before money can move, the id of the payment intent is here.
    constraint transactions_intent_before_confirm
      check (payment_intent is not null or step not in ('created', 'confirm_sent', 'cancel_sent')),
    constraint transactions_lease_whole check ((lease_token is null) = (lease_expires_at is null)),
    constraint transactions_counts check (attempts >= 0 and lookups >= 0 and version >= 1),
    constraint transactions_flag check (reference_shared in (0, 1))
  ) ${strict}`;
}

function auditEvents({ big, id, clustered }: Words): string {
  return `create table audit_events (
    transaction_id ${id} not null references transactions (id),
    seq integer not null,
    at ${big} not null,
    actor text not null,
    action text not null,
    from_status text,
    from_step text,
    to_status text not null,
    to_step text not null,
    detail text not null,
    request_id text,
    hash text not null,
    primary key (transaction_id, seq),
    constraint audit_events_seq_positive check (seq >= 1),
    constraint audit_events_from_whole check ((from_status is null) = (from_step is null))
  ) ${clustered}`;
}

function notifications({ big, id, strict }: Words): string {
  return `create table notifications (
    id ${id} primary key,
    transaction_id ${id} references transactions (id),
    outage_id ${id} references outages (id),
    kind text not null,
    version integer not null,
    resend integer not null default 0,
    recipient text,
    state text not null,
    attempts integer not null default 0,
    created_at ${big} not null,
    next_attempt_at ${big},
    sent_at ${big},
    message_id text,
    last_error text,
    data text not null,
    claim_token text,
    constraint notifications_once unique (transaction_id, kind, version, resend),
    constraint notifications_once_an_outage unique (outage_id, kind, resend),
    constraint notifications_one_subject check ((transaction_id is null) <> (outage_id is null)),
    constraint notifications_state_known check (state in ('queued', 'sending', 'sent', 'failed')),
    constraint notifications_due_while_open check ((state in ('queued', 'sending')) = (next_attempt_at is not null)),
    constraint notifications_claimed_while_sending check ((state = 'sending') = (claim_token is not null)),
    constraint notifications_sent_when check ((state = 'sent') = (sent_at is not null)),
    constraint notifications_counts check (attempts >= 0 and resend >= 0)
  ) ${strict}`;
}

function outages({ big, id, strict }: Words): string {
  return `create table outages (
    id ${id} primary key,
    opened_at ${big} not null,
    closed_at ${big},
    evidence text not null
  ) ${strict}`;
}

function passes({ big, id, strict }: Words): string {
  return `create table passes (
    id ${id} primary key,
    host text not null,
    started_at ${big} not null,
    finished_at ${big},
    due integer not null default 0,
    succeeded integer not null default 0,
    failed integer not null default 0,
    canceled integer not null default 0,
    pending integer not null default 0,
    stuck integer not null default 0,
    calls_list integer not null default 0,
    calls_retrieve integer not null default 0,
    calls_other integer not null default 0,
    outage integer not null default 0,
    duration_ms ${big} not null default 0,
    constraint passes_flag check (outage in (0, 1))
  ) ${strict}`;
}

function attestations({ big, id, strict }: Words): string {
  return `create table attestations (
    id ${id} primary key,
    from_at ${big} not null,
    to_at ${big} not null,
    report text not null,
    hash text not null,
    created_at ${big} not null
  ) ${strict}`;
}

/** Partial wherever only open rows are asked for, so that the work does not grow with the history. */
const INDEXES = [
  // One order is charged once, even under different keys. A row whose truth arrives late while another
  // holds the reference is kept (money is never left unrecorded) and marked as sharing it.
  `create unique index transactions_reference_held on transactions (reference)
     where status in ('pending', 'succeeded', 'stuck') and reference_shared = 0`,
  `create unique index transactions_payment_intent on transactions (payment_intent) where payment_intent is not null`,
  `create index transactions_due on transactions (next_attempt_at, id) where next_attempt_at is not null`,
  `create index transactions_expected on transactions (expected_by) where status = 'pending' and expected_by is not null`,
  // Paging, newest first, for each filter.
  `create index transactions_created on transactions (created_at, id)`,
  `create index transactions_status on transactions (status, created_at, id)`,
  `create index transactions_customer on transactions (customer, created_at, id) where customer is not null`,
  `create index transactions_reference on transactions (reference, created_at, id) where reference is not null`,
  // With the one on customer, what the duplicate guard asks.
  `create index transactions_email on transactions (lower(email), created_at) where email is not null`,
  `create index transactions_payment_method on transactions (payment_method, created_at)`,
  `create index notifications_due on notifications (next_attempt_at, id) where next_attempt_at is not null`,
  `create index notifications_state on notifications (state, created_at, id)`,
  `create unique index outages_one_open on outages ((closed_at is null)) where closed_at is null`,
];

const TABLES = [transactions, auditEvents, outages, notifications, passes, attestations];
const NAMES = [
  'attestations',
  'passes',
  'notifications',
  'outages',
  'audit_events',
  'transactions',
];

function isSqlite(knex: Knex): boolean {
  return (knex.client as Knex.Client).driverName.includes('sqlite');
}

export async function up(knex: Knex): Promise<void> {
  const sqlite = isSqlite(knex);
  for (const table of TABLES) await knex.raw(table(sqlite ? SQLITE : POSTGRES));
  for (const index of INDEXES) await knex.raw(index);
  for (const trigger of ledgerTriggers(sqlite)) await knex.raw(trigger);
}

/** Takes the whole ledger away, so it refuses while there is anything in it. */
export async function down(knex: Knex): Promise<void> {
  const kept: unknown = await knex('transactions').first('id');
  if (kept !== undefined) throw new LedgerInUse();
  for (const name of NAMES) await knex.raw(`drop table ${name}`);
  if (!isSqlite(knex)) {
    await knex.raw('drop function payrecon_append_only()');
    await knex.raw('drop function payrecon_request_is_fixed()');
  }
}
