import {
  chmod,
  mkdir,
  readdir,
  readFile,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import knex from 'knex';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createHistory } from '../../../src/storage/history/list.ts';
import { createLedger } from '../../../src/storage/ledger/ledger.ts';
import { openStorage } from '../../../src/storage/open.ts';
import { openSqlite, sqliteConfig } from '../../../src/storage/sqlite/open.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { errorOf } from '../errors-of.ts';
import { aTransition, openOne, recordOne } from '../payments.ts';
import { chance, clock, sqlite } from '../targets.ts';

const mode = async (path: string): Promise<string> => ((await stat(path)).mode & 0o777).toString(8);

/** Does it as a user who has no special rights; the tests may run as root, to whom nothing is read-only. */
async function unprivileged<T>(work: () => Promise<T>): Promise<T> {
  if (process.getuid?.() !== 0) return work();
  process.seteuid?.(65534);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}

const open = (path: string, more: object = {}): ReturnType<typeof openStorage> =>
  openStorage({
    url: `sqlite:${path}`,
    clock,
    chance,
    mayCreate: true,
    busyTimeoutMs: 300,
    ...more,
  });

describe('a ledger in a SQLite file', () => {
  it('is made for its owner alone, with its folder and the files beside it', async () => {
    const database = await sqlite.fresh();
    const path = database.url.slice('sqlite:'.length);
    const storage = await database.open();
    await openOne(storage);
    expect((await readdir(dirname(path))).sort()).toEqual([
      'ledger.db',
      'ledger.db-head',
      'ledger.db-shm',
      'ledger.db-wal',
    ]);
    expect(await mode(dirname(path))).toBe('700');
    for (const suffix of ['', '-head', '-shm', '-wal'])
      expect(await mode(`${path}${suffix}`)).toBe('600');
    expect(storage.describe()).toBe(`SQLite file ${path}`);
    expect(storage.warnings()).toEqual([]);
  });

  // The driver is given a URL.
  it.each(['a b.db', 'a%20b.db', 'a?b=c.db', 'a#b.db', 'ä&ö.db', "a'b.db"])(
    'is the file %j, whatever that means in a URL',
    async (name) => {
      const folder = await temporaryFolder();
      const storage = await open(join(folder, name));
      const { transaction } = await openOne(storage);
      await storage.close();
      expect((await readdir(folder)).filter((each) => !/-(wal|shm|head)$/.test(each))).toEqual([
        name,
      ]);
      expect((await stat(join(folder, name))).size).toBeGreaterThan(4_096);
      const again = await open(join(folder, name));
      expect(await again.ledger.find(transaction.id)).toEqual(transaction);
      await again.close();
    },
  );

  it('is whole in its one file after closing, for whoever copies it', async () => {
    const folder = await temporaryFolder();
    const storage = await open(join(folder, 'a.db'));
    const { transaction } = await openOne(storage);
    await storage.close();
    await writeFile(join(folder, 'copy.db'), await readFile(join(folder, 'a.db')));
    const copy = await open(join(folder, 'copy.db'));
    expect(await copy.ledger.find(transaction.id)).toEqual(transaction);
    await copy.close();
  });

  it('is opened with the settings that keep commits and triggers', async () => {
    const folder = await temporaryFolder();
    const sql = knex(
      sqliteConfig({ filename: join(folder, 'a.db'), busyTimeoutMs: 5, readOnly: false, clock }),
    );
    onTestFinished(() => sql.destroy());
    const settings: Record<string, unknown> = {};
    for (const name of ['journal_mode', 'synchronous', 'recursive_triggers', 'foreign_keys']) {
      const [row] = await sql.raw<Record<string, unknown>[]>(`pragma ${name}`);
      settings[name] = row?.[name];
    }
    expect(settings).toEqual({
      journal_mode: 'wal',
      synchronous: 2,
      recursive_triggers: 1,
      foreign_keys: 1,
    });
  });

  it('waits for the lock of another process without stopping its own', async () => {
    const database = await sqlite.fresh();
    const storage = await database.open();
    const raw = await database.raw();
    await raw.run('begin immediate');
    let ticks = 0;
    const timer = setInterval(() => (ticks += 1), 5);
    const opening = openOne(storage);
    await wait(200);
    expect(ticks).toBeGreaterThan(10);
    await raw.run('commit');
    clearInterval(timer);
    expect((await opening).transaction.status).toBe('pending');
  });

  it('says that it is locked, once it has waited long enough, and works afterwards', async () => {
    const database = await sqlite.fresh();
    const storage = await database.open({ busyTimeoutMs: 150 });
    const raw = await database.raw();
    await raw.run('begin immediate');
    const startedMs = performance.now();
    const error = await errorOf(openOne(storage));
    expect(error).toMatchObject({ kind: 'unreachable', code: 'database_locked' });
    expect(error.message).toContain('locked by another program');
    expect(performance.now() - startedMs).toBeGreaterThan(140);
    expect(await errorOf(storage.passes.closeOutage())).toMatchObject({ code: 'database_locked' });
    expect(await storage.history.openCounts()).toMatchObject({ pending: 0 });
    await raw.run('commit');
    expect((await openOne(storage)).transaction.status).toBe('pending');
  });

  it('says that the disk is full, loses nothing, and goes on when there is room', async () => {
    const path = join(await temporaryFolder(), 'a.db');
    await (await open(path)).close();
    const { database } = openSqlite({
      url: `sqlite:${path}`,
      clock,
      chance,
      mayCreate: true,
      leaseMs: 60_000,
      busyTimeoutMs: 300,
    });
    onTestFinished(() => database.knex.destroy());
    const storage = { ledger: createLedger(database), history: createHistory(database) };
    const first = await openOne(storage);
    const big = aTransition({ detail: { text: 'x'.repeat(3_000) } });
    const fill = async (): Promise<never> => {
      for (let current = first.transaction; ;) {
        // SQLite's own limit answers just as a disk without a free block does.
        await database.knex.raw('pragma max_page_count = 60');
        current = await recordOne(storage, { ...first, transaction: current }, big);
      }
    };
    const error = await errorOf(fill());
    expect(error).toMatchObject({ kind: 'unreachable', code: 'database_full' });
    expect(error.message).toContain('free some space');
    const last = await storage.ledger.find(first.transaction.id);
    expect(await storage.history.audit(last!.id)).toHaveLength(last!.version);
    expect((await storage.history.verifyAudit(null)).firstBad).toBeNull();
    await database.knex.raw('pragma max_page_count = 1000000');
    expect((await recordOne(storage, { ...first, transaction: last! }, big)).version).toBe(
      last!.version + 1,
    );
    expect(await database.knex.raw('pragma integrity_check')).toEqual([{ integrity_check: 'ok' }]);
  });

  it.each([
    [
      'a text file',
      async (path: string) =>
        writeFile(path, 'not a database, but long enough to be one '.repeat(50)),
      'database_not_a_database',
    ],
    ['a folder', async (path: string) => mkdir(path), 'database_cannot_open'],
    ['a circle of links', async (path: string) => symlink(path, path), 'database_cannot_open'],
    [
      'a path below a file',
      async (path: string) => writeFile(dirname(path), ''),
      'database_cannot_open',
    ],
  ])('refuses %s and leaves it as it is', async (name, prepare, code) => {
    const folder = await temporaryFolder();
    const path =
      name === 'a path below a file' ? join(folder, 'file', 'a.db') : join(folder, 'a.db');
    await prepare(path);
    const error = await errorOf(open(path));
    expect(error).toMatchObject({ kind: 'configuration', code });
    expect(error.message).toContain(path);
  });

  it('says that a file is damaged', async () => {
    const path = join(await temporaryFolder(), 'a.db');
    const storage = await open(path);
    for (let index = 0; index < 20; index += 1) await openOne(storage);
    await storage.close();
    const bytes = await readFile(path);
    await writeFile(path, bytes.fill(0x5a, 4_096));
    expect(await errorOf(open(path).then((damaged) => damaged.close()))).toMatchObject({
      kind: 'configuration',
      code: 'database_corrupt',
    });
    await truncate(path, 2_000);
    expect(await errorOf(open(path).then((damaged) => damaged.close()))).toMatchObject({
      kind: 'configuration',
      code: 'database_corrupt',
    });
  });

  it('says when this user may not write the file, or its folder', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'a.db');
    await (await open(path)).close();
    await chmod(path, 0o444);
    await chmod(folder, 0o555);
    const noFile = await unprivileged(() =>
      errorOf(open(path).then((storage) => openOne(storage))),
    );
    const noFolder = await unprivileged(() => errorOf(open(join(folder, 'new', 'b.db'))));
    await chmod(folder, 0o755);
    expect(noFile).toMatchObject({ kind: 'configuration', code: 'database_cannot_open' });
    expect(noFolder).toMatchObject({ kind: 'configuration', code: 'database_cannot_open' });
    expect(noFolder.message).toContain('may not write there');
  });

  it('is only read when asked to: nothing is made, nothing is changed', async () => {
    const path = join(await temporaryFolder(), 'a.db');
    expect(await errorOf(open(path, { readOnly: true }))).toMatchObject({
      kind: 'configuration',
      code: 'no_ledger',
    });
    expect(await readdir(dirname(path))).toEqual([]);
    await (await open(path)).close();
    const storage = await open(path, { readOnly: true });
    expect(await storage.history.openCounts()).toMatchObject({ pending: 0 });
    await storage.close();
  });

  it('is let go of when it is closed in the middle of a transaction', async () => {
    const path = join(await temporaryFolder(), 'a.db');
    let dead = false;
    const gate = {
      before: (kind: string) => {
        dead ||= kind === 'commit';
        if (dead) throw new Error('the process died here');
      },
      after: () => undefined,
    };
    await (await open(path)).close();
    const dying = await open(path, { gate });
    await expect(openOne(dying)).rejects.toThrow('the process died here');
    await dying.close();
    const next = await open(path);
    expect(await next.history.openCounts()).toMatchObject({ pending: 0 });
    expect((await openOne(next)).transaction.status).toBe('pending');
    await next.close();
  });

  it.each(['sqlite:', 'sqlite::memory:', 'sqlite:ledger.db', 'mysql://x', 'ledger.db'])(
    'refuses the address %s',
    async (url) => {
      expect(await errorOf(openStorage({ url, clock, chance, mayCreate: true }))).toMatchObject({
        kind: 'configuration',
        code: 'database_url',
        problems: [{ field: 'DATABASE_URL' }],
      });
    },
  );
});
