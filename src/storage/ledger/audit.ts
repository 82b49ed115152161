import { canonicalJson, type ChainEntry } from './audit-chain.ts';
import type { Binding } from '../database.ts';

export const AUDIT_COLUMNS =
  'transaction_id, seq, at, actor, action, from_status, from_step, to_status, to_step, detail, request_id, hash, changes';

/** One entry, as a statement; `changed` sends it on SQLite, `insertCounted` with its count on PostgreSQL. */
export function auditInsert(entry: ChainEntry): {
  readonly text: string;
  readonly bindings: readonly Binding[];
} {
  return {
    text: `insert into audit_events (${AUDIT_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    bindings: [
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
      entry.changes,
    ],
  };
}
