import type { Instant } from '../transaction.ts';
import { sharePerMille, slowedDown, type SlowDown } from './slow-down.ts';

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

export const FRESH_BUDGET: BudgetState = {
  nextAtMicros: 0,
  slowedAt: null,
  slowedToPerMille: 1_000,
};

/** A pass never takes turns that begin later than this, so that a live charge never waits for longer, but for one turn. */
export const PASS_AHEAD_MS = 250;
/** A pass that found no turn comes again when it would get several. */
const PASS_COMES_AGAIN_MS = PASS_AHEAD_MS / 2;
/** Charges queue up for no longer; their calls have given up by then. */
export const LIVE_AHEAD_MS = 30_000;
/** What is further away was written while the database's clock was wrong: nobody takes turns that end so late. */
const WRONG_CLOCK_AHEAD_MS = 2 * LIVE_AHEAD_MS;

const MICROS_PER_MS = 1_000;
const MICROS_PER_SECOND = 1_000_000;

export interface Budget {
  readonly state: BudgetState;
  readonly perSecond: number;
}

export interface Turns {
  /** Perhaps fewer than wanted. 0: none may be taken now; ask again after `startInMs`. */
  readonly count: number;
  readonly startInMs: number;
  readonly apartMs: number;
}

/**
 * Whose calls go first where Stripe's limit is reached: a person or a customer waits for a `live` one, a pass looks up what
 * nobody waits for at this moment.
 */
export type Priority = 'live' | 'pass';

export interface Wanted {
  readonly count: number;
  /** A live call goes before whatever a pass has not taken yet. */
  readonly priority: Priority;
}

/** Microseconds between two turns now. */
function intervalMicros({ state, perSecond }: Budget, now: Instant): number {
  return Math.ceil(
    (MICROS_PER_SECOND * 1_000) / (perSecond * sharePerMille(slowDownOf(state), now)),
  );
}

function slowDownOf({ slowedAt, slowedToPerMille }: BudgetState): SlowDown | null {
  return slowedAt === null ? null : { atMs: slowedAt, perMille: slowedToPerMille };
}

/**
 * Turns in several budgets at once (an endpoint's and the account's): they begin when all of them are free, and are as
 * far apart as the slowest wants.
 */
export function takeTurns(
  budgets: readonly Budget[],
  wanted: Wanted,
  now: Instant,
): { readonly turns: Turns; readonly next: readonly BudgetState[] } {
  const intervals = budgets.map((budget) => intervalMicros(budget, now));
  const apart = Math.max(...intervals);
  const startAt = Math.max(
    ...budgets.map(({ state }, index) => freeAt(state, intervals[index] ?? apart, now)),
  );
  const startIn = startAt - now * MICROS_PER_MS;
  const startInMs = startIn / MICROS_PER_MS;
  const apartMs = apart / MICROS_PER_MS;
  const aheadMs = wanted.priority === 'live' ? LIVE_AHEAD_MS : PASS_AHEAD_MS;
  const count =
    startInMs > aheadMs
      ? 0
      : Math.min(wanted.count, 1 + Math.floor((aheadMs - startInMs) / apartMs));
  if (count === 0) {
    const comesAgainMs =
      startInMs - (wanted.priority === 'live' ? LIVE_AHEAD_MS : PASS_COMES_AGAIN_MS);
    return {
      turns: { count, startInMs: comesAgainMs, apartMs },
      next: budgets.map(({ state }) => state),
    };
  }
  const next = budgets.map(({ state }, index) => ({
    ...state,
    nextAtMicros: startAt + used(count, intervals[index] ?? apart, apart),
  }));
  return { turns: { count, startInMs, apartMs }, next };
}

function freeAt({ nextAtMicros }: BudgetState, interval: number, now: Instant): number {
  const nowMicros = now * MICROS_PER_MS;
  const latest = nowMicros + WRONG_CLOCK_AHEAD_MS * MICROS_PER_MS + 2 * interval;
  return nextAtMicros > latest ? nowMicros : Math.max(nowMicros, nextAtMicros);
}

/**
 * Only the slowest budget is used up to the end of the last turn: what another has left in between is free for others.
 * Their turns then lie among these, so that a second may hold more of them than were taken in a second; that is made
 * up for by taking a little more.
 */
function used(count: number, interval: number, apart: number): number {
  const spread = (count - 1) * (apart - interval);
  return Math.min(count * apart, Math.ceil(count * interval * (1 + spread / MICROS_PER_SECOND)));
}

/** Stripe answered 429. */
export function budgetAfter429(state: BudgetState, now: Instant): BudgetState {
  const before = slowDownOf(state);
  const { atMs, perMille } = slowedDown(before, now);
  if (atMs === before?.atMs) return state;
  return { ...state, slowedAt: atMs, slowedToPerMille: perMille };
}
