import { describe, expect, it } from 'vitest';
import type { AuditFinding } from '../../../src/app/ports.ts';
import type { Storage } from '../../../src/storage/open.ts';
import {
  CHAIN_COLUMNS,
  LEASE_COLUMNS,
  REQUEST_COLUMNS,
  STATE_COLUMNS,
} from '../../../src/storage/columns.ts';
import { pastTriggers } from '../../support/reseal.ts';
import {
  actor,
  aRequest,
  aTransition,
  noGuard,
  openOne,
  reconciler,
  recordOne,
  stuck,
  succeeded,
} from '../payments.ts';
import { postgres, targets, type RawConnection, type Target } from '../targets.ts';

/*
 * Every stored byte: one value of one row is changed past payrecon, with the triggers and the checks out
 * of the way, and `audit verify` has to find it.
 */

/** Columns that no write of ours seals, and why a change of them does no harm that could be found. */
const NOT_COVERED: Readonly<Record<string, string>> = {
  'transactions.lease_token':
    'who works on the row right now: taken and given back many times between two entries',
  'transactions.lease_holder': 'as the token',
  'transactions.lease_expires_at':
    'as the token; at the worst a row waits until the lease ends, an hour at most',
  'stripe_budgets.name':
    "what is left of Stripe's limits this second: may be lost at any time without harm",
  'stripe_budgets.next_at_micros': 'as the name',
  'stripe_budgets.slowed_at': 'as the name',
  'stripe_budgets.slowed_to_per_mille': 'as the name',
  'ledger.one': 'always 1: the database itself refuses anything else, as there is one row',
  'payrecon_migrations.id': "knex's own; the names are held against this version at each start",
  'payrecon_migrations.name':
    'another name is a schema that is behind or ahead, refused at the next start',
  'payrecon_migrations.batch': "knex's own",
  'payrecon_migrations.migration_time': "knex's own",
  'payrecon_migrations_lock.index': "knex's own",
  'payrecon_migrations_lock.is_locked': "knex's own; payrecon takes another lock",
};

/** Of a later issue: nothing writes there yet. */
const EMPTY_TABLES = ['attestations'];

/** Some of everything that payrecon writes. */
async function aFullLedger(storage: Storage): Promise<void> {
  const { ledger, identity, passes, outbox } = storage;
  await identity.create('shop');
  await identity.bind({ account: 'acct_1', livemode: false });
  await identity.rememberKey('a'.repeat(64), { account: 'acct_1', livemode: false });
  await identity.markWhole(await identity.witness());
  await identity.markRolledBack({ payment_intent: 'pi_9' });
  const opening = await openOne(
    storage,
    aRequest({ reference: 'r-1', customer: 'cus_1', email: 'ada@example.com' }),
  );
  const created = await recordOne(
    storage,
    opening,
    aTransition({
      action: 'created',
      requestId: 'req_1',
      detail: { asked: 'create', seen: 'ä' },
      changes: {
        step: 'created',
        paymentIntent: 'pi_1',
        stripeStatus: 'requires_confirmation',
        expectedBy: 7_000,
      },
      stamps: { confirmSentAt: 'if_unset', nextAttempt: { inMs: 60_000 } },
    }),
  );
  await recordOne(
    storage,
    { ...opening, transaction: created },
    {
      ...succeeded,
      changes: {
        ...succeeded.changes,
        amountReceived: 4_999,
        currencyReceived: 'usd',
        stripeStatus: 'succeeded',
      },
      notifications: ['customer_succeeded', 'operator_truth_changed'],
    },
  );
  const question = await openOne(storage, aRequest({ reference: 'r-2' }));
  await recordOne(storage, question, {
    ...stuck,
    stamps: { ...stuck.stamps, keyConflictAt: 'if_unset', absentSince: 'if_unset' },
  });
  const refused = await openOne(storage, aRequest());
  const failed = await recordOne(
    storage,
    refused,
    aTransition({
      action: 'settled',
      release: true,
      changes: {
        status: 'failed',
        step: 'settled',
        failureKind: 'request',
        failureCode: 'c',
        failureMessage: 'm',
      },
      stamps: { settledAt: 'now', nextAttempt: 'never', cancelSentAt: 'if_unset' },
    }),
  );
  const { key, paymentMethod, email, description, metadata } = failed;
  const corrected = aRequest({ key, paymentMethod, email, description, metadata, amount: 1 });
  await ledger.reopen(
    failed,
    { request: corrected, fingerprint: 'e'.repeat(64), guard: noGuard },
    actor,
  );
  const { id } = await passes.begin(reconciler);
  const none = { succeeded: 0, failed: 0, canceled: 0 };
  await passes.finish(id, {
    due: 1,
    settled: none,
    pending: 1,
    stuck: 0,
    notSent: 2,
    stripeCalls: { list: 1, retrieve: 1, other: 0 },
    outage: false,
    stoppedBy: 'limit',
    durationMs: 7,
  });
  await passes.begin(reconciler);
  await passes.openOutage({ n: 1 });
  await passes.tellCause('operator_request_refused', 'a cause', { n: 2 });
  const claimed = await outbox.claim(3, actor);
  await outbox.end([{ claimed: claimed[0]!, end: { kind: 'sent', messageId: 'message-1' } }]);
  await outbox.end([{ claimed: claimed[1]!, end: { kind: 'failed', error: 'no such address' } }]);
  await outbox.requeue(claimed[0]!.notification.id);
  await outbox.requeue(claimed[0]!.notification.id);
}

