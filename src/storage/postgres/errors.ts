import type { PlainCode } from '../../domain/error-codes.ts';
import { BugError, PayreconError } from '../../domain/errors.ts';
import {
  codeOf,
  final,
  undone,
  UniqueViolation,
  type DriverError,
  type Fault,
} from '../driver-errors.ts';
import { tlsFailed } from './tls.ts';

/*
 * Judged by SQLSTATE and by the operating system's error code, never by message text. An error of the
 * driver that has neither is a connection that ended.
 */

const SERIALIZATION_FAILURE = '40001';
const DEADLOCK = '40P01';
const LOCK_NOT_AVAILABLE = '55P03';
const UNIQUE_VIOLATION = '23505';

/** The server says goodbye (shutdown, crash of a sibling, idle limit) or the connection broke. */
const CONNECTION_ENDED = new Set([
  '57P01',
  '57P02',
  '57P05',
  '25P03',
  '08000',
  '08003',
  '08006',
  '08007',
]);

interface Sentence {
  readonly code: PlainCode;
  readonly text: (where: string) => string;
}

const SIGN_IN: Sentence = {
  code: 'database_sign_in',
  text: (where) =>
    `${where} refused the user or the password. Check DATABASE_URL and the server's pg_hba.conf.`,
};

const SCHEMA: Sentence = {
  code: 'schema_behind',
  text: (where) => `A table that payrecon needs is missing from ${where}. Run: payrecon migrate`,
};

const FULL: Sentence = {
  code: 'database_full',
  text: (where) =>
    `${where} is out of disk space or memory. Nothing was changed; make room and run the command again.`,
};

const DAMAGED: Sentence = {
  code: 'database_corrupt',
  text: (where) =>
    `${where} reports damaged data. Stop every payrecon that uses it and restore from a backup or a standby.`,
};

const NOT_READY: Sentence = {
  code: 'database_unreachable',
  text: (where) =>
    `${where} takes no connections at the moment. Nothing was changed; run the command again later.`,
};

const SENTENCES: Readonly<Record<string, Sentence>> = {
  '28000': SIGN_IN,
  '28P01': SIGN_IN,
  '3D000': {
    code: 'database_missing',
    text: (where) => `${where} does not exist. Create it, or correct DATABASE_URL.`,
  },
  '42501': {
    code: 'database_not_permitted',
    text: (where) =>
      `The user of ${where} lacks a right that payrecon needs. Grant it the tables, or use their owner.`,
  },
  '25006': {
    code: 'database_read_only',
    text: (where) =>
      `${where} is read-only: a replica, or a read-only user. Point DATABASE_URL at the primary server.`,
  },
  '42P01': SCHEMA,
  '42703': SCHEMA,
  '53100': FULL,
  '53200': FULL,
  '53300': {
    code: 'database_busy',
    text: (where) =>
      `${where} has no connection left. Nothing was changed; run the command again, or raise max_connections.`,
  },
  '57P03': NOT_READY,
  '57014': {
    code: 'database_slow',
    text: (where) =>
      `${where} did not finish a statement within its time limit. Nothing was changed by it; run the command again.`,
  },
  '58030': {
    code: 'database_io',
    text: (where) => `${where} could not read or write its disk. Look at its log.`,
  },
  XX001: DAMAGED,
  XX002: DAMAGED,
};

export function postgresFault(failed: DriverError, where: string): Fault {
  const { original } = failed;
  const code = codeOf(original);
  if (failed.at === 'tls') return final(tlsFailed(where, code));
  const said = (sentence: Sentence): PayreconError =>
    new PayreconError(sentence.code, sentence.text(where), { cause: original });
  if (code === UNIQUE_VIOLATION) return final(new UniqueViolation(original.message));
  if (code === SERIALIZATION_FAILURE || code === DEADLOCK) {
    return undone(
      new PayreconError(
        'database_busy',
        `${where} is too busy: another transaction was always first. Nothing was changed; run the command again.`,
        { cause: original },
      ),
    );
  }
  if (code === LOCK_NOT_AVAILABLE) {
    return undone(
      new PayreconError(
        'database_locked',
        `${where} holds a lock for too long. Nothing was changed; run the command again.`,
        { cause: original },
      ),
    );
  }
  const sentence = SENTENCES[code];
  if (sentence !== undefined) return final(said(sentence));
  if (isProgrammingError(original)) return final(original);
  if (failed.at === 'connect') return final(notReached(where, original));
  if (!isFromServer(original) || CONNECTION_ENDED.has(code)) {
    const ended = new PayreconError(
      'database_connection_lost',
      `The connection to ${where} was lost. Run the command again.`,
      { cause: original },
    );
    return failed.beforeCommit ? undone(ended) : { kind: 'uncertain', error: ended };
  }
  return final(
    new BugError(`PostgreSQL refused a statement: ${original.message} (${code})`, {
      cause: original,
    }),
  );
}

function notReached(where: string, original: Error): PayreconError {
  const code = codeOf(original);
  const reason = code === '' ? original.message : code;
  return new PayreconError(
    'database_unreachable',
    `${where} cannot be reached (${reason}). Nothing was changed. Check that the server runs and that DATABASE_URL names it.`,
    { cause: original },
  );
}

/** Errors that the server sent carry a severity; the driver's own do not. */
function isFromServer(error: Error): boolean {
  return 'severity' in error;
}

function isProgrammingError(error: Error): boolean {
  return (
    error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError
  );
}
