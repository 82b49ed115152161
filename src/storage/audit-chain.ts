import { createHash } from 'node:crypto';
import type { AuditEntry } from '../app/views.ts';
import type { Json } from '../domain/transaction.ts';

/*
 * The hash chain of a transaction's audit trail.
 *
 *     hash(n) = sha256( hash(n - 1) + canonical JSON of entry n ), in lower-case hex; hash(0) is empty
 *
 * The canonical JSON is one object of all fields but the hash: action, actor, at, detail, from,
 * request_id, seq, to, transaction_id. Names are in the order of their UTF-16 code units, there is no
 * white space, strings and numbers are written as JSON.stringify writes them, `at` is in milliseconds
 * since 1970. The transaction's row holds the last hash and, as its version, the last seq: a chain
 * whose end was cut off does not fit its row.
 */

/** JSON with sorted names and no white space: the same value is always the same text. */
export function canonicalJson(value: Json): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (isList(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const members = Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`);
  return `{${members.join(',')}}`;
}

/** Array.isArray does not see through `readonly`. */
function isList(value: object): value is readonly Json[] {
  return Array.isArray(value);
}

export type UnsealedEntry = Omit<AuditEntry, 'hash'>;

/**
 * The canonical text of an entry before and after its instant. PostgreSQL sets the instant itself and
 * hashes in the same statement, which saves a round trip for every recorded transition.
 */
export function textAroundInstant(entry: Omit<UnsealedEntry, 'at'>): { readonly before: string; readonly after: string } {
  const before = canonicalJson({ action: entry.action, actor: entry.actor });
  const after = canonicalJson({
    detail: entry.detail,
    from: entry.from === null ? null : { status: entry.from.status, step: entry.from.step },
    request_id: entry.requestId,
    seq: entry.seq,
    to: { status: entry.to.status, step: entry.to.step },
    transaction_id: entry.transactionId,
  });
  return { before: `${before.slice(0, -1)},"at":`, after: `,${after.slice(1)}` };
}

export function entryHash(previousHash: string, entry: UnsealedEntry): string {
  const { before, after } = textAroundInstant(entry);
  return sha256(`${previousHash}${before}${String(entry.at)}${after}`);
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