interface Column {
  readonly table: string;
  readonly column: string;
  readonly isText: boolean;
}

async function columnsOf(target: Target, raw: RawConnection): Promise<readonly Column[]> {
  const rows = await raw.rows(
    target.name === 'sqlite'
      ? `select t.name as "table", c.name as "column", lower(c.type) as type from sqlite_schema t, pragma_table_info(t.name) c
          where t.type = 'table' and t.name not like 'sqlite_%' order by 1, c.cid`
      : `select table_name as "table", column_name as "column", data_type as type from information_schema.columns
          where table_schema = 'public' order by 1, ordinal_position`,
  );
  return rows.map(({ table, column, type }) => ({
    table: String(table),
    column: String(column),
    isText: String(type) === 'text',
  }));
}

/** Whoever can change a row can also take the checks away. */
async function withoutChecks(target: Target, raw: RawConnection): Promise<void> {
  if (target.name === 'sqlite') {
    await raw.run('pragma foreign_keys = off; pragma ignore_check_constraints = on');
    return;
  }
  const found =
    await raw.rows(`select conrelid::regclass::text as "table", conname as name from pg_constraint
    where contype in ('c', 'f') and connamespace = 'public'::regnamespace`);
  await raw.run(
    found
      .map(({ table, name }) => `alter table ${String(table)} drop constraint ${String(name)}`)
      .join(';\n'),
  );
}

/** Some other values: a letter, a space at the end, another number, something where there was nothing. */
function otherValues({ isText }: Column, value: unknown): readonly string[] {
  if (value === null) return [isText ? `'x'` : '1'];
  if (!isText) return [String(Number(value) + 100)];
  const text = shownAsText(value);
  const middle = Math.floor(text.length / 2);
  const letter = text[middle] === 'a' ? 'b' : 'a';
  const changed = [`${text.slice(0, middle)}${letter}${text.slice(middle + 1)}`, `${text} `].filter(
    (other) => other !== text,
  );
  return changed.map((other) => `'${other.replaceAll("'", "''")}'`);
}

function literal(value: unknown): string {
  if (value === null) return 'null';
  return typeof value === 'number'
    ? String(value)
    : `'${shownAsText(value).replaceAll("'", "''")}'`;
}

/** Text columns hold nothing else. */
function shownAsText(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError(`not a text: ${JSON.stringify(value)}`);
  return value;
}

