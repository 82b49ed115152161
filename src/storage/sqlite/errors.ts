import { MOVED_MESSAGE } from '../../../migrations/0004_triggers.ts';
import type { PlainCode } from '../../domain/error-codes.ts';
import { BugError, PayreconError } from '../../domain/errors.ts';
import { codeOf, final, UniqueViolation, type DriverError, type Fault } from '../driver-errors.ts';

function extendedCode(error: Error): number {
  return 'rawCode' in error && typeof error.rawCode === 'number' ? error.rawCode : 0;
}

/** The lowest byte of an extended result code is the primary one. */
function primaryCode(error: Error): number {
  return extendedCode(error) & 0xff;
}

const SQLITE_BUSY = 5;
const SQLITE_CONSTRAINT = 19;
const CONSTRAINT_UNIQUE = new Set(['SQLITE_CONSTRAINT_UNIQUE', 'SQLITE_CONSTRAINT_PRIMARYKEY']);

interface Sentence {
  readonly code: PlainCode;
  readonly text: (file: string) => string;
}

const SENTENCES: Readonly<Record<number, Sentence>> = {
  3: {
    code: 'database_not_permitted',
    text: (file) =>
      `The ledger ${file} may not be used by this user. Run payrecon as the user who owns it.`,
  },
  [SQLITE_BUSY]: {
    code: 'database_locked',
    text: (file) =>
      `The ledger ${file} is locked by another program. Nothing was changed; run the command again, and look for a program that keeps the file open.`,
  },
  6: {
    code: 'database_locked',
    text: (file) =>
      `A table of the ledger ${file} is locked. Nothing was changed; run the command again.`,
  },
  8: {
    code: 'database_read_only',
    text: (file) =>
      `The ledger ${file} cannot be written: the file or its folder is read-only for this user. Nothing was changed. Make both writable, or point DATABASE_URL elsewhere.`,
  },
  10: {
    code: 'database_io',
    text: (file) =>
      `Reading or writing the ledger ${file} failed in the operating system. Look at the disk and the system log, then run the command again.`,
  },
  11: {
    code: 'database_corrupt',
    text: (file) =>
      `The ledger ${file} is damaged. Stop every payrecon that uses it, keep a copy of the file with its -wal and -shm, and restore a backup.`,
  },
  13: {
    code: 'database_full',
    text: (file) =>
      `The disk of the ledger ${file} is full. Nothing was changed; free some space and run the command again.`,
  },
  14: {
    code: 'database_cannot_open',
    text: (file) =>
      `The ledger ${file} cannot be opened: this user has to be able to read and write the file and its folder. Nothing was changed. Correct their owner or mode, or point DATABASE_URL elsewhere.`,
  },
  26: {
    code: 'database_not_a_database',
    text: (file) =>
      `${file} is not a SQLite database. Point DATABASE_URL at the right file; this one was left as it is.`,
  },
};

function sqliteError(code: number, file: string, cause: Error): PayreconError | null {
  const sentence = SENTENCES[code];
  return sentence === undefined
    ? null
    : new PayreconError(sentence.code, sentence.text(file), { cause });
}

/** libsql tells of a failed open in a plain Error whose text ends in SQLite's number. */
function openCode(error: Error): number {
  return (
    Number(/Unable to open connection to local database .*: (\d+)/.exec(error.message)?.[1] ?? 0) &
    0xff
  );
}

export function isBusy(error: unknown): boolean {
  return error instanceof Error && primaryCode(error) === SQLITE_BUSY;
}

/** A row was refused, by a check, a key or a trigger; the connection is as good as before. */
export function isConstraint(error: unknown): boolean {
  return error instanceof Error && primaryCode(error) === SQLITE_CONSTRAINT;
}

/**
 * I/O errors on the file or its directory. A COMMIT that fails with one may still be in the WAL and be recovered by the
 * next opener; retrying writes it to the same place.
 */
const SYNC_FAILED: ReadonlySet<number> = new Set([1034, 1290]);

const CONSTRAINT_TRIGGER = 1811;

/** A process that had the ledger open when it was moved; a trigger has no other way to say so than its text. */
function movedMeanwhile(file: string): PayreconError {
  const sentence = `The ledger ${file} was moved to another database. Nothing was recorded here. Point DATABASE_URL there.`;
  return new PayreconError('ledger_moved', sentence, {
    problems: [{ field: 'DATABASE_URL', message: 'names a ledger that was moved' }],
  });
}

export function sqliteFault(failed: DriverError, file: string): Fault {
  const { original } = failed;
  if (CONSTRAINT_UNIQUE.has(codeOf(original))) return final(new UniqueViolation(original.message));
  if (extendedCode(original) === CONSTRAINT_TRIGGER && original.message.includes(MOVED_MESSAGE))
    return final(movedMeanwhile(file));
  const code = primaryCode(original) || openCode(original);
  const known = sqliteError(code, file, original);
  if (known === null)
    return final(
      new BugError(`SQLite refused a statement: ${original.message}`, { cause: original }),
    );
  return !failed.beforeCommit && SYNC_FAILED.has(extendedCode(original))
    ? { kind: 'uncertain', error: known }
    : final(known);
}
