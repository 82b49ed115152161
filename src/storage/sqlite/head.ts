import { closeSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { firstRow, type Database } from '../database.ts';
import type { LedgerHead } from '../ledger-head.ts';
import { integerOrNull, textOrNull } from '../rows.ts';

/*
 * A file beside the ledger with the number of audit entries that this machine has seen in it. A copy
 * that is put back over the ledger has fewer, even when it was made a second ago and lies in the same
 * place: then Stripe is asked whether the ledger is whole before anything is charged. The file proves
 * nothing by itself, so it is written without waiting for the disk, and it may be deleted.
 *
 *     led_01KF0000000000000000000000 000000000012 000000        ledger, entries, times put back
 */

const OWNER_ONLY = 0o600;
const ENTRIES_DIGITS = 12;
const EPOCH_DIGITS = 6;
const NO_LEDGER = '-'.repeat(30);

interface Seen {
  readonly ledger: string;
  readonly entries: number;
  /** How often a ledger was found that had fewer entries: each time is another witness. */
  readonly epoch: number;
}

const NOTHING_SEEN: Seen = { ledger: NO_LEDGER, entries: 0, epoch: 0 };

export interface SqliteHead extends LedgerHead {
  /** Differs after the ledger was replaced by another file, or by an older state of itself. */
  witness(database: Database): Promise<string>;
}

export function sqliteHead(filename: string): SqliteHead {
  const path = `${filename}-head`;
  let entered = false;
  let written = 0;
  let noted = 0;
  return {
    entering(entries) {
      if (entered) return;
      entered = true;
      // Whoever else writes notes it after his commit, so that under the lock nobody can have seen more than there is.
      noteBehind(path, readHead(path), { ledger: null, entries });
    },
    wrote(entries) {
      written = entries;
    },
    committed() {
      if (written <= noted) return;
      noted = written;
      const seen = readHead(path);
      if (seen.entries < noted) writeHead(path, { ...seen, entries: noted });
    },
    async witness(database) {
      const { dev, ino } = statSync(filename);
      // Read before the database: what is written meanwhile is more than what was seen.
      const seen = readHead(path);
      const row = await database.read((sql) =>
        firstRow(
          sql,
          'select (select id from ledger) as id, (select cast(sum(entries) as integer) from ledger_counts) as entries',
        ),
      );
      const there = {
        ledger: textOrNull(row ?? { id: null }, 'id'),
        entries: integerOrNull(row ?? { entries: null }, 'entries') ?? 0,
      };
      const { epoch } = noteBehind(path, seen, there);
      return `file ${String(dev)}:${String(ino)}${epoch === 0 ? '' : `, put back ${String(epoch)} times`}`;
    },
  };
}

/** Notes that the ledger was put back, where it has fewer entries than were seen, or is another one. */
function noteBehind(
  path: string,
  seen: Seen,
  there: { readonly ledger: string | null; readonly entries: number },
): Seen {
  const { ledger } = there;
  const isOther = ledger !== null && seen.ledger !== NO_LEDGER && seen.ledger !== ledger;
  const isBehind = there.entries < seen.entries;
  const isNew = ledger !== null && seen.ledger === NO_LEDGER;
  if (!isOther && !isBehind && !isNew) return seen;
  const entries = isOther || isBehind ? there.entries : Math.max(seen.entries, there.entries);
  const next = {
    ledger: ledger ?? seen.ledger,
    entries,
    epoch: seen.epoch + (isOther || isBehind ? 1 : 0),
  };
  writeHead(path, next);
  return next;
}

function readHead(path: string): Seen {
  try {
    const found = /^(\S{30}) (\d{12}) (\d{6})\n$/.exec(readFileSync(path, 'utf8'));
    if (found === null) return NOTHING_SEEN;
    return { ledger: found[1] ?? NO_LEDGER, entries: Number(found[2]), epoch: Number(found[3]) };
  } catch {
    // Never written, or not ours to read: the file of the ledger still tells what it can.
    return NOTHING_SEEN;
  }
}

function writeHead(path: string, { ledger, entries, epoch }: Seen): void {
  const line = `${ledger} ${String(entries).padStart(ENTRIES_DIGITS, '0')} ${String(epoch).padStart(EPOCH_DIGITS, '0')}\n`;
  try {
    // In place and always of one length, so that nobody reads half of it.
    const handle = openHead(path);
    try {
      writeSync(handle, line, 0);
    } finally {
      closeSync(handle);
    }
  } catch {
    // A folder that cannot be written to loses a warning, and no payment.
  }
}

function openHead(path: string): number {
  try {
    return openSync(path, 'r+');
  } catch {
    return openSync(path, 'w', OWNER_ONLY);
  }
}
