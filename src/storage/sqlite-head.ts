import { readFileSync, statSync, writeFileSync } from 'node:fs';
import type { Ledger } from '../app/ports.ts';
import { firstRow, type Database } from './database.ts';
import { textOrNull } from './rows.ts';

/*
 * A file beside the ledger that names the newest transaction this machine has seen in it. A copy that
 * is put back over the ledger is behind it, even when it was made a second ago and lies in the same
 * place: then Stripe is asked whether the ledger is whole before anything is charged. The file proves
 * nothing by itself, so it is written without waiting for the disk, and it may be deleted.
 */

const OWNER_ONLY = 0o600;
const LONGEST_ID = 64;

export interface SqliteHead {
  /** Differs after the ledger was replaced by another file, or by an older state of itself. */
  witness(): Promise<string>;
  /** The same ledger, which notes what it opens. */
  noting(ledger: Ledger): Ledger;
}

export function sqliteHead(database: Database, filename: string): SqliteHead {
  const path = `${filename}-head`;
  let noted = '';
  return {
    async witness() {
      const { dev, ino } = statSync(filename);
      const file = `file ${String(dev)}:${String(ino)}`;
      const seen = readHead(path);
      if (seen === '') return file;
      const row = await database.read((sql) => firstRow(sql, 'select max(id) as newest from transactions'));
      const newest = row === null ? null : textOrNull(row, 'newest');
      return newest !== null && newest >= seen ? file : `${file} behind ${seen} at ${newest ?? 'nothing'}`;
    },
    noting: (ledger) => ({
      ...ledger,
      async open(request, fingerprint, guard, actor) {
        const result = await ledger.open(request, fingerprint, guard, actor);
        if (result.kind === 'opened' && result.transaction.id > noted) {
          noted = result.transaction.id;
          writeHead(path, noted);
        }
        return result;
      },
    }),
  };
}

function readHead(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim().slice(0, LONGEST_ID);
  } catch {
    // Never written, or not ours to read: the file of the ledger still tells what it can.
    return '';
  }
}

function writeHead(path: string, id: string): void {
  try {
    // Two processes may write in either order: the file then names one of their newest two, which a copy is behind as well.
    writeFileSync(path, `${id}\n`, { mode: OWNER_ONLY });
  } catch {
    // A folder that cannot be written to loses a warning, and no payment.
  }
}
