import { formatMoney } from './money/money.ts';
import type { Json, JsonObject } from './transaction.ts';

/** Another ledger's or program's payment intent, as the evidence of a key that was used elsewhere names it. */
export interface NamedIntent {
  readonly id: string;
  /** `pi_.. is succeeded, $49.99`. */
  readonly words: string;
  /** Stripe itself ties it to our key; otherwise it only has the same customer, amount and time. */
  readonly isUnderOurKey: boolean;
}

/** What the evidence lists under `other_intents`; an entry that cannot be read is left out. */
export function otherIntentsIn(evidence: JsonObject): readonly NamedIntent[] {
  const listed = evidence['other_intents'];
  if (!Array.isArray(listed)) return [];
  return (listed as readonly Json[]).flatMap((entry) => {
    const named = isObject(entry) ? namedIntent(entry) : null;
    return named === null ? [] : [named];
  });
}

function namedIntent(entry: JsonObject): NamedIntent | null {
  const { id, status, amount, amount_received: received, currency, matched_by: matchedBy } = entry;
  if (typeof id !== 'string' || typeof status !== 'string') return null;
  const sum = status === 'succeeded' && typeof received === 'number' ? received : amount;
  const money =
    typeof sum === 'number' && typeof currency === 'string'
      ? `, ${formatMoney(sum, currency)}`
      : '';
  const isUnderOurKey = matchedBy === 'idempotency_key' || matchedBy === 'metadata';
  return { id, words: `${id} is ${status}${money}`, isUnderOurKey };
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
