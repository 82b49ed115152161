import type { JsonObject, Transaction } from '../domain/transaction.ts';
import type { Transition } from '../domain/transition.ts';
import type { AccountReader, OtherIntent } from './ports.ts';

/** What is needed to ask about other ledgers. */
export interface AskingOthers {
  readonly gateway: Pick<AccountReader, 'findOther'>;
}

/** Stripe keeps a key for a day; another ledger used ours at most so long before we did. */
const LOOK_BACK_MS = 25 * 3_600_000;

/** The intents that another ledger or program made under this transaction's key, as far as Stripe can tell. */
export async function otherIntents(
  deps: AskingOthers,
  transaction: Transaction,
  now: number,
): Promise<readonly OtherIntent[]> {
  const sentAt = Math.min(transaction.createSentAt ?? transaction.createdAt, now);
  return await deps.gateway.findOther({
    transaction,
    from: sentAt - LOOK_BACK_MS,
    to: Math.max(now, sentAt),
  });
}

/** Puts what another ledger made into the question that a person is asked. */
export async function withOtherIntents(
  deps: AskingOthers,
  transaction: Transaction,
  record: Transition,
  now: number,
): Promise<Transition> {
  const { review } = record.changes;
  if (record.action !== 'marked_stuck' || review?.reason !== 'key_used_elsewhere') return record;
  const found = await otherIntents(deps, transaction, now);
  const evidence: JsonObject = { ...review.evidence, other_intents: found.map(shown) };
  return {
    ...record,
    changes: { ...record.changes, review: { ...review, evidence } },
    detail: { ...record.detail, other_intents: found.map(shown) },
  };
}

function shown({ intent, matchedBy }: OtherIntent): JsonObject {
  const { id, status, amount, amountReceived, currency, created } = intent;
  return {
    id,
    status,
    amount,
    amount_received: amountReceived,
    currency,
    created: created * 1_000,
    matched_by: matchedBy,
  };
}
