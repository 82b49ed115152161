import { chmod, copyFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import Sqlite from 'libsql';
import { MIGRATIONS } from '../../migrations/list.ts';
import type { RawConnection } from '../storage/targets.ts';
import { emptyLedger } from '../support/empty-ledger.ts';
import { pastTriggers } from '../support/reseal.ts';
import { temporaryFolderInMemory } from '../support/temporary.ts';

/** A ledger a case. */
export interface Ledgers {
  url(): string;
  prepare(migrate: () => Promise<unknown>): Promise<void>;
  /** Whether the ledger is another one than the processes that go on may have known. */
  begin(empty: boolean): Promise<boolean>;
  raw(): RawConnection;
  /** Copies of the ledger, as a backup makes them; null where none can be put back under the same address. */
  readonly copies: Copies | null;
  end(): Promise<void>;
}

/** A ledger that is one file can be copied, and an older copy put in its place. */
export interface Copies {
  /** A consistent copy of the ledger as it is now. */
  make(): Promise<Copy>;
  /** Puts a copy in the ledger's place. Every process that had it open has to have ended. */
  putBack(copy: Copy): Promise<void>;
}

export interface Copy {
  readonly path: string;
}

const OWNER_ONLY = 0o600;

/** A file a case, copied from one that was migrated. */
export async function sqliteLedgers(): Promise<Ledgers> {
  const folder = await temporaryFolderInMemory();
  const template = join(folder, 'template.db');
  let path = template;
  let count = 0;
  let connection: InstanceType<typeof Sqlite> | null = null;
  const ledgers: Ledgers = {
    url: () => `sqlite:${path}`,
    async prepare(migrate) {
      await migrate();
    },
    async begin(empty) {
      connection?.close();
      connection = null;
      count += 1;
      path = join(folder, `${count}.db`);
      if (!empty) await copyFile(template, path);
      return false;
    },
    raw() {
      connection ??= new Sqlite(path, { timeout: 5_000 });
      const raw = connection;
      return {
        run(sql) {
          raw.exec(sql);
          return Promise.resolve();
        },
        rows: (sql) => Promise.resolve(raw.prepare(sql).all() as Record<string, unknown>[]),
      };
    },
    copies: {
      async make() {
        count += 1;
        const copy = { path: join(folder, `${count}.copy`) };
        await ledgers.raw().run(`vacuum into '${copy.path}'`);
        await chmod(copy.path, OWNER_ONLY);
        return copy;
      },
      async putBack(copy) {
        connection?.close();
        connection = null;
        // The count of entries beside the file (`-head`) belongs to the machine, and stays.
        for (const ending of ['', '-wal', '-shm']) await rm(`${path}${ending}`, { force: true });
        await copyFile(copy.path, path);
      },
    },
    async end() {
      connection?.close();
      connection = null;
      for (const ending of ['', '-wal', '-shm', '-head'])
        await rm(`${path}${ending}`, { force: true });
      for (const file of await readdir(folder))
        if (file.endsWith('.copy')) await rm(join(folder, file));
    },
  };
  return ledgers;
}

/** One database, emptied for each case: making one takes longer than the case. */
export async function postgresLedgers(url: string, raw: RawConnection): Promise<Ledgers> {
  let migrate: () => Promise<unknown> = () => Promise.resolve();
  let owner: Owner = { id: '', restore: [] };
  await raw.run('create extension if not exists amcheck');
  return {
    url: () => url,
    async prepare(how) {
      migrate = how;
      await migrate();
      owner = await ownerOf(raw);
    },
    async begin(empty) {
      if (empty) {
        await raw.run(
          'drop schema public cascade; create schema public; create extension if not exists amcheck',
        );
        return true;
      }
      // The case before may have turned the schema back by a step, or never made it.
      const [found] = await raw.rows(
        `select to_regclass('public.payrecon_migrations') is not null as here`,
      );
      const applied =
        found?.['here'] === true ? await raw.rows('select name from payrecon_migrations') : [];
      if (applied.length !== MIGRATIONS.length) await migrate();
      const [now] = await raw.rows('select id, bound_at from ledger');
      const isOther = now?.['id'] !== owner.id || now['bound_at'] === null;
      if (isOther) await pastTriggers(raw, 'postgres', owner.restore);
      await emptyLedger(raw, 'postgres');
      return isOther;
    },
    raw: () => raw,
    copies: null,
    end: () => Promise.resolve(),
  };
}

interface Owner {
  readonly id: string;
  readonly restore: readonly string[];
}

/** Makes a new schema the same ledger again: the processes that go on know it by its id. */
async function ownerOf(raw: RawConnection): Promise<Owner> {
  const statements = ['ledger', 'stripe_keys'].map(async (table) => {
    const rows = await raw.rows(`select row_to_json(${table})::text as row from ${table}`);
    const inserts = rows.map(
      ({ row }) =>
        `insert into ${table} select * from json_populate_record(null::${table}, '${String(row).replaceAll("'", "''")}')`,
    );
    return [`delete from ${table}`, ...inserts];
  });
  const [ledger] = await raw.rows('select id from ledger');
  return { id: String(ledger?.['id']), restore: (await Promise.all(statements)).flat() };
}
