import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { MIGRATIONS, MIGRATIONS_TABLE } from '../../../migrations/list.ts';
import { openStorage } from '../../../src/storage/open.ts';
import { errorOf } from '../errors-of.ts';
import { openOne } from '../payments.ts';
import {
  chance,
  clock,
  postgres,
  sqlite,
  targets,
  type Target,
  type TestDatabase,
} from '../targets.ts';

const names = MIGRATIONS.map(({ name }) => name);

/** What a schema is made of, in words that are the same on both databases. */
interface Schema {
  readonly columns: readonly string[];
  readonly indexes: readonly string[];
}

async function schemaOf(target: Target, database: TestDatabase): Promise<Schema> {
  const raw = await database.raw();
  const lines = async (sql: string): Promise<readonly string[]> =>
    (await raw.rows(sql))
      .map(({ line }) => String(line))
      .filter((line) => !line.includes('payrecon_migrations'))
      .sort();
  if (target.name === 'sqlite') {
    return {
      columns:
        await lines(`select t.name || '.' || c.name || ' ' || lower(c.type) || case when c."notnull" then ' not null' else '' end as line
        from sqlite_schema t, pragma_table_info(t.name) c where t.type = 'table' and t.name not like 'sqlite_%'`),
      indexes: await lines(
        `select name as line from sqlite_schema where type = 'index' and sql is not null`,
      ),
    };
  }
  return {
    columns:
      await lines(`select table_name || '.' || column_name || ' ' || replace(data_type, 'bigint', 'integer') || case is_nullable when 'NO' then ' not null' else '' end as line
      from information_schema.columns where table_schema = 'public'`),
    indexes:
      await lines(`select c.relname as line from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = 'public' and not exists (select 1 from pg_constraint k where k.conindid = i.indexrelid)`),
  };
}

const knexCli = fileURLToPath(new URL('../../../node_modules/knex/bin/cli.js', import.meta.url));

/** What `npx knex` starts, with the environment that knexfile.ts tells of. */
async function knexCommand(url: string, command: string): Promise<string> {
  const cwd = fileURLToPath(new URL('../../..', import.meta.url));
  const { stdout } = await execa(process.execPath, [knexCli, command], {
    cwd,
    env: { DATABASE_URL: url, NODE_OPTIONS: '--import tsx' },
  });
  return stdout;
}

describe('the schema', () => {
  it('is the same on both databases', async () => {
    const one = await sqlite.fresh();
    const other = await postgres.fresh();
    await one.open();
    await other.open();
    const inSqlite = await schemaOf(sqlite, one);
    const inPostgres = await schemaOf(postgres, other);
    expect(inSqlite.columns.length).toBeGreaterThan(80);
    expect(inSqlite.indexes.length).toBeGreaterThan(10);
    // SQLite does not mark the parts of a primary key of text as "not null" of their own accord.
    const plain = ({ columns, indexes }: Schema): Schema => ({
      columns: columns.map((line) =>
        line.replace(/(\.id|\.key_hash|\.transaction_id|\.seq) (\w+)( not null)?$/, '$1 $2'),
      ),
      indexes,
    });
    expect(plain(inSqlite)).toEqual(plain(inPostgres));
  });

  it('has migrations that are never renamed, and a number each', () => {
    expect(names).toEqual([...names].sort());
    expect(new Set(names.map((name) => name.slice(0, 4))).size).toBe(names.length);
    expect(names[0]).toBe('0001_ledger');
  });
});

