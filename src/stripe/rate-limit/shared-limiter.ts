import type { Budgets, Clock } from '../../app/ports.ts';
import type { Priority } from '../../domain/rate-limit/budget.ts';
import { PayreconError } from '../../domain/errors.ts';
import {
  ENDPOINTS,
  type RequestLimiter,
  type Endpoint,
  type Limiter,
  type Limits,
} from './local-limiter.ts';

/** Turns taken at a time: so many that the database is asked a few times a second, and no host sits on more. */
const BLOCK_SECONDS = 0.2;
/** A turn that nobody used by then is lost: whoever used it later would come on top of the turns of that second. */
const TURN_KEEPS_MS = 200;
/** How long the database is left alone after it failed: each try may take seconds. */
const ALONE_FOR_MS = 5_000;

/** Of the whole account; `account` is the endpoint that tells of it. */
const ACCOUNT_BUDGET = 'all_endpoints';

export interface SharedLimits {
  readonly budgets: Budgets;
  readonly clock: Clock;
  readonly priority: Priority;
  /** What this process keeps to while the database is away; one for all priorities. */
  readonly local: RequestLimiter;
}

interface Lane {
  /** When the turns that were taken begin, by this process's own clock; earliest first. */
  granted: number[];
  /** Callers without a turn. */
  waiting: number;
  /** The last turn that was taken, by this process's own clock. */
  takenUntilMs: number;
  /** Requests that went out without a turn: the library's hidden repetitions. */
  owed: number;
  drawing: Promise<void> | null;
}

/**
 * Keeps all processes on one ledger inside Stripe's limits together: turns are taken from the database in small
 * blocks. While the database is away, this process keeps inside the limits by itself.
 */
export class SharedLimiter implements Limiter {
  readonly #limits: Limits;
  readonly #budgets: Budgets;
  readonly #clock: Clock;
  readonly #priority: Priority;
  readonly #alone: RequestLimiter;
  readonly #lanes: ReadonlyMap<Endpoint, Lane>;
  #aloneUntilMs = -Infinity;

  constructor(limits: Limits, { budgets, clock, priority, local }: SharedLimits) {
    this.#limits = limits;
    this.#budgets = budgets;
    this.#clock = clock;
    this.#priority = priority;
    this.#alone = local;
    this.#lanes = new Map(
      ENDPOINTS.map((endpoint) => [
        endpoint,
        { granted: [], waiting: 0, owed: 0, drawing: null, takenUntilMs: 0 },
      ]),
    );
  }

  async take(endpoint: Endpoint, signal: AbortSignal): Promise<boolean> {
    if (this.#clock.monotonicMs() < this.#aloneUntilMs)
      return await this.#alone.take(endpoint, signal);
    const lane = this.#lane(endpoint);
    try {
      const turn = await this.#turn(endpoint, lane, signal);
      return turn !== null && (await this.#waitUntil(turn, lane, signal));
    } catch (error) {
      if (!(error instanceof PayreconError)) throw error;
      this.#goAlone();
      return await this.#alone.take(endpoint, signal);
    }
  }

  spend(endpoint: Endpoint): void {
    this.#lane(endpoint).owed += 1;
    this.#alone.spend(endpoint);
  }

  slowDown(endpoint: Endpoint, reason: string | null): void {
    this.#alone.slowDown(endpoint, reason);
    const names = [
      ...(reason?.startsWith('global') === true ? [ACCOUNT_BUDGET] : []),
      endpoint,
    ].sort();
    // Not awaited. If the database cannot be reached, at least this process slows down.
    this.#budgets.slowDown(names).catch(() => {
      this.#goAlone();
    });
  }

  #goAlone(): void {
    this.#aloneUntilMs = this.#clock.monotonicMs() + ALONE_FOR_MS;
  }

  /** The next turn of the endpoint, null when the signal aborted. */
  async #turn(endpoint: Endpoint, lane: Lane, signal: AbortSignal): Promise<number | null> {
    lane.waiting += 1;
    try {
      while (!signal.aborted) {
        const stale = this.#clock.monotonicMs() - TURN_KEEPS_MS;
        lane.granted = lane.granted.filter((turn) => turn >= stale);
        const turn = lane.granted.shift();
        if (turn !== undefined) return turn;
        lane.drawing ??= this.#draw(endpoint, lane).finally(() => {
          lane.drawing = null;
        });
        await orAborted(lane.drawing, signal);
      }
      return null;
    } finally {
      lane.waiting -= 1;
    }
  }

  async #draw(endpoint: Endpoint, lane: Lane): Promise<void> {
    const { endpointRequestsPerSecond, requestsPerSecond } = this.#limits;
    // Those who ask at the same moment share a block.
    await Promise.resolve();
    // Turns taken far ahead would hold the account's as well, and keep them from the other endpoints meanwhile.
    const aheadMs = lane.takenUntilMs - this.#clock.monotonicMs();
    if (aheadMs > 0) await this.#clock.sleep(aheadMs);
    const count = Math.max(
      1,
      Math.min(lane.waiting, Math.floor(endpointRequestsPerSecond * BLOCK_SECONDS)),
    );
    const budgets = [
      { name: ACCOUNT_BUDGET, perSecond: requestsPerSecond },
      { name: endpoint, perSecond: endpointRequestsPerSecond },
    ];
    const turns = await this.#budgets.take(budgets, {
      count: count + lane.owed,
      priority: this.#priority,
    });
    if (turns.count === 0) {
      await this.#clock.sleep(turns.startInMs);
      return;
    }
    const paid = Math.min(lane.owed, turns.count);
    lane.owed -= paid;
    const now = this.#clock.monotonicMs();
    for (let turn = paid; turn < turns.count; turn += 1)
      lane.granted.push(now + turns.startInMs + turn * turns.apartMs);
    lane.takenUntilMs = now + turns.startInMs + (turns.count - 1) * turns.apartMs;
  }

  async #waitUntil(turn: number, lane: Lane, signal: AbortSignal): Promise<boolean> {
    const waitMs = turn - this.#clock.monotonicMs();
    if (waitMs > 0) await this.#clock.sleep(waitMs, signal);
    if (!signal.aborted) return true;
    // Aborted while waiting: return the permit to the pool.
    lane.granted = [...lane.granted, turn].sort((a, b) => a - b);
    return false;
  }

  #lane(endpoint: Endpoint): Lane {
    const lane = this.#lanes.get(endpoint);
    if (lane === undefined) throw new RangeError(`no lane for ${endpoint}`);
    return lane;
  }
}

/** Whichever comes first. */
async function orAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  let stop = (): void => undefined;
  const aborted = new Promise<void>((resolve) => {
    stop = resolve;
  });
  signal.addEventListener('abort', stop, { once: true });
  try {
    await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
