import type { AuditFinding } from '../../app/ports.ts';
import { rowsOf, type Database, type Row } from '../database.ts';
import { notificationId } from '../identifiers.ts';
import { textOrNull } from '../rows.ts';
import { mailDigest, type SealedMail } from '../ledger/row-changes.ts';
import { fitsSeal } from '../seals.ts';
import { rangeCondition, type IdRange } from './verify-range.ts';
import type { Checked } from './verify-trail.ts';

/*
 * E-mails about transactions, held against the entries that queued them: each one that was queued is
 * there with the words and the addressee of then, and none that was not. Read after the entries, so
 * that what is queued meanwhile is of a newer version than what was read.
 */

export async function mailsFinding(
  database: Database,
  transactionId: string | null,
  range: IdRange,
  checked: readonly Checked[],
): Promise<AuditFinding | null> {
  const { condition, bindings } = rangeCondition(transactionId, range);
  const rows = await database.read((sql) =>
    rowsOf(
      sql,
      `select *, exists (select 1 from transactions where transactions.id = transaction_id) as is_known
        from notifications where ${condition} order by transaction_id, version, kind, resend`,
      bindings,
    ),
  );
  const stray = rows.find(({ is_known: isKnown }) => isKnown === false || isKnown === 0);
  if (stray !== undefined)
    return badMail(stray, 'the e-mail belongs to a transaction that is gone');
  const byTransaction = groupByTransaction(rows);
  for (const one of checked) {
    const finding = findingOf(one, byTransaction.get(one.transactionId) ?? []);
    if (finding !== null) return finding;
  }
  return null;
}

function groupByTransaction(rows: readonly Row[]): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const id = String(row['transaction_id']);
    const group = groups.get(id);
    if (group === undefined) groups.set(id, [row]);
    else group.push(row);
  }
  return groups;
}

function findingOf(
  { transactionId, version, mails }: Checked,
  rows: readonly Row[],
): AuditFinding | null {
  for (const row of rows) {
    const problem = mailProblem(row, version, mails);
    if (problem !== null) return badMail(row, problem);
  }
  const there = new Set(rows.map((row) => row['id']));
  for (const [seq, queued] of mails) {
    const missing = queued.find(({ id }) => !there.has(id));
    if (missing !== undefined) {
      const problem = `the e-mail ${missing.kind} that the entry queued is gone`;
      return { table: 'notifications', id: missing.id, transactionId, seq, problem };
    }
  }
  return gapOf(rows);
}

/** Entries of older versions do not say which e-mails they queued; a newer one than was read is looked at the next time. */
function mailProblem(row: Row, version: number, mails: Checked['mails']): string | null {
  if (!fitsSeal('notifications', row))
    return 'the e-mail is not what was sealed when payrecon last wrote it';
  const seq = Number(row['version']);
  if (seq > version) return null;
  const queued = mails.get(seq);
  if (queued === undefined) return null;
  const sealed = queued.find(({ kind }) => kind === row['kind']);
  return sealed !== undefined && isThatMail(row, sealed)
    ? null
    : 'the e-mail is not one that the audit entry queued';
}

/** A resend has the words and the addressee of the first one, and an identity that follows from it. */
function isThatMail(row: Row, { id, kind, sha256 }: SealedMail): boolean {
  if (mailDigest(textOrNull(row, 'recipient'), String(row['data'])) !== sha256) return false;
  const resend = Number(row['resend']);
  return (
    row['id'] ===
    (resend === 0
      ? id
      : notificationId(String(row['transaction_id']), kind, Number(row['version']), resend))
  );
}

/** Resends are numbered; one that is missing between two leaves a gap, the last one is missed by the counts. */
function gapOf(rows: readonly Row[]): AuditFinding | null {
  const next = new Map<string, number>();
  for (const row of rows) {
    const name = `${String(row['version'])} ${String(row['kind'])}`;
    const resend = Number(row['resend']);
    if (resend !== (next.get(name) ?? 0))
      return badMail(
        row,
        `an earlier e-mail of this kind is gone; this one has the number ${String(resend)}`,
      );
    next.set(name, resend + 1);
  }
  return null;
}

function badMail(row: Row, problem: string): AuditFinding {
  return {
    table: 'notifications',
    id: String(row['id']),
    transactionId: textOrNull(row, 'transaction_id'),
    seq: null,
    problem,
  };
}
