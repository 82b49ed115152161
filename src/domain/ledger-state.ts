import type { Instant } from './transaction.ts';

/** Whether payments can be made on a ledger, and if not, why. */
export type LedgerState =
  | { readonly kind: 'in_use' }
  | { readonly kind: 'rolled_back'; readonly since: Instant }
  /** Marked by `migrate --from`; the copy may or may not be committed. */
  | { readonly kind: 'moving'; readonly to: string }
  | { readonly kind: 'moved'; readonly to: string; readonly at: Instant };

/** What the ledger's own row says about it. */
export interface LedgerMarkings {
  readonly movedTo: string | null;
  readonly movedAt: Instant | null;
  readonly rolledBackAt: Instant | null;
}

/** Null: it has no row yet, as before its first use. */
export function ledgerState(markings: LedgerMarkings | null): LedgerState {
  if (markings === null) return { kind: 'in_use' };
  const { movedTo, movedAt, rolledBackAt } = markings;
  if (movedTo !== null) {
    return movedAt === null
      ? { kind: 'moving', to: movedTo }
      : { kind: 'moved', to: movedTo, at: movedAt };
  }
  return rolledBackAt === null ? { kind: 'in_use' } : { kind: 'rolled_back', since: rolledBackAt };
}

export interface LedgerStateWords {
  readonly what: string;
  /** What is safe to do now. */
  readonly safe: string;
}

/** For people; null where there is nothing to say. `where` is the ledger as `DATABASE_URL` names it. */
export function ledgerStateWords(state: LedgerState, where: string): LedgerStateWords | null {
  switch (state.kind) {
    case 'in_use':
      return null;
    case 'rolled_back':
      return {
        what:
          'Stripe shows payments of this ledger that it does not have: it was restored from a backup, ' +
          'or lost its newest steps in a failover. Nothing is charged on it.',
        safe:
          'Reading and `payrecon reconcile` are safe. Charge these orders nowhere else. Restore the ' +
          'newest copy of the ledger; the next `payrecon reconcile` then finds it whole, and ' +
          'charging goes on.',
      };
    case 'moving':
      return {
        what:
          `Moving this ledger to ${state.to} was begun and has not ended. Nothing is charged on it, ` +
          'and at the new place only once the move has ended.',
        safe:
          'Reading is safe. To end the move, run the same command again, with DATABASE_URL naming ' +
          `${state.to}: \`payrecon migrate --from ${where}\`. It goes on from where it was.`,
      };
    case 'moved':
      return {
        what: `This ledger was moved to ${state.to}. Nothing is charged or reconciled on it any more.`,
        safe: `Reading is safe. Point DATABASE_URL at ${state.to}, and put no older copy of this file back.`,
      };
  }
}
