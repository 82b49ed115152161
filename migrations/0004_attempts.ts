import type { Knex } from 'knex';
import { sealCounts, sealRows } from './0004_seals.ts';
import { movedTriggers, requestTriggers } from './0004_triggers.ts';

/*
 * Whose ledger it is, the attempts of a payment, what was received, and audit entries that cover the
 * whole row. Rows that exist keep sending what they sent: `params_version` 1, and a confirm that went
 * out without a session is repeated without one.
 */

interface Words {
  readonly big: string;
  readonly id: string;
  readonly strict: string;
  readonly hot: string;
}

const SQLITE: Words = {
  big: 'integer',
  id: 'text',
  strict: ' strict',
  hot: ' strict, without rowid',
};
const POSTGRES: Words = {
  big: 'bigint',
  id: 'text collate "C"',
  strict: '',
  hot: ' with (fillfactor = 50)',
};

/** Writers of different processes are to meet on one row seldom; each write touches one of these. */
export const COUNT_SHARDS = 16;

function isSqlite(knex: Knex): boolean {
  return (knex.client as Knex.Client).driverName.includes('sqlite');
}

function columns({ big }: Words): readonly string[] {
  return [
    'on_session integer not null default 0 check (on_session in (0, 1))',
    'attempt integer not null default 1 check (attempt >= 1)',
    'intents integer not null default 0 check (intents >= 0)',
    'absent_attempts integer not null default 0 check (absent_attempts >= 0)',
    'params_version integer not null default 1 check (params_version >= 1)',
    `session text check (session in ('off_session', 'on_session'))`,
    `amount_received ${big} check (amount_received >= 0)`,
    'currency_received text',
    `failure_kind text check (failure_kind in ('declined', 'authentication', 'request'))`,
    `canceled_by text check (canceled_by in ('fence', 'person', 'stripe'))`,
    `key_conflict_at ${big}`,
  ];
}

function tables({ big, id, strict, hot }: Words): readonly string[] {
  return [
    // One row: who this ledger is. Account and mode are null until it is bound at its first use.
    `create table ledger (
      one integer not null primary key check (one = 1),
      id ${id} not null,
      account text,
      livemode integer check (livemode in (0, 1)),
      namespace text not null,
      created_at ${big} not null,
      bound_at ${big},
      moved_to text,
      moved_at ${big},
      rolled_back_at ${big},
      rolled_back_evidence text,
      whole_checked_at ${big},
      whole_witness text,
      seal text
    )${strict}`,
    // Which account a secret key belongs to, by the key's hash; account is null where the key may not read it.
    `create table stripe_keys (
      key_hash ${id} primary key,
      account text,
      livemode integer not null check (livemode in (0, 1)),
      seen_at ${big} not null,
      seal text
    )${strict}`,
    // How much there is, counted by the writes themselves: what was removed behind their backs is missed.
    `create table ledger_counts (
      shard integer primary key,
      transactions ${big} not null default 0,
      entries ${big} not null default 0,
      notifications ${big} not null default 0,
      passes ${big} not null default 0,
      outages ${big} not null default 0,
      ledgers ${big} not null default 0,
      keys ${big} not null default 0,
      seal text
    )${hot}`,
  ];
}

async function dropRequestTrigger(knex: Knex): Promise<void> {
  await knex.raw(
    `drop trigger transactions_request_is_fixed${isSqlite(knex) ? '' : ' on transactions'}`,
  );
}

export async function up(knex: Knex): Promise<void> {
  const sqlite = isSqlite(knex);
  const words = sqlite ? SQLITE : POSTGRES;
  for (const column of columns(words))
    await knex.raw(`alter table transactions add column ${column}`);
  await knex.raw('alter table audit_events add column changes text');
  for (const table of ['notifications', 'passes', 'outages'])
    await knex.raw(`alter table ${table} add column seal text`);
  await knex.raw('alter table passes add column not_sent integer not null default 0');
  await knex.raw('alter table passes add column stopped_by text');
  for (const table of tables(words)) await knex.raw(table);
  await knex.raw(
    `create index transactions_not_sent on transactions (created_at) where status = 'pending' and step = 'recorded'`,
  );
  await knex.raw(
    'create index transactions_attempted_again on transactions (create_sent_at) where attempt > 1',
  );
  // A confirm belongs to its idempotency key with all its parameters: what went out without a session stays so.
  await knex.raw(`update transactions set session = 'off_session' where confirm_sent_at is null`);
  // What succeeded as it was asked for was received so; an accepted difference stands in its review, for the reader.
  await knex.raw(`update transactions set amount_received = amount, currency_received = currency
    where status = 'succeeded' and (review is null or review not like '%"resolution":{%')`);
  await knex.raw(`update transactions set failure_kind = case
      when payment_intent is null then 'request'
      when failure_code = 'authentication_required' or failure_code = 'payment_intent_authentication_failure' then 'authentication'
      else 'declined' end
    where status = 'failed' and (review is null or review not like '%"resolution":{%')`);
  await knex.raw(
    `update transactions set key_conflict_at = updated_at where review like '%"reason":"key_used_elsewhere"%'`,
  );
  for (let shard = 0; shard < COUNT_SHARDS; shard += 1) {
    await knex.raw('insert into ledger_counts (shard) values (?)', [shard]);
  }
  await knex.raw(`update ledger_counts set transactions = (select count(*) from transactions),
    entries = (select count(*) from audit_events), notifications = (select count(*) from notifications),
    passes = (select count(*) from passes), outages = (select count(*) from outages) where shard = 0`);
  await sealCounts(knex);
  for (const table of ['notifications', 'passes', 'outages'] as const) await sealRows(knex, table);
  await dropRequestTrigger(knex);
  for (const trigger of [...requestTriggers(sqlite), ...movedTriggers(sqlite)])
    await knex.raw(trigger);
}

/** Refused where an older version would send, show or settle something else than this one has recorded. */
export async function down(knex: Knex): Promise<void> {
  const { LedgerInUse } = await import('./ledger-in-use.ts');
  const kept: unknown = await knex('transactions').first('id');
  if (kept !== undefined) throw new LedgerInUse();
  const sqlite = isSqlite(knex);
  await knex.raw(`drop trigger transactions_key_conflict_stays${sqlite ? '' : ' on transactions'}`);
  for (const trigger of movedTriggers(sqlite))
    await knex.raw(`drop trigger ${trigger.split(' ')[2] ?? ''}`);
  await dropRequestTrigger(knex);
  for (const table of ['ledger_counts', 'stripe_keys', 'ledger'])
    await knex.raw(`drop table ${table}`);
  for (const index of ['transactions_attempted_again', 'transactions_not_sent'])
    await knex.raw(`drop index ${index}`);
  for (const table of ['notifications', 'passes', 'outages'])
    await knex.raw(`alter table ${table} drop column seal`);
  for (const column of ['stopped_by', 'not_sent'])
    await knex.raw(`alter table passes drop column ${column}`);
  await knex.raw('alter table audit_events drop column changes');
  const names = columns(sqlite ? SQLITE : POSTGRES).map((column) => column.split(' ', 1)[0] ?? '');
  for (const name of [...names].reverse())
    await knex.raw(`alter table transactions drop column ${name}`);
  const { ledgerTriggers } = await import('./0001_triggers.ts');
  for (const trigger of ledgerTriggers(sqlite).filter((text) =>
    text.includes('trigger transactions_request_is_fixed'),
  )) {
    await knex.raw(trigger);
  }
}
