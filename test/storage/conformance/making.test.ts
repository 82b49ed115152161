import { existsSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import Sqlite from 'libsql';
import { describe, expect, it } from 'vitest';
import { openStorage, type StorageOptions } from '../../../src/storage/open.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { errorOf } from '../errors-of.ts';
import { openOne } from '../payments.ts';
import { chance, clock, targets, type TestDatabase } from '../targets.ts';

const reading = { mayCreate: false } as const;

const refused = async (
  { url }: Pick<TestDatabase, 'url'>,
  more: Partial<StorageOptions> = {},
): Promise<unknown> =>
  await errorOf(
    openStorage({ url, clock, chance, ...reading, ...more }).then((storage) => storage.close()),
  );

describe.each(targets)('making a ledger on $name', (target) => {
  it('is refused to whoever may not, and leaves nothing behind', async () => {
    const database = await target.fresh();
    const expected = {
      kind: 'configuration',
      code: 'no_ledger',
      message: expect.stringContaining('There is no ledger at') as string,
    };
    expect(await refused(database)).toMatchObject(expected);
    expect(await refused(database, { autoMigrate: true })).toMatchObject(expected);
    if (target.name === 'sqlite') {
      expect(await refused(database, { anySchema: true, autoMigrate: false })).toMatchObject(
        expected,
      );
      expect(existsSync(dirname(database.url.slice('sqlite:'.length)))).toBe(false);
      return;
    }
    const raw = await database.raw();
    expect(
      await raw.rows(`select relname from pg_class where relnamespace = 'public'::regnamespace`),
    ).toEqual([]);
  });

  it('is told by the one opening that made it', async () => {
    const database = await target.fresh();
    const storages = await Promise.all(Array.from({ length: 6 }, () => database.open()));
    expect(storages.filter((storage) => storage.created())).toHaveLength(1);
    expect((await database.open()).created()).toBe(false);
    const later = await database.open({ ...reading, autoMigrate: false });
    expect((await openOne(later)).transaction.version).toBe(1);
  });

  it('is told by the migration that made it', async () => {
    const database = await target.fresh();
    const storage = await database.open({ anySchema: true, autoMigrate: false });
    expect(storage.created()).toBe(false);
    await storage.migrateUp();
    expect(storage.created()).toBe(true);
    await storage.migrateUp();
    expect(storage.created()).toBe(false);
  });

  it('is not needed for one of an older version, which is brought up to date as before', async () => {
    const database = await target.fresh();
    const first = await database.open();
    await first.migrateDown();
    await first.close();
    const opening = openStorage({ url: database.url, clock, chance, ...reading });
    if (target.name === 'postgres') {
      expect(await errorOf(opening)).toMatchObject({ code: 'schema_behind' });
      return;
    }
    const storage = await opening;
    expect((await storage.schema()).state).toBe('current');
    expect(storage.created()).toBe(false);
    await storage.close();
  });
});

describe('what is no ledger in a SQLite file', () => {
  it('is an empty file, which stays empty', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'a.db');
    await writeFile(path, '');
    expect(await refused({ url: `sqlite:${path}` })).toMatchObject({ code: 'no_ledger' });
    expect(await refused({ url: `sqlite:${path}` }, { readOnly: true })).toMatchObject({
      code: 'no_ledger',
    });
    expect(await readdir(folder)).toEqual(['a.db']);
  });

  it("is another program's database", async () => {
    const path = join(await temporaryFolder(), 'a.db');
    const other = new Sqlite(path);
    other.exec('create table songs (name text)');
    other.close();
    expect(await refused({ url: `sqlite:${path}` })).toMatchObject({ code: 'no_ledger' });
    const again = new Sqlite(path);
    expect(again.prepare(`select name from sqlite_schema`).all()).toEqual([{ name: 'songs' }]);
    again.close();
  });
});
