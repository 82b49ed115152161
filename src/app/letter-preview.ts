import { outcomeChanges } from '../domain/decide/on-resolution.ts';
import { customerMail, letterData } from '../domain/letters.ts';
import type { Instant } from '../domain/transaction.ts';
import type { Notification } from './ports.ts';
import type { ResolveTarget, StuckCase } from './service.ts';

/** The e-mail that a decision would queue for the customer, as it would stand in the outbox; null where it queues none. */
export function letterOfDecision(
  { transaction, seen }: Pick<StuckCase, 'transaction' | 'seen'>,
  { as, reason }: { readonly as: ResolveTarget; readonly reason: string },
  now: Instant,
): (Notification & { readonly to: string }) | null {
  if (as === 'retry' || as === 'acknowledge' || transaction.email === null) return null;
  const after = {
    ...transaction,
    ...outcomeChanges(transaction, seen, { as, reason }),
    status: as,
  };
  const [kind] = customerMail(after, false);
  if (kind === undefined) return null;
  return {
    id: '',
    transactionId: transaction.id,
    kind,
    to: transaction.email,
    state: 'queued',
    attempts: 0,
    createdAt: now,
    nextAttemptAt: null,
    sentAt: null,
    messageId: null,
    lastError: null,
    data: letterData(after),
  };
}
