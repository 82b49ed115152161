import type { Instant } from './transaction.ts';

/*
 * One budget of calls a second, shared by every process that asks Stripe for the same account: who takes turns is told
 * when the first of them may begin. A budget is one number, the instant at which the next turn is free; taking turns
 * moves it on. Pure: the database keeps the number and tells the time.
 */

/** As the database keeps it. Instants in microseconds: at 1,000 calls a second a turn lasts a millisecond. */
export interface BudgetState {
  readonly nextAtMicros: number;
  /** When Stripe last said that it was too much, and what share of the rate was left then, in thousandths; null: never. */
  readonly slowedAt: Instant | null;
  readonly slowedToPerMille: number;
}

export const FRESH_BUDGET: BudgetState = { nextAtMicros: 0, slowedAt: null, slowedToPerMille: 1_000 };

/** After a 429 the rate is halved, down to this share .. */
const SLOWEST_PER_MILLE = 62;
/** .. and comes back to all of it evenly over this time. */
const RECOVERY_MS = 10_000;
/** Answers to requests that were under way together count as one. */
const ONE_SLOW_DOWN_PER_MS = 1_000;

/** A pass never takes turns that begin later than this, so that a live charge never waits for longer. */
export const PASS_AHEAD_MS = 250;

export interface Turns {
  /** 0: none may be taken now; ask again after `startInMs`. */
  readonly count: number;
  readonly startInMs: number;
  readonly apartMs: number;
}

export interface Wanted {
  readonly count: number;
  readonly perSecond: number;
  /** A live charge; it goes before whatever a pass has not taken yet. */
  readonly urgent: boolean;
}

/** Microseconds between two turns now. */
export function intervalMicros(state: BudgetState, perSecond: number, now: Instant): number {
  return Math.ceil(1_000_000_000 / (perSecond * sharePerMille(state, now)));
}

function sharePerMille({ slowedAt, slowedToPerMille }: BudgetState, now: Instant): number {
  if (slowedAt === null || slowedAt > now) return slowedAt === null ? 1_000 : slowedToPerMille;
  return Math.min(1_000, slowedToPerMille + (1_000 * (now - slowedAt)) / RECOVERY_MS);
}

/**
 * Turns in several budgets at once (an endpoint's and the account's): they begin when all of them are free, and are as
 * far apart as the slowest wants.
 */
export function takeTurns(budgets: readonly { readonly state: BudgetState; readonly perSecond: number }[], wanted: Pick<Wanted, 'count' | 'urgent'>, now: Instant): { readonly turns: Turns; readonly next: readonly BudgetState[] } {
  const nowMicros = now * 1_000;
  // An instant far in the future was written while the database's clock was wrong.
  const freeAt = budgets.map(({ state }) => (state.nextAtMicros > nowMicros + MOST_AHEAD_MICROS ? nowMicros : Math.max(nowMicros, state.nextAtMicros)));
  const startMicros = Math.max(...freeAt);
  const apart = Math.max(...budgets.map(({ state, perSecond }) => intervalMicros(state, perSecond, now)));
  const startInMs = (startMicros - nowMicros) / 1_000;
  if (!wanted.urgent && startInMs > PASS_AHEAD_MS) {
    return { turns: { count: 0, startInMs: startInMs - PASS_AHEAD_MS, apartMs: apart / 1_000 }, next: budgets.map(({ state }) => state) };
  }
  const next = budgets.map(({ state, perSecond }, index) => ({
    ...state,
    // Only the slowest is used up to the end of the last turn; what the others have left in between is free for others.
    nextAtMicros: Math.max(freeAt[index] ?? nowMicros, startMicros) + wanted.count * intervalMicros(state, perSecond, now),
  }));
  return { turns: { count: wanted.count, startInMs, apartMs: apart / 1_000 }, next };
}

/** Nobody waits for minutes: at the slowest rate a thousand callers are served by then. */
const MOST_AHEAD_MICROS = 600_000_000;

/** Stripe said 429. */
export function slowedDown(state: BudgetState, now: Instant): BudgetState {
  if (state.slowedAt !== null && now - state.slowedAt >= 0 && now - state.slowedAt < ONE_SLOW_DOWN_PER_MS) return state;
  return { ...state, slowedAt: now, slowedToPerMille: Math.max(SLOWEST_PER_MILLE, Math.floor(sharePerMille(state, now) / 2)) };
}
