import { chmod, copyFile, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Storage } from '../../../src/storage/open.ts';
import { aRequest, aTransition, openOne, recordOne } from '../payments.ts';
import { sqlite, type TestDatabase } from '../targets.ts';

async function aLedger(): Promise<{ readonly database: TestDatabase; readonly path: string }> {
  const database = await sqlite.fresh();
  const storage = await database.open();
  await storage.identity.create('');
  await openOne(storage);
  await storage.close();
  return { database, path: database.url.slice('sqlite:'.length) };
}

async function using<T>(
  database: TestDatabase,
  work: (storage: Storage) => Promise<T>,
): Promise<T> {
  const storage = await database.open();
  try {
    return await work(storage);
  } finally {
    await storage.close();
  }
}

const witness = (storage: Storage): Promise<string> => storage.identity.witness();

describe('a SQLite ledger that was put back', () => {
  it('is another one a second later, in the same place, and stays that one', async () => {
    const { database, path } = await aLedger();
    const before = await using(database, witness);
    expect(await using(database, witness)).toBe(before);
    await copyFile(path, `${path}.backup`);
    await using(database, (storage) => openOne(storage, aRequest()));
    expect(await using(database, witness)).toBe(before);
    await copyFile(`${path}.backup`, path);
    const restored = await using(database, witness);
    expect(restored).not.toBe(before);
    expect(await using(database, witness)).toBe(restored);
    await using(database, (storage) => openOne(storage, aRequest()));
    await copyFile(`${path}.backup`, path);
    const again = await using(database, witness);
    expect(new Set([before, restored, again]).size).toBe(3);
  });

  it('is another one although only a step of a payment was lost', async () => {
    const { database, path } = await aLedger();
    const storage = await database.open();
    const opening = await openOne(storage);
    const before = await storage.identity.witness();
    await storage.close();
    await copyFile(path, `${path}.backup`);
    await using(database, (later) =>
      recordOne(later, opening, aTransition({ changes: { lookups: 1 } })),
    );
    await copyFile(`${path}.backup`, path);
    expect(await using(database, witness)).not.toBe(before);
  });

  it('is another one although more was written to it before anybody looked', async () => {
    const { database, path } = await aLedger();
    const before = await using(database, witness);
    await copyFile(path, `${path}.backup`);
    await using(database, (storage) => openOne(storage, aRequest()));
    await copyFile(`${path}.backup`, path);
    await using(database, async (storage) => {
      for (let index = 0; index < 3; index += 1) await openOne(storage, aRequest());
    });
    expect(await using(database, witness)).not.toBe(before);
  });

  it('is another one in another file, and under the name of another ledger', async () => {
    const { database, path } = await aLedger();
    const before = await using(database, witness);
    await copyFile(path, `${path}.copy`);
    await rename(`${path}.copy`, path);
    expect(await using(database, witness)).not.toBe(before);
    const other = await aLedger();
    await using(other.database, (storage) => openOne(storage, aRequest()));
    const inPlace = await using(database, witness);
    await copyFile(other.path, path);
    expect(await using(database, witness)).not.toBe(inPlace);
  });

  it('is the same for many who write at the same time, and after a write that came to nothing', async () => {
    const { database } = await aLedger();
    const before = await using(database, witness);
    const storages = await Promise.all(Array.from({ length: 4 }, () => database.open()));
    await Promise.all(
      storages.flatMap((storage) => Array.from({ length: 10 }, () => openOne(storage, aRequest()))),
    );
    for (const storage of storages) expect(await storage.identity.witness()).toBe(before);
    let dead = false;
    const gate = {
      before: (kind: string) => {
        dead ||= kind === 'commit';
        if (dead) throw new Error('the process died here');
      },
      after: () => undefined,
    };
    const dying = await database.open({ gate });
    await expect(openOne(dying, aRequest())).rejects.toThrow('the process died here');
    await dying.close();
    expect(await using(database, witness)).toBe(before);
  });
});

describe('the file beside a SQLite ledger', () => {
  it('names the ledger, and how many entries were seen in it', async () => {
    const { database, path } = await aLedger();
    const id = await using(database, async (storage) => {
      await storage.identity.witness();
      return (await storage.identity.read())?.id;
    });
    expect(await readFile(`${path}-head`, 'utf8')).toBe(`${String(id)} 000000000001 000000\n`);
    expect(((await stat(`${path}-head`)).mode & 0o777).toString(8)).toBe('600');
  });

  it.each(['', 'half a line', '\u0000\u0000'])(
    'may hold %j, or be gone, without harm',
    async (text) => {
      const { database, path } = await aLedger();
      await writeFile(`${path}-head`, text);
      await using(database, (storage) => openOne(storage, aRequest()));
      await rm(`${path}-head`);
      const before = await using(database, witness);
      expect(await using(database, witness)).toBe(before);
    },
  );

  it('may be one that cannot be written', async () => {
    const { database, path } = await aLedger();
    await rm(`${path}-head`);
    await mkdir(`${path}-head`);
    await chmod(join(dirname(path)), 0o700);
    await using(database, (storage) => openOne(storage, aRequest()));
    const before = await using(database, witness);
    expect(await using(database, witness)).toBe(before);
  });
});