/** Rows by their whole content, which is what the statement that changes one names them by. */
function matching(row: Record<string, unknown>): string {
  return Object.entries(row)
    .map(([column, value]) =>
      value === null ? `"${column}" is null` : `"${column}" = ${literal(value)}`,
    )
    .join(' and ');
}

const ROWS_A_COLUMN = 3;

describe.each(targets)('what was changed past payrecon, on $name,', (target) => {
  it('is found, whatever column of whatever table it is', { timeout: 240_000 }, async () => {
    const database = await target.fresh();
    const storage = await database.open();
    await aFullLedger(storage);
    expect((await storage.history.verifyAudit(null)).firstBad).toBeNull();
    const raw = await database.raw();
    await withoutChecks(target, raw);
    const missed: string[] = [];
    const refused: string[] = [];
    let tried = 0;
    for (const column of await columnsOf(target, raw)) {
      const name = `${column.table}.${column.column}`;
      if (name in NOT_COVERED || EMPTY_TABLES.includes(column.table)) continue;
      const rows = await raw.rows(`select * from ${column.table}`);
      expect({ table: column.table, rows: rows.length > 0 }).toEqual({
        table: column.table,
        rows: true,
      });
      // Some that hold a value, and one that holds none.
      const holding = rows.filter((row) => row[column.column] !== null).slice(-ROWS_A_COLUMN);
      const empty = rows.filter((row) => row[column.column] === null).slice(0, 1);
      for (const row of [...holding, ...empty]) {
        for (const value of otherValues(column, row[column.column])) {
          const set = (to: string): string =>
            `update ${column.table} set "${column.column}" = ${to}`;
          try {
            await pastTriggers(raw, target.name, [`${set(value)} where ${matching(row)}`]);
          } catch (error) {
            // An index that lets a value be there once. Nothing was changed.
            await raw.run('rollback');
            refused.push(`${name}: ${String(error)}`);
            continue;
          }
          tried += 1;
          const { firstBad } = await storage.history.verifyAudit(null);
          if (firstBad === null)
            missed.push(`${name} = ${value} instead of ${literal(row[column.column])}`);
          const { [column.column]: _changed, ...rest } = row;
          await pastTriggers(raw, target.name, [
            `${set(literal(row[column.column]))} where ${matching(rest)} and "${column.column}" = ${value}`,
          ]);
        }
      }
    }
    expect(missed).toEqual([]);
    expect(refused).toEqual([]);
    expect(tried).toBeGreaterThan(250);
    expect((await storage.history.verifyAudit(null)).firstBad).toBeNull();
  });

  it('knows every column of a transaction as one that is replayed, sealed with the request, chained or a lease', async () => {
    const database = await target.fresh();
    await database.open();
    const columns = (await columnsOf(target, await database.raw()))
      .filter(({ table }) => table === 'transactions')
      .map(({ column }) => column);
    const known = [...STATE_COLUMNS, ...REQUEST_COLUMNS, ...CHAIN_COLUMNS, ...LEASE_COLUMNS];
    expect([...columns].sort()).toEqual([...known].sort());
  });

  it('leaves no column out that the list does not justify', async () => {
    const database = await target.fresh();
    await database.open();
    const names = (await columnsOf(target, await database.raw())).map(
      ({ table, column }) => `${table}.${column}`,
    );
    expect(Object.keys(NOT_COVERED).filter((name) => !names.includes(name))).toEqual([]);
  });
});

interface Theft {
  readonly what: string;
  readonly statements: (raw: RawConnection) => Promise<readonly string[]>;
  readonly table: string;
}

const first = async (raw: RawConnection, sql: string): Promise<string> =>
  String(Object.values((await raw.rows(sql))[0] ?? {})[0]);

const PAID = `select id from transactions where status = 'succeeded'`;

async function wholePayment(raw: RawConnection): Promise<readonly string[]> {
  const id = await first(raw, PAID);
  return ['notifications', 'audit_events']
    .map((table) => `delete from ${table} where transaction_id = '${id}'`)
    .concat(`delete from transactions where id = '${id}'`);
}

