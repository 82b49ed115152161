import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import Sqlite from 'libsql';
import { onTestFinished } from 'vitest';
import { sqlite } from '../../storage/targets.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { openGround, type Ground } from '../ground.ts';

/** A ground whose ledger lies in a folder of its own, which can be watched, and left for an image of it. */
export interface LedgerGround extends Ground {
  /** Of the case: new and empty after `begin`. */
  folder(): string;
  /** The path of its ledger. */
  ledger(): string;
  /** From now on the ledger is the one in this folder. */
  moveTo(folder: string): void;
  /** A new, empty folder; `end` removes it. */
  newFolder(): string;
}

/** Where the ledger lies in the folder of a case. Both folders are made by payrecon. */
export const LEDGER = join('payments', 'data', 'ledger.db');

/** Linux's file system in memory: what is durable is computed, so nothing has to wait for a disk. */
const IN_MEMORY = '/dev/shm';

export async function openLedgerGround(): Promise<LedgerGround> {
  const ground = await openGround(sqlite);
  const base = existsSync(IN_MEMORY)
    ? await mkdtemp(join(IN_MEMORY, 'payrecon-disk-'))
    : await temporaryFolder();
  onTestFinished(() => rm(base, { recursive: true, force: true }));
  let connection: InstanceType<typeof Sqlite> | null = null;
  let folders = 0;
  let folder = base;
  const newFolder = (): string => {
    folders += 1;
    const made = join(base, String(folders));
    mkdirSync(made);
    return made;
  };
  const moveTo = (to: string): void => {
    connection?.close();
    connection = null;
    folder = to;
  };
  return {
    ...ground,
    folder: () => folder,
    ledger: () => join(folder, LEDGER),
    newFolder,
    moveTo,
    async begin(empty) {
      await ground.begin(empty);
      moveTo(newFolder());
    },
    open: (role, seams = {}, env = {}) =>
      ground.open(role, seams, { DATABASE_URL: `sqlite:${join(folder, LEDGER)}`, ...env }),
    raw() {
      const raw = connection ?? new Sqlite(join(folder, LEDGER), { timeout: 5_000 });
      connection = raw;
      return {
        run: (sql) => Promise.resolve(void raw.exec(sql)),
        rows: (sql) => Promise.resolve(raw.prepare(sql).all() as Record<string, unknown>[]),
      };
    },
    async end() {
      await ground.end();
      moveTo(base);
      for (; folders > 0; folders -= 1)
        rmSync(join(base, String(folders)), { recursive: true, force: true });
    },
  };
}
