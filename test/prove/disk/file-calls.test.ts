import { readdirSync, readFileSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'libsql';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../support/temporary.ts';
import { Disk } from './disk-image.ts';
import { watching, type Fate, type FileCall } from './file-calls.ts';
import { Recorder, SHM } from './journal.ts';

/*
 * The trick that the lanes about disks stand on: it sees all, and what it makes fail fails as if the system had.
 */

function filesOf(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    statSync(join(folder, name)).isFile(),
  );
  return Object.fromEntries(
    names
      .filter((name) => !name.endsWith(SHM))
      .map((name) => [name, readFileSync(join(folder, name), 'base64')]),
  );
}

test('what was recorded rebuilds the very same files, byte by byte', async () => {
  const folder = await temporaryFolder();
  const recorder = new Recorder(folder);
  const seen: Record<string, string>[] = [];
  const rebuilt: Record<string, string>[] = [];
  const compare = (): void => {
    const image = Disk.after(recorder.entries, folder).image(
      'everything',
      () => 1 - Number.EPSILON,
    );
    rebuilt.push(
      Object.fromEntries(
        [...image]
          .filter(([path]) => !path.endsWith(SHM))
          .map(([path, content]) => [path, Buffer.from(content).toString('base64')]),
      ),
    );
    seen.push(filesOf(folder));
  };
  await watching(recorder, async () => {
    const database = new Sqlite(join(folder, 'all.db'));
    database.exec(
      'pragma journal_mode = delete; create table a (b text); insert into a values (hex(randomblob(9000)))',
    );
    compare();
    database.exec(
      'pragma journal_mode = wal; pragma synchronous = full; pragma wal_autocheckpoint = 20',
    );
    compare();
    for (let count = 0; count < 60; count += 1) {
      database.exec('insert into a values (hex(randomblob(3000)))');
      if (count % 7 === 0) compare();
    }
    database.exec('pragma cache_size = 5; begin; update a set b = hex(randomblob(5000)); rollback');
    compare();
    database.exec('delete from a; vacuum; pragma wal_checkpoint(truncate)');
    compare();
    database.close();
    compare();
    await Promise.resolve();
  });
  expect(rebuilt).toEqual(seen);
  expect(new Set(seen.map((files) => JSON.stringify(files))).size).toBeGreaterThan(10);
});

test.each([
  { call: 'write', errno: constants.errno.ENOSPC, code: 'SQLITE_FULL' },
  { call: 'write', errno: constants.errno.EIO, code: 'SQLITE_IOERR_WRITE' },
  { call: 'sync', errno: constants.errno.EIO, code: 'SQLITE_IOERR_FSYNC' },
  { call: 'read', errno: constants.errno.EACCES, code: 'SQLITE_IOERR_READ' },
  { call: 'open', errno: constants.errno.EMFILE, code: 'SQLITE_CANTOPEN' },
])(
  '$code where the system answers a $call with $errno, and afterwards all is well',
  async ({ call, errno, code }) => {
    const folder = await temporaryFolder();
    const url = `file:${join(folder, 'a.db')}?vfs=unix`;
    const first = new Sqlite(url);
    first.exec(
      'pragma journal_mode = wal; pragma synchronous = full; create table a (b); insert into a values (1)',
    );
    const database = new Sqlite(url);
    let failed = 0;
    const fate = (each: FileCall): Fate => {
      if (each.call !== call) return 'real';
      failed += 1;
      return { errno };
    };
    await watching({ folder, fate, done: () => undefined }, async () => {
      expect(() => database.exec('insert into a values (2)')).toThrow(
        expect.objectContaining({ code }) as Error,
      );
      await Promise.resolve();
    });
    expect(failed).toBeGreaterThan(0);
    database.exec('insert into a values (3)');
    expect(database.prepare('select b from a').all()).toEqual([{ b: 1 }, { b: 3 }]);
    database.close();
    first.close();
  },
);

test('a short write is written on, without anybody noticing', async () => {
  const folder = await temporaryFolder();
  const database = new Sqlite(join(folder, 'a.db'));
  database.exec('pragma journal_mode = wal; create table a (b)');
  let short = 0;
  const fate = (each: FileCall): Fate => {
    if (each.call !== 'write' || each.bytes.length < 2) return 'real';
    short += 1;
    return { writtenBytes: Math.ceil(each.bytes.length / 2) };
  };
  await watching({ folder, fate, done: () => undefined }, async () => {
    database.exec('insert into a values (1)');
    await Promise.resolve();
  });
  expect(short).toBeGreaterThan(10);
  expect(database.prepare('select b from a').all()).toEqual([{ b: 1 }]);
  database.close();
});

test('every commit is followed by an fsync where SQLite is told to, and by none where not', async () => {
  const folder = await temporaryFolder();
  const counts: Record<string, number> = {};
  for (const synchronous of ['full', 'normal', 'off']) {
    const recorder = new Recorder(folder);
    await watching(recorder, async () => {
      const database = new Sqlite(join(folder, `${synchronous}.db`));
      database.exec(
        `pragma journal_mode = wal; pragma synchronous = ${synchronous}; create table a (b)`,
      );
      const before = recorder.entries.length;
      for (let count = 0; count < 25; count += 1) database.exec('insert into a values (1)');
      counts[synchronous] = recorder.entries
        .slice(before)
        .filter(({ kind }) => kind === 'sync').length;
      database.close();
      await Promise.resolve();
    });
  }
  expect(counts).toEqual({ full: 25, normal: 0, off: 0 });
});
