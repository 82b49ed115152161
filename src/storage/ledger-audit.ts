import type { Knex } from 'knex';
import type { AuditEntry } from '../app/views.ts';
import { canonicalJson } from './audit-chain.ts';
import { changed } from './database.ts';

export const AUDIT_COLUMNS = 'transaction_id, seq, at, actor, action, from_status, from_step, to_status, to_step, detail, request_id, hash';

export async function insertAuditEntry(sql: Knex, entry: AuditEntry): Promise<void> {
  await changed(sql, `insert into audit_events (${AUDIT_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, [
    entry.transactionId,
    entry.seq,
    entry.at,
    canonicalJson(entry.actor),
    entry.action,
    entry.from?.status ?? null,
    entry.from?.step ?? null,
    entry.to.status,
    entry.to.step,
    canonicalJson(entry.detail),
    entry.requestId,
    entry.hash,
  ]);
}
