import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import Sqlite from 'libsql';
import type { RawConnection } from '../../storage/targets.ts';
import { temporaryFolderInMemory } from '../../support/temporary.ts';
import type { Harness } from '../harness.ts';

/** Another ledger on the same account, with the same key of Stripe and the same namespace: a file of its own. */
export interface SecondLedger {
  readonly url: string;
  /** A new ledger that has never been used. */
  begin(): Promise<void>;
  raw(): RawConnection;
  end(): Promise<void>;
}

/** Migrated once for all histories of a lane; each gets a copy, which is bound at its first use. */
export async function openSecondLedger(harness: Harness): Promise<SecondLedger> {
  const folder = await temporaryFolderInMemory();
  const template = join(folder, 'template.db');
  const path = join(folder, 'second.db');
  const payrecon = await harness.open('migrate', {}, { DATABASE_URL: `sqlite:${template}` });
  await payrecon.migrate('up');
  await payrecon.close();
  let connection: InstanceType<typeof Sqlite> | null = null;
  const remove = async (): Promise<void> => {
    connection?.close();
    connection = null;
    for (const ending of ['', '-wal', '-shm', '-head']) {
      await rm(`${path}${ending}`, { force: true });
    }
  };
  return {
    url: `sqlite:${path}`,
    async begin() {
      await remove();
      await copyFile(template, path);
    },
    raw() {
      connection ??= new Sqlite(path, { timeout: 5_000 });
      const raw = connection;
      return {
        run: (sql) => Promise.resolve(void raw.exec(sql)),
        rows: (sql) => Promise.resolve(raw.prepare(sql).all() as Record<string, unknown>[]),
      };
    },
    end: remove,
  };
}
