import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import Sqlite from 'libsql';
import { onTestFinished } from 'vitest';
import { sqlite } from '../../storage/targets.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { openHarness, type Harness } from '../harness.ts';

/** A harness whose ledger lies in a folder of its own, which can be watched, and left for an image of it. */
export interface LedgerHarness extends Harness {
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

export async function openLedgerHarness(): Promise<LedgerHarness> {
  const harness = await openHarness(sqlite);
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
    ...harness,
    folder: () => folder,
    ledger: () => join(folder, LEDGER),
    newFolder,
    moveTo,
    async begin(empty) {
      await harness.begin(empty);
      moveTo(newFolder());
    },
    open: (role, overrides = {}, env = {}) =>
      harness.open(role, overrides, { DATABASE_URL: `sqlite:${join(folder, LEDGER)}`, ...env }),
    raw() {
      const raw = connection ?? new Sqlite(join(folder, LEDGER), { timeout: 5_000 });
      connection = raw;
      return {
        run: (sql) => Promise.resolve(void raw.exec(sql)),
        rows: (sql) => Promise.resolve(raw.prepare(sql).all() as Record<string, unknown>[]),
      };
    },
    async end() {
      await harness.end();
      moveTo(base);
      for (; folders > 0; folders -= 1)
        rmSync(join(base, String(folders)), { recursive: true, force: true });
    },
  };
}