describe.each(targets)('migrating on $name', (target) => {
  it('goes up, down and up again, and down is refused while there are payments', async () => {
    const database = await target.fresh();
    const storage = await database.open({ autoMigrate: false, anySchema: true });
    expect(await storage.schema()).toEqual({
      state: 'behind',
      applied: [],
      pending: names,
      unknown: [],
    });
    expect(await storage.migrateUp()).toEqual(names);
    expect(await storage.schema()).toEqual({
      state: 'current',
      applied: names,
      pending: [],
      unknown: [],
    });
    expect(await storage.migrateUp()).toEqual([]);
    const first = await schemaOf(target, database);
    for (const name of names.toReversed()) expect(await storage.migrateDown()).toEqual([name]);
    expect(await storage.migrateDown()).toEqual([]);
    expect(await schemaOf(target, database)).toEqual({ columns: [], indexes: [] });
    expect(await storage.migrateUp()).toEqual(names);
    expect(await schemaOf(target, database)).toEqual(first);

    const { transaction } = await openOne(storage);
    expect(await errorOf(storage.migrateDown())).toMatchObject({
      kind: 'refused',
      code: 'ledger_in_use',
    });
    expect(await storage.ledger.find(transaction.id)).toEqual(transaction);
  });

  it('refuses a schema that is behind or ahead, and says what to do', async () => {
    const database = await target.fresh();
    const behind = await errorOf(
      openStorage({ url: database.url, clock, chance, mayCreate: true, autoMigrate: false }),
    );
    expect(behind).toMatchObject({ kind: 'configuration', code: 'schema_behind' });
    expect(behind.message).toMatch(/Run: payrecon migrate$/);
    await database.open();
    const raw = await database.raw();
    await raw.run(`insert into ${MIGRATIONS_TABLE} (name, batch) values ('9999_future', 2)`);
    const ahead = await errorOf(openStorage({ url: database.url, clock, chance, mayCreate: true }));
    expect(ahead).toMatchObject({ kind: 'configuration', code: 'schema_ahead' });
    expect(ahead.message).toContain('9999_future');
    const storage = await database.open({ anySchema: true, autoMigrate: false });
    expect(await storage.schema()).toMatchObject({ state: 'ahead', unknown: ['9999_future'] });
    expect(await errorOf(storage.migrateUp())).toMatchObject({ code: 'schema_ahead' });
    expect(await errorOf(storage.migrateDown())).toMatchObject({ code: 'schema_ahead' });
  });

  it('migrates by itself only on SQLite, unless told otherwise', async () => {
    const database = await target.fresh();
    const opening = openStorage({ url: database.url, clock, chance, mayCreate: true });
    if (target.name === 'postgres') {
      expect(await errorOf(opening)).toMatchObject({ code: 'schema_behind' });
      return;
    }
    const storage = await opening;
    expect((await storage.schema()).state).toBe('current');
    await storage.close();
  });

  it('is done by one of many who open an empty database at the same moment', async () => {
    const database = await target.fresh();
    const storages = await Promise.all(Array.from({ length: 10 }, () => database.open()));
    for (const storage of storages) expect((await storage.schema()).state).toBe('current');
    const raw = await database.raw();
    expect(await raw.rows(`select name from ${MIGRATIONS_TABLE}`)).toEqual(
      names.map((name) => ({ name })),
    );
  });

  it('leaves nothing behind when it dies half way', async () => {
    const database = await target.fresh();
    let left = 5;
    const gate = {
      before: (kind: string) => {
        if (kind !== 'create') return;
        left -= 1;
        if (left === 0) throw new Error('the process died here');
      },
      after: () => undefined,
    };
    await expect(
      openStorage({ url: database.url, clock, chance, mayCreate: true, autoMigrate: true, gate }),
    ).rejects.toThrow('the process died here');
    const storage = await database.open({ autoMigrate: false, anySchema: true });
    expect((await storage.schema()).applied).toEqual([]);
    expect(await storage.migrateUp()).toEqual(names);
  });

  it('shares its records with the knex command line', { timeout: 60_000 }, async () => {
    const database = await target.fresh();
    expect(await knexCommand(database.url, 'migrate:list')).toMatch(
      /Found 5 Pending Migration file\/files\.\s*0001_ledger/,
    );
    expect(await knexCommand(database.url, 'migrate:latest')).toContain(
      'Batch 1 run: 5 migrations',
    );
    const storage = await database.open({ autoMigrate: false });
    expect((await storage.schema()).state).toBe('current');
    await openOne(storage);
    await storage.close();
    await expect(knexCommand(database.url, 'migrate:rollback')).rejects.toThrow(
      'would lose payments',
    );
  });
});