const THEFTS: readonly Theft[] = [
  {
    what: 'a whole payment with its chain and its e-mails',
    table: 'transactions',
    statements: wholePayment,
  },
  {
    what: 'the same, with the counts made to fit',
    table: 'ledger_counts',
    statements: async (raw) => {
      const id = await first(raw, PAID);
      const count = async (table: string): Promise<string> =>
        await first(raw, `select count(*) from ${table} where transaction_id = '${id}'`);
      const less = `transactions = transactions - 1, entries = entries - ${await count('audit_events')}, notifications = notifications - ${await count('notifications')}`;
      return [...(await wholePayment(raw)), `update ledger_counts set ${less} where shard = 0`];
    },
  },
  {
    what: 'the end of a chain, with the row set back to where it was',
    table: 'audit_events',
    statements: async (raw) => {
      const id = await first(raw, PAID);
      const hash = await first(
        raw,
        `select hash from audit_events where transaction_id = '${id}' and seq = 2`,
      );
      const [row] = await raw.rows(
        `select at, created_at, amount_received from audit_events, transactions where seq = 2 and transactions.id = transaction_id and id = '${id}'`,
      );
      return [
        `delete from notifications where transaction_id = '${id}'`,
        `delete from audit_events where transaction_id = '${id}' and seq = 3`,
        `update transactions set version = 2, audit_hash = '${hash}', status = 'pending', step = 'created', settled_at = null, amount_received = null,
          currency_received = null, stripe_status = 'requires_confirmation', updated_at = ${String(row?.['at'])}, next_attempt_at = ${String(Number(row?.['at']) + 60_000)}
          where id = '${id}'`,
      ];
    },
  },
  {
    what: 'an e-mail',
    table: 'notifications',
    statements: () => Promise.resolve([`delete from notifications where kind = 'operator_stuck'`]),
  },
  {
    what: 'the last resend',
    table: 'notifications',
    statements: () => Promise.resolve(['delete from notifications where resend = 2']),
  },
  {
    what: 'a resend between two',
    table: 'notifications',
    statements: () => Promise.resolve(['delete from notifications where resend = 1']),
  },
  {
    what: 'a pass',
    table: 'passes',
    statements: () => Promise.resolve(['delete from passes where finished_at is null']),
  },
  {
    what: "an outage's e-mail",
    table: 'outages',
    statements: () => Promise.resolve([`delete from notifications where kind = 'operator_outage'`]),
  },
  {
    what: 'an outage with its e-mail',
    table: 'notifications',
    statements: () =>
      Promise.resolve([
        `delete from notifications where kind = 'operator_outage'`,
        'delete from outages where closed_at is null',
      ]),
  },
  {
    what: 'who the ledger is',
    table: 'ledger',
    statements: () => Promise.resolve(['delete from ledger']),
  },
  {
    what: 'which account a key belongs to',
    table: 'stripe_keys',
    statements: () => Promise.resolve(['delete from stripe_keys']),
  },
  {
    what: 'a part of the counts',
    table: 'ledger_counts',
    statements: () => Promise.resolve(['delete from ledger_counts where shard = 7']),
  },
];

