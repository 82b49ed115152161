import { actorText, canonicalJson, type ChainEntry } from './audit-chain.ts';
import type { Binding } from '../database.ts';

export const AUDIT_COLUMNS =
  'transaction_id, seq, at, actor, action, from_status, from_step, to_status, to_step, detail, request_id, hash, changes';

/** One entry as its row. */
export function auditRow(entry: ChainEntry): Readonly<Record<string, Binding>> {
  return {
    transaction_id: entry.transactionId,
    seq: entry.seq,
    at: entry.at,
    actor: actorText(entry.actor),
    action: entry.action,
    from_status: entry.from?.status ?? null,
    from_step: entry.from?.step ?? null,
    to_status: entry.to.status,
    to_step: entry.to.step,
    detail: canonicalJson(entry.detail),
    request_id: entry.requestId,
    hash: entry.hash,
    changes: entry.changes,
  };
}
