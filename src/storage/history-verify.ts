import type { AuditEntry, AuditVerification } from '../app/views.ts';
import { BugError } from '../domain/errors.ts';
import { entryHash, sha256 } from './audit-chain.ts';
import { rowsOf, type Database, type Row } from './database.ts';
import { requestText } from './ledger-open.ts';
import { auditEntryOf, integer, text, textOrNull, transactionOf } from './rows.ts';

/** Transactions read at a time: with their entries a megabyte or two, however long the history. */
const BATCH = 200;

type Bad = NonNullable<AuditVerification['firstBad']>;

/** A transaction's row with its whole trail, read by one statement, so that no writer comes in between. */
interface Trail {
  readonly row: Row;
  readonly entries: readonly Row[];
}

/** Recomputes every chain in the order of creation and stops at the first bad entry. */
export async function verifyAudit(database: Database, transactionId: string | null): Promise<AuditVerification> {
  let transactions = 0;
  let entries = 0;
  for (let after = ''; ; ) {
    const trails = transactionId === null ? await nextTrails(database, after) : await trailOf(database, transactionId);
    const last = trails.at(-1);
    const upTo = transactionId ?? (last === undefined ? null : text(last.row, 'id'));
    const orphan = await firstOrphan(database, transactionId === null ? after : null, upTo);
    for (const trail of trails) {
      if (orphan !== null && orphan.transactionId < text(trail.row, 'id')) break;
      transactions += 1;
      entries += trail.entries.length;
      const bad = checkTrail(trail);
      if (bad !== null) return { transactions, entries, firstBad: bad };
    }
    if (orphan !== null) return { transactions, entries, firstBad: orphan };
    if (last === undefined || transactionId !== null) return { transactions, entries, firstBad: null };
    after = text(last.row, 'id');
  }
}

const JOINED = `select t.*, e.transaction_id, e.seq, e.at, e.actor, e.action, e.from_status, e.from_step, e.to_status, e.to_step,
    e.detail, e.request_id, e.hash
  from batch t left join audit_events e on e.transaction_id = t.id order by t.id, e.seq`;

async function nextTrails(database: Database, after: string): Promise<readonly Trail[]> {
  const rows = await database.read((sql) =>
    rowsOf(sql, `with batch as (select * from transactions where id > ? order by id limit ?) ${JOINED}`, [after, BATCH]),
  );
  return grouped(rows);
}

async function trailOf(database: Database, id: string): Promise<readonly Trail[]> {
  const rows = await database.read((sql) => rowsOf(sql, `with batch as (select * from transactions where id = ?) ${JOINED}`, [id]));
  return grouped(rows);
}

function grouped(rows: readonly Row[]): readonly Trail[] {
  const trails: { row: Row; entries: Row[] }[] = [];
  for (const row of rows) {
    let trail = trails.at(-1);
    if (trail === undefined || trail.row['id'] !== row['id']) {
      trail = { row, entries: [] };
      trails.push(trail);
    }
    if (row['seq'] !== null) trail.entries.push(row);
  }
  return trails;
}

/** An entry whose transaction is gone, with an id above `after` (of `after` null: exactly `upTo`) and up to `upTo`. */
async function firstOrphan(database: Database, after: string | null, upTo: string | null): Promise<Bad | null> {
  const lower = after === null ? '1 = 1' : 'transaction_id > ?';
  const upper = upTo === null ? '1 = 1' : after === null ? 'transaction_id = ?' : 'transaction_id <= ?';
  const rows = await database.read((sql) =>
    rowsOf(
      sql,
      `select transaction_id, seq from audit_events where ${lower} and ${upper}
          and not exists (select 1 from transactions where transactions.id = audit_events.transaction_id)
        order by transaction_id, seq limit 1`,
      [after, upTo].filter((bound) => bound !== null),
    ),
  );
  const row = rows[0];
  return row === undefined
    ? null
    : { transactionId: text(row, 'transaction_id'), seq: integer(row, 'seq'), problem: 'the entry belongs to a transaction that is gone' };
}

function checkTrail({ row, entries }: Trail): Bad | null {
  const transactionId = text(row, 'id');
  let previousHash = '';
  let last: AuditEntry | null = null;
  let asked: AuditEntry | null = null;
  for (const [index, entryRow] of entries.entries()) {
    const expectedSeq = index + 1;
    const seq = integer(entryRow, 'seq');
    if (seq !== expectedSeq) return { transactionId, seq: expectedSeq, problem: `the entry is missing; the next one is ${seq}` };
    const problem = entryProblem(entryRow, previousHash, last);
    if (problem !== null) return { transactionId, seq, problem };
    last = auditEntryOf(entryRow);
    if (last.action === 'opened' || last.action === 'new_attempt') asked = last;
    previousHash = last.hash;
  }
  const problem = asked === null ? null : requestProblem(row, asked);
  if (asked !== null && problem !== null) return { transactionId, seq: asked.seq, problem };
  const end = endProblem(row, last);
  return end === null ? null : { transactionId, seq: last === null ? 1 : last.seq, problem: end };
}

/** A damaged field may not even be readable; that is a finding as well. */
function entryProblem(entryRow: Row, previousHash: string, last: AuditEntry | null): string | null {
  return readable('the entry', () => sealProblem(auditEntryOf(entryRow), previousHash, last));
}

function readable(what: string, problemOf: () => string | null): string | null {
  try {
    return problemOf();
  } catch (error) {
    if (error instanceof BugError) return `${what} cannot be read: ${error.message}`;
    throw error;
  }
}

function sealProblem(entry: AuditEntry, previousHash: string, last: AuditEntry | null): string | null {
  if (entryHash(previousHash, entry) !== entry.hash) return 'the entry is not what was sealed: its hash does not fit';
  if (last === null) return entry.from === null ? null : 'the first entry is not the opening one';
  const fits = entry.from !== null && entry.from.status === last.to.status && entry.from.step === last.to.step;
  return fits ? null : 'the entry does not begin where the one before it ended';
}

/** The entry that opened the transaction, or began its newest attempt, seals what the caller asked for. */
function requestProblem(row: Row, entry: AuditEntry): string | null {
  return readable('the transaction', () => {
    const sent = text(row, 'sent_params');
    const fits =
      sha256(sent) === entry.detail['request_sha256'] &&
      text(row, 'fingerprint') === entry.detail['fingerprint'] &&
      requestText(transactionOf(row)) === sent;
    return fits ? null : 'the amount or another field of the request is not what was sealed when it was opened';
  });
}

function endProblem(row: Row, last: AuditEntry | null): string | null {
  if (last === null) return 'the transaction has no audit entry';
  if (integer(row, 'version') !== last.seq) return `entries after ${last.seq} are missing; the transaction is at ${integer(row, 'version')}`;
  if (textOrNull(row, 'audit_hash') !== last.hash) return 'the transaction does not carry the hash of its last entry';
  if (text(row, 'status') !== last.to.status || text(row, 'step') !== last.to.step) {
    return `the transaction says ${text(row, 'status')} (${text(row, 'step')}), its last entry ${last.to.status} (${last.to.step})`;
  }
  return null;
}
