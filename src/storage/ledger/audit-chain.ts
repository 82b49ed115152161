import { createHash } from 'node:crypto';
import type { AuditEntry } from '../../app/ports.ts';
import type { Json, JsonObject } from '../../domain/transaction.ts';

/*
 * The hash chain of a transaction's audit trail.
 *
 *     hash(n) = sha256( hash(n - 1) + canonical JSON of entry n ), in lower-case hex; hash(0) is empty
 *
 * The canonical JSON is one object of all fields but the hash: action, actor, at, changes, detail, from,
 * request_id, seq, to, transaction_id (`changes`, what the entry wrote into the row, is left out of an
 * entry of a version that did not keep it). Names are in the order of their UTF-16 code units, there is no
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

/** An entry as the chain holds it: with what it wrote (row-changes.ts), as canonical JSON. */
export interface ChainEntry extends AuditEntry {
  readonly changes: string | null;
}

export type UnsealedEntry = Omit<ChainEntry, 'hash'>;

/**
 * The canonical text of an entry before and after its instant. PostgreSQL sets the instant itself and
 * hashes in the same statement, which saves a round trip for every recorded transition.
 */
export function textAroundInstant(entry: Omit<UnsealedEntry, 'at'>): {
  readonly before: string;
  readonly after: string;
} {
  const { action, actor, changes, detail, from, requestId, seq, to, transactionId } = entry;
  const written = changes === null ? '' : `,"changes":${changes}`;
  return {
    before: `{"action":${canonicalJson(action)},"actor":${actorText(actor)},"at":`,
    after: `${written},"detail":${canonicalJson(detail)},"from":${from === null ? 'null' : placeText(from)},"request_id":${canonicalJson(requestId)},"seq":${canonicalJson(seq)},"to":${placeText(to)},"transaction_id":${canonicalJson(transactionId)}}`,
  };
}

function placeText({ status, step }: UnsealedEntry['to']): string {
  return canonicalJson({ status, step });
}

const actorTexts = new WeakMap<JsonObject, string>();

/** The canonical JSON of who acted: in a pass the same for each of a hundred thousand entries. */
export function actorText(actor: JsonObject): string {
  const text = actorTexts.get(actor) ?? canonicalJson(actor);
  actorTexts.set(actor, text);
  return text;
}

export function entryHash(previousHash: string, entry: UnsealedEntry): string {
  const { before, after } = textAroundInstant(entry);
  return sha256(`${previousHash}${before}${String(entry.at)}${after}`);
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
