import type { AuditFinding, AuditVerification } from '../../app/ports.ts';
import { rowsOf, type Database, type Row } from '../database.ts';
import { integer, text } from '../rows.ts';
import { rangeCondition, type IdRange } from './verify-range.ts';
import { countsFinding, sideFinding } from './verify-sides.ts';
import { mailsFinding } from './verify-mails.ts';
import { checkTrail, type Checked, type Trail } from './verify-trail.ts';
import { triggersFinding } from './verify-triggers.ts';

/*
 * Holds everything that is stored against what was sealed when it was written: each row against its
 * chain of audit entries, the e-mails against the entries that queued them, the other rows against their
 * seals, all tables against the counts, and the triggers against what they should be. Memory does not
 * grow with the history, and no writer is kept waiting.
 */

/** Transactions read at a time: with their entries a megabyte or two, however long the history. */
const BATCH = 200;

/** Verifies one transaction, or the whole ledger; stops at the first finding. */
export async function verifyAudit(
  database: Database,
  transactionId: string | null,
): Promise<AuditVerification> {
  const trails = await verifyTrails(database, transactionId);
  if (trails.firstBad !== null || transactionId !== null) return trails;
  for (const look of [sideFinding, countsFinding, triggersFinding]) {
    const firstBad = await look(database);
    if (firstBad !== null) return { ...trails, firstBad };
  }
  return trails;
}

async function verifyTrails(
  database: Database,
  transactionId: string | null,
): Promise<AuditVerification> {
  let transactions = 0;
  let entries = 0;
  let partly = 0;
  for (let after: string | null = null; ;) {
    const trails: readonly Trail[] =
      transactionId === null
        ? await nextTrails(database, after ?? '')
        : await trailOf(database, transactionId);
    const last = trails.at(-1);
    const range: IdRange = { after, upTo: last === undefined ? null : text(last.row, 'id') };
    const orphan = await firstOrphan(database, transactionId, range);
    const checked: Checked[] = [];
    for (const trail of trails) {
      if (orphan !== null && orphan.transactionId < text(trail.row, 'id')) break;
      transactions += 1;
      entries += trail.entries.length;
      const result = checkTrail(trail);
      if ('problem' in result) return { transactions, entries, partly, firstBad: result };
      if (result.isPartly) partly += 1;
      checked.push(result);
    }
    const firstBad = (await mailsFinding(database, transactionId, range, checked)) ?? orphan;
    if (firstBad !== null || last === undefined || transactionId !== null)
      return { transactions, entries, partly, firstBad };
    after = text(last.row, 'id');
  }
}

const JOINED = `select t.*, e.transaction_id, e.seq, e.at, e.actor, e.action, e.from_status, e.from_step, e.to_status, e.to_step,
    e.detail, e.request_id, e.hash, e.changes
  from batch t left join audit_events e on e.transaction_id = t.id order by t.id, e.seq`;

async function nextTrails(database: Database, after: string): Promise<readonly Trail[]> {
  const rows = await database.read((sql) =>
    rowsOf(
      sql,
      `with batch as (select * from transactions where id > ? order by id limit ?) ${JOINED}`,
      [after, BATCH],
    ),
  );
  return grouped(rows);
}

async function trailOf(database: Database, id: string): Promise<readonly Trail[]> {
  const rows = await database.read((sql) =>
    rowsOf(sql, `with batch as (select * from transactions where id = ?) ${JOINED}`, [id]),
  );
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

/** An entry whose transaction is gone: the one with this id, or one in the range. */
async function firstOrphan(
  database: Database,
  id: string | null,
  range: IdRange,
): Promise<(AuditFinding & { readonly transactionId: string }) | null> {
  const { condition, bindings } = rangeCondition(id, range);
  const [row] = await database.read((sql) =>
    rowsOf(
      sql,
      `select transaction_id, seq from audit_events where ${condition}
          and not exists (select 1 from transactions where transactions.id = audit_events.transaction_id)
        order by transaction_id, seq limit 1`,
      bindings,
    ),
  );
  if (row === undefined) return null;
  const transactionId = text(row, 'transaction_id');
  const problem = 'the entry belongs to a transaction that is gone';
  return {
    table: 'audit_events',
    id: transactionId,
    transactionId,
    seq: integer(row, 'seq'),
    problem,
  };
}
