import { describe, expect, it, onTestFinished } from 'vitest';
import { openOne } from '../payments.ts';
import { postgresProxy } from '../postgres-proxy.ts';
import { postgres } from '../targets.ts';

const NAMED = /^database \d+, table \d+, timeline [0-9A-F]{8}, started \d+$/;

describe('what a ledger in PostgreSQL is stored in', () => {
  it('costs no statement of its own, and is asked again after a connection was lost', async () => {
    const database = await postgres.fresh();
    await database.open();
    const proxy = await postgresProxy(database.url);
    const storage = await postgres.openUrl(proxy.url);
    await openOne(storage);
    const asked = (): number =>
      proxy.statements.filter((sql) => sql.includes('pg_walfile_name')).length;
    const first = await storage.identity.witness();
    expect(first).toMatch(NAMED);
    expect(asked()).toBe(1);
    await (
      await database.raw()
    ).run(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'payrecon' and datname = current_database()`,
    );
    await openOne(storage);
    expect(await storage.identity.witness()).toBe(first);
    expect(asked()).toBe(2);
  });

  it('has a table from the moment that its tables are made', async () => {
    const storage = await (await postgres.fresh()).open({ anySchema: true, autoMigrate: false });
    expect(await storage.identity.witness()).toContain('no table');
    await storage.migrateUp();
    expect(await storage.identity.witness()).toMatch(NAMED);
  });

  it('differs after the table was put there from elsewhere', async () => {
    const database = await postgres.fresh();
    const before = await (await database.open()).identity.witness();
    await (
      await database.raw()
    ).run(
      'create table copy (like transactions); alter table transactions rename to old; alter table copy rename to transactions',
    );
    expect(await (await database.open()).identity.witness()).not.toBe(before);
  });

  it('does without the timeline where that may not be seen', async () => {
    const database = await postgres.fresh();
    await database.open();
    const raw = await database.raw();
    const role = `ordinary_${new URL(database.url).pathname.slice(1)}`;
    await raw.run(
      `create role ${role} login password 'p'; grant all on all tables in schema public to ${role}`,
    );
    onTestFinished(async () => {
      await raw.run(`drop owned by ${role}; drop role ${role}`);
    });
    await raw.run('revoke execute on function pg_current_wal_lsn() from public');
    const url = new URL(database.url);
    url.username = role;
    url.password = 'p';
    const storage = await postgres.openUrl(url.href);
    expect(await storage.identity.witness()).toMatch(/timeline unknown, started \d+$/);
    await openOne(storage);
  });
});
