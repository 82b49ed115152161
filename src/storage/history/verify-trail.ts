import type { AuditFinding } from '../../app/ports.ts';
import { BugError } from '../../domain/errors.ts';
import { canonicalJson, entryHash, sha256, type ChainEntry } from '../ledger/audit-chain.ts';
import type { Row } from '../database.ts';
import { requestColumns, STATE_COLUMNS, transactionOf } from '../columns.ts';
import {
  changesOf,
  changesText,
  firstDifference,
  replay,
  type Replayed,
  type SealedMail,
} from '../ledger/row-changes.ts';
import { chainEntryOf, integer, text, textOrNull } from '../rows.ts';

/** A transaction's row with its whole trail, read by one statement, so that no writer comes in between. */
export interface Trail {
  readonly row: Row;
  readonly entries: readonly Row[];
}

/** A trail without a finding, and what it says of the e-mails. */
export interface Checked {
  readonly transactionId: string;
  readonly version: number;
  /** Of an older version, and not written to since. */
  readonly isPartly: boolean;
  /** By the entry that queued them; entries of older versions do not say. */
  readonly mails: ReadonlyMap<number, readonly SealedMail[]>;
}

interface Replaying {
  last: ChainEntry | null;
  /** The entry that opened the transaction, or began its newest attempt: it seals what is asked for. */
  asked: ChainEntry | null;
  /** Null until an entry has the whole row. */
  row: Replayed | null;
  sharesReference: boolean;
  readonly mails: Map<number, readonly SealedMail[]>;
}

export function checkTrail({ row, entries }: Trail): Checked | AuditFinding {
  const transactionId = text(row, 'id');
  const bad = (seq: number, problem: string, table = 'audit_events'): AuditFinding => ({
    table,
    id: transactionId,
    transactionId,
    seq,
    problem,
  });
  const state: Replaying = {
    last: null,
    asked: null,
    row: null,
    sharesReference: false,
    mails: new Map(),
  };
  for (const [index, entryRow] of entries.entries()) {
    const seq = integer(entryRow, 'seq');
    if (seq !== index + 1)
      return bad(index + 1, `the entry is missing; the next one is ${String(seq)}`);
    const problem = readable('the entry', () => entryProblem(entryRow, state));
    if (problem !== null) return bad(seq, problem);
  }
  const { asked, last } = state;
  if (last === null || asked === null)
    return bad(1, 'the transaction has no audit entry', 'transactions');
  const request = readable('the transaction', () => requestProblem(row, asked));
  if (request !== null) return bad(asked.seq, request, 'transactions');
  const end = readable('the transaction', () => endProblem(row, last, state.row));
  if (end !== null) return bad(last.seq, end, 'transactions');
  return { transactionId, version: last.seq, isPartly: state.row === null, mails: state.mails };
}

/** A damaged field may not even be readable; that is a finding as well. */
function readable(what: string, problemOf: () => string | null): string | null {
  try {
    return problemOf();
  } catch (error) {
    if (error instanceof BugError) return `${what} cannot be read: ${error.message}`;
    throw error;
  }
}

/** Null for an entry that fits; `state` is then as after it. */
function entryProblem(row: Row, state: Replaying): string | null {
  const entry = chainEntryOf(row);
  const { last } = state;
  // What is hashed is the canonical text: the same values written otherwise have the same hash.
  const isCanonical =
    canonicalJson(entry.actor) === row['actor'] && canonicalJson(entry.detail) === row['detail'];
  if (!isCanonical || entryHash(last?.hash ?? '', entry) !== entry.hash)
    return 'the entry is not what was sealed: its hash does not fit';
  const place = placeProblem(row, entry, last);
  if (place !== null) return place;
  if (entry.action === 'opened' || entry.action === 'new_attempt') state.asked = entry;
  state.sharesReference ||= entry.detail['reference_also_held'] === true;
  const silent = state.row === null ? null : 'the entry does not say what it wrote';
  const problem = entry.changes === null ? silent : replayProblem(entry, entry.changes, state);
  state.last = entry;
  return problem;
}

/** Where the entry begins: where the one before it ended, and the first one nowhere. */
function placeProblem(row: Row, entry: ChainEntry, last: ChainEntry | null): string | null {
  // One that is null makes the other unread.
  if ((row['from_status'] === null) !== (row['from_step'] === null))
    return 'the entry begins at half a place';
  if (last === null) return entry.from === null ? null : 'the first entry is not the opening one';
  const follows = entry.from?.status === last.to.status && entry.from.step === last.to.step;
  return follows ? null : 'the entry does not begin where the one before it ended';
}

function replayProblem(entry: ChainEntry, written: string, state: Replaying): string | null {
  const changes = changesOf(written);
  if (changes === null || changesText(changes) !== written)
    return 'what the entry says that it wrote is not what payrecon writes';
  // Whether a row of an older version shares its reference is told by its older entries alone.
  state.row ??= new Map([['reference_shared', state.sharesReference ? 1 : 0]]);
  replay(state.row, entry, changes);
  if (changes.mails.length > 0) state.mails.set(entry.seq, changes.mails);
  const replayed = state.row;
  if (STATE_COLUMNS.some((column) => !replayed.has(column)))
    return 'the entry is the first to say what it wrote, and has not the whole row';
  const fits = replayed.get('status') === entry.to.status && replayed.get('step') === entry.to.step;
  return fits ? null : 'the entry wrote another status or step than it says';
}

function requestProblem(row: Row, asked: ChainEntry): string | null {
  const expected = requestColumns(transactionOf(row), text(row, 'fingerprint'));
  const differs = Object.keys(expected).some((column) => expected[column] !== row[column]);
  const isSealed =
    sha256(text(row, 'sent_params')) === asked.detail['request_sha256'] &&
    row['fingerprint'] === asked.detail['fingerprint'];
  return isSealed && !differs
    ? null
    : 'the amount or another field of the request is not what was sealed when it was opened';
}

function endProblem(row: Row, last: ChainEntry, replayed: Replayed | null): string | null {
  const version = integer(row, 'version');
  if (version !== last.seq)
    return `entries after ${String(last.seq)} are missing; the transaction is at ${String(version)}`;
  if (textOrNull(row, 'audit_hash') !== last.hash)
    return 'the transaction does not carry the hash of its last entry';
  if (text(row, 'status') !== last.to.status || text(row, 'step') !== last.to.step) {
    return `the transaction says ${text(row, 'status')} (${text(row, 'step')}), its last entry ${last.to.status} (${last.to.step})`;
  }
  const column = replayed === null ? null : firstDifference(row, replayed);
  return column === null
    ? null
    : `the column ${column} of the transaction is not what its entries wrote`;
}