describe.each(targets)('what was taken away or added past payrecon, on $name,', (target) => {
  it.each(THEFTS)('is found: $what', async ({ table, statements }) => {
    const database = await target.fresh();
    const storage = await database.open();
    await aFullLedger(storage);
    const raw = await database.raw();
    if (target.name === 'sqlite') await raw.run('pragma foreign_keys = off');
    await pastTriggers(raw, target.name, await statements(raw));
    const { firstBad } = await storage.history.verifyAudit(null);
    expect(firstBad).toMatchObject({ table });
  });

  it('is found: a pass, an e-mail and a payment that payrecon never wrote', async () => {
    const database = await target.fresh();
    const storage = await database.open();
    await aFullLedger(storage);
    const raw = await database.raw();
    const copied = async (
      table: string,
      changes: Readonly<Record<string, string>>,
    ): Promise<AuditFinding | null> => {
      const names = (await columnsOf(target, raw))
        .filter((column) => column.table === table)
        .map(({ column }) => `"${column}"`);
      const values = names.map((name) => changes[name.slice(1, -1)] ?? name);
      await raw.run(
        `insert into ${table} (${names.join(', ')}) select ${values.join(', ')} from ${table} limit 1`,
      );
      const { firstBad } = await storage.history.verifyAudit(null);
      await pastTriggers(raw, target.name, [
        `delete from ${table} where id = ${changes['id'] ?? ''}`,
      ]);
      return firstBad;
    };
    expect(await copied('passes', { id: `'pass_x'` })).toMatchObject({ table: 'passes' });
    expect(
      await copied('notifications', { id: `'ntf_x'`, kind: `'customer_failed'`, resend: '0' }),
    ).toMatchObject({ table: 'notifications', id: 'ntf_x' });
    expect(
      await copied('transactions', {
        id: `'txn_x'`,
        key: `'x'`,
        payment_intent: 'null',
        reference: 'null',
      }),
    ).toMatchObject({ table: 'transactions', id: 'txn_x' });
    expect((await storage.history.verifyAudit(null)).firstBad).toBeNull();
  });

  it('is found: a trigger that is gone, another one, and one more', async () => {
    const database = await target.fresh();
    const storage = await database.open();
    const raw = await database.raw();
    const on = (table: string): string => (target.name === 'postgres' ? ` on ${table}` : '');
    const found = async (): Promise<unknown> => (await storage.history.verifyAudit(null)).firstBad;
    expect(await found()).toBeNull();
    const name = target.name === 'postgres' ? 'audit_events_no_change' : 'audit_events_no_update';
    await raw.run(`drop trigger ${name}${on('audit_events')}`);
    expect(await found()).toMatchObject({
      table: 'triggers',
      id: name,
      problem: expect.stringContaining('gone') as string,
    });
    await raw.run(
      target.name === 'postgres'
        ? `create trigger ${name} before update on audit_events for each row execute function payrecon_append_only()`
        : `create trigger ${name} before update on audit_events when new.seq = 0 begin select raise(abort, 'no'); end`,
    );
    expect(await found()).toMatchObject({
      table: 'triggers',
      id: name,
      problem: expect.stringContaining('another one') as string,
    });
    await raw.run(`drop trigger ${name}${on('audit_events')}`);
    await raw.run(
      target.name === 'postgres'
        ? `create trigger ${name} before update or delete on audit_events for each row execute function payrecon_append_only()`
        : `create trigger ${name} before update on audit_events begin select raise(abort, 'the ledger is append-only; nothing was changed'); end`,
    );
    expect(await found()).toBeNull();
    await raw.run(
      target.name === 'postgres'
        ? 'create trigger helper before insert on passes for each row execute function payrecon_append_only()'
        : 'create trigger helper before insert on passes begin select 1; end',
    );
    expect(await found()).toMatchObject({ table: 'triggers', id: 'helper' });
  });
});

describe('a change of a trigger that only PostgreSQL has', () => {
  it('is found: a trigger that does not fire, and a function that does nothing', async () => {
    const database = await postgres.fresh();
    const storage = await database.open();
    const raw = await database.raw();
    const found = async (): Promise<unknown> => (await storage.history.verifyAudit(null)).firstBad;
    await raw.run('alter table transactions disable trigger transactions_no_delete');
    expect(await found()).toMatchObject({ table: 'triggers', id: 'transactions_no_delete' });
    await raw.run('alter table transactions enable trigger transactions_no_delete');
    expect(await found()).toBeNull();
    await raw.run(
      'create or replace function payrecon_append_only() returns trigger language plpgsql as $$ begin return new; end $$',
    );
    expect(await found()).toMatchObject({ table: 'triggers', id: 'function payrecon_append_only' });
  });
});
