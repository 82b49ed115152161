import { describe, expect, it, onTestFinished } from 'vitest';
import { rowsOf } from '../../../src/storage/database.ts';
import { openStorage } from '../../../src/storage/open.ts';
import { openPostgres } from '../../../src/storage/postgres/open.ts';
import { migrateUp } from '../../../src/storage/schema.ts';
import { errorOf, everythingIn } from '../errors-of.ts';
import {
  actor,
  aRequest,
  aTransition,
  guard,
  noGuard,
  openOne,
  opened,
  reconciler,
  recordOne,
  succeeded,
} from '../payments.ts';
import { postgresProxy } from '../postgres-proxy.ts';
import { chance, clock, postgres } from '../targets.ts';

const withPassword = (
  url: string,
  changes: Partial<Pick<URL, 'port' | 'pathname' | 'username'>>,
): string => {
  const changed = new URL(url);
  changed.password = 'hunter2secret';
  return Object.assign(changed, changes).href;
};

describe('a ledger in PostgreSQL', () => {
  it('says who it is and where', async () => {
    const database = await postgres.fresh();
    const storage = await database.open();
    const url = new URL(database.url);
    expect(storage.describe()).toBe(
      `PostgreSQL database ${url.pathname.slice(1)} on ${url.host} as postgres`,
    );
    const [row] = await (
      await database.raw()
    ).rows(
      `select count(*)::int as n from pg_stat_activity where application_name = 'payrecon' and datname = current_database()`,
    );
    expect(row?.['n']).toBeGreaterThan(0);
  });

  it.each<[string, Partial<Pick<URL, 'port' | 'pathname' | 'username'>>, string, string]>([
    ['a port that nobody listens on', { port: '1' }, 'unreachable', 'database_unreachable'],
    [
      'a database that does not exist',
      { pathname: '/nothing_here' },
      'configuration',
      'database_missing',
    ],
    ['a user who does not exist', { username: 'nobody_here' }, 'configuration', 'database_sign_in'],
  ])('says what is wrong with %s, without the password', async (_name, changes, kind, code) => {
    const { url } = await postgres.fresh();
    const error = await errorOf(
      openStorage({ url: withPassword(url, changes), clock, chance, mayCreate: true }),
    );
    expect(error).toMatchObject({ kind, code });
    expect(everythingIn(error)).not.toContain('hunter2secret');
  });

  it('refuses an address that is none, without repeating it', async () => {
    const error = await errorOf(
      openStorage({ url: 'postgres://u:hunter2secret@ho st:x/db', clock, chance, mayCreate: true }),
    );
    expect(error).toMatchObject({ kind: 'configuration', code: 'database_url' });
    expect(everythingIn(error)).not.toContain('hunter2secret');
  });

  it('refuses to write where it may only read', async () => {
    const database = await postgres.fresh();
    const storage = await database.open();
    await (
      await database.raw()
    ).run(
      `do $$ begin execute format('alter database %I set default_transaction_read_only = on', current_database()); end $$`,
    );
    const again = await database.open({ autoMigrate: false });
    expect(await errorOf(again.ledger.open(aRequest(), 'f', noGuard, actor))).toMatchObject({
      kind: 'configuration',
      code: 'database_read_only',
    });
    expect(await storage.history.openCounts()).toMatchObject({ pending: 0 });
  });

  it('keeps the data of payments out of unexpected errors', async () => {
    const database = await postgres.fresh();
    const storage = await database.open();
    const first = await openOne(storage, aRequest({ email: 'secret-person@example.com' }));
    const created = aTransition({
      changes: { step: 'created', paymentIntent: 'pi_1' },
      detail: { note: 'secret-detail' },
    });
    await recordOne(storage, first, created);
    const second = await openOne(storage, aRequest({ email: 'secret-person@example.com' }));
    const error: unknown = await storage.ledger
      .record(second.transaction, second.lease, created, actor)
      .catch((reason: unknown) => reason);
    expect(everythingIn(error as Error)).not.toMatch(/secret-person|secret-detail/);
  });

  it('works through a pooler that lends a server connection for one transaction', async () => {
    const database = await postgres.fresh();
    const proxy = await postgresProxy(database.url, { pooler: true });
    const storage = await postgres.openUrl(proxy.url);
    const opening = opened(
      await storage.ledger.open(aRequest({ reference: 'r' }), 'f', guard, actor),
    );
    await recordOne(storage, opening, { ...succeeded, notifications: ['customer_succeeded'] });
    await storage.outbox.claim(1, actor);
    expect(proxy.names).toEqual([]);
    const begins = proxy.statements.filter((sql) => /^BEGIN/i.test(sql));
    expect(begins.length).toBeGreaterThan(0);
    expect(
      begins.every((sql) =>
        /SET LOCAL statement_timeout = \d+; SET LOCAL lock_timeout = \d+; SET LOCAL idle_in_transaction_session_timeout = \d+;/.test(
          sql,
        ),
      ),
    ).toBe(true);
    expect(
      proxy.statements.filter((sql) =>
        /^(set(?! local)|listen|prepare|declare)|advisory_lock\(/i.test(sql),
      ),
    ).toEqual([]);
  });

  it('tells the server its time limits when it connects, and keeps to them', async () => {
    const database = await postgres.fresh();
    const { database: connected } = await openPostgres({
      url: database.url,
      clock,
      chance,
      mayCreate: true,
      leaseMs: 60_000,
      busyTimeoutMs: 0,
    });
    onTestFinished(() => connected.knex.destroy());
    const [limits] = await rowsOf(
      connected.knex,
      `select current_setting('statement_timeout') as a, current_setting('lock_timeout') as b, current_setting('idle_in_transaction_session_timeout') as c`,
    );
    expect(limits).toEqual({ a: '30s', b: '10s', c: '30s' });
    await migrateUp(connected);
    const raw = await database.raw();
    await raw.run('begin; lock table transactions in access exclusive mode');
    const slow = await errorOf(
      connected.transact(async (sql) => {
        await rowsOf(sql, `set local statement_timeout = '50ms'`);
        return rowsOf(sql, 'select count(*) from transactions');
      }),
    );
    expect(slow).toMatchObject({ kind: 'unreachable', code: 'database_slow' });
    const locked = await errorOf(
      connected.transact(async (sql) => {
        await rowsOf(sql, `set local lock_timeout = '20ms'`);
        return rowsOf(sql, 'select count(*) from transactions');
      }),
    );
    expect(locked).toMatchObject({ kind: 'unreachable', code: 'database_locked' });
    await raw.run('rollback');
  });

  it('steps over rows that another claim is taking at this moment', async () => {
    const database = await postgres.fresh();
    const storage = await database.open();
    const opening = [await openOne(storage), await openOne(storage)];
    await storage.ledger.release(opening.map(({ lease }) => lease));
    const raw = await database.raw();
    await raw.run(
      `begin; select * from transactions where id = '${opening[0]!.transaction.id}' for update`,
    );
    const claimed = await storage.ledger.claimDue(
      { limit: 5, pendingAfterMs: 0, dueBy: Number.MAX_SAFE_INTEGER },
      reconciler,
    );
    await raw.run('rollback');
    expect(claimed.map(({ transaction }) => transaction.id)).toEqual([opening[1]!.transaction.id]);
  });

  it('sends again what lost a deadlock', async () => {
    const database = await postgres.fresh();
    const storage = await database.open();
    const opening = [await openOne(storage), await openOne(storage)];
    await storage.ledger.release(opening.map(({ lease }) => lease));
    const claimed = await storage.ledger.claimDue(
      { limit: 5, pendingAfterMs: 0, dueBy: Number.MAX_SAFE_INTEGER },
      reconciler,
    );
    const [a, b] = claimed.map(({ transaction }) => transaction.id).sort();
    const raw = await database.raw();
    await raw.run(
      `set deadlock_timeout = '1h'; begin; update transactions set lookups = 9 where id = '${b!}'`,
    );
    const renewing = storage.ledger.renew(claimed.map(({ lease }) => lease));
    await new Promise((resolve) => setTimeout(resolve, 100));
    // Both wait for each other now; the server ends the renewal, which has to be sent again.
    await raw.run(`update transactions set lookups = 9 where id = '${a!}'; commit`);
    expect((await renewing).map(({ transactionId }) => transactionId).sort()).toEqual([a, b]);
    const [row] = await raw.rows(
      `select deadlocks::int as n from pg_stat_database where datname = current_database()`,
    );
    expect(row?.['n']).toBeGreaterThan(0);
  });
});
