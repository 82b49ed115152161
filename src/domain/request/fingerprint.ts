import { createHash } from 'node:crypto';
import type { ChargeRequest } from '../transaction.ts';

/** Part of what is hashed: a change of the encoding must not look like a change of the request. */
const ENCODING = 'payrecon charge request 1';

/**
 * sha256 (hex) over everything that is asked for, without the key: equal for equal payments whatever
 * order their fields, method types and metadata came in. It is stored beside every transaction, so it
 * must stay the same in every later version; test/domain/request/fingerprint.test.ts holds fixed values.
 */
export function fingerprint(request: ChargeRequest): string {
  const canonical = [
    ENCODING,
    ['amount', request.amount],
    ['currency', request.currency.toLowerCase()],
    ['customer', request.customer],
    ['description', request.description],
    ['email', request.email],
    ['metadata', sortedEntries(request.metadata)],
    // Left out where it is not asked for, so that fingerprints from before there was such a thing stay valid.
    ...(request.onSession ? [['on_session', true]] : []),
    ['method_types', [...new Set(request.methodTypes)].sort()],
    ['payment_method', request.paymentMethod],
    ['reference', request.reference],
  ];
  // Lists, not objects: JavaScript would move names that look like numbers to the front.
  return createHash('sha256').update(JSON.stringify(canonical), 'utf8').digest('hex');
}

/** By UTF-16 code unit, not by locale: the same on every machine. */
function sortedEntries(
  metadata: Readonly<Record<string, string>>,
): readonly (readonly [string, string])[] {
  return Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
}
