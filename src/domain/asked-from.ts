import type { Transaction } from './transaction.ts';

/**
 * As its next time is told: what is kept is when its own wait ends, and no pass asks about a payment
 * that is younger than `pendingAfterMs`.
 */
export function askedFrom(transaction: Transaction, pendingAfterMs: number): Transaction {
  const { status, nextAttemptAt, createdAt } = transaction;
  if (status !== 'pending' || nextAttemptAt === null) return transaction;
  return { ...transaction, nextAttemptAt: Math.max(nextAttemptAt, createdAt + pendingAfterMs) };
}
