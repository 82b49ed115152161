import type { Turns, Wanted } from '../domain/rate-limit/budget.ts';

/** Calls a second that all processes on one ledger share; kept in the database. */
export interface Budgets {
  /** Turns in all of these at once. A pass gets none while others are waiting for longer than it may make a charge wait. */
  take(
    budgets: readonly { readonly name: string; readonly perSecond: number }[],
    wanted: Wanted,
  ): Promise<Turns>;
  /** Stripe has answered 429. */
  slowDown(names: readonly string[]): Promise<void>;
}
