import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'libsql';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../support/temporary.ts';
import { Disk } from './disk-image.ts';
import { watching } from './file-calls.ts';
import { Recorder, SHM } from './journal.ts';

/*
 * The trick that the lanes about disks stand on: it sees all, and what it makes fail fails as if the system had.
 */

function filesOf(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => statSync(join(folder, name)).isFile());
  return Object.fromEntries(names.filter((name) => !name.endsWith(SHM)).map((name) => [name, readFileSync(join(folder, name), 'base64')]));
}

test('what was recorded rebuilds the very same files, byte by byte', async () => {
  const folder = await temporaryFolder();
  const recorder = new Recorder(folder);
  const seen: Record<string, string>[] = [];
  const rebuilt: Record<string, string>[] = [];
  const compare = (): void => {
    const image = Disk.after(recorder.entries, folder).image('everything', () => 1 - Number.EPSILON);
    rebuilt.push(Object.fromEntries([...image].filter(([path]) => !path.endsWith(SHM)).map(([path, content]) => [path, Buffer.from(content).toString('base64')])));
    seen.push(filesOf(folder));
  };
  await watching(recorder, async () => {
    const database = new Sqlite(join(folder, 'all.db'));
    database.exec('pragma journal_mode = delete; create table a (b text); insert into a values (hex(randomblob(9000)))');
    compare();
    database.exec('pragma journal_mode = wal; pragma synchronous = full; pragma wal_autocheckpoint = 20');
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

test('every commit is followed by an fsync where SQLite is told to, and by none where not', async () => {
  const folder = await temporaryFolder();
  const counts: Record<string, number> = {};
  for (const synchronous of ['full', 'normal', 'off']) {
    const recorder = new Recorder(folder);
    await watching(recorder, async () => {
      const database = new Sqlite(join(folder, `${synchronous}.db`));
      database.exec(`pragma journal_mode = wal; pragma synchronous = ${synchronous}; create table a (b)`);
      const before = recorder.entries.length;
      for (let count = 0; count < 25; count += 1) database.exec('insert into a values (1)');
      counts[synchronous] = recorder.entries.slice(before).filter(({ kind }) => kind === 'sync').length;
      database.close();
      await Promise.resolve();
    });
  }
  expect(counts).toEqual({ full: 25, normal: 0, off: 0 });
});
