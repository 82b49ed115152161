import { type Budgets, type Clock } from '../app/ports.ts';
import { PayreconError } from '../domain/errors.ts';
import { ENDPOINTS, RequestLimiter, type Endpoint, type Limiter, type Limits } from './limiter.ts';

/** Turns taken at a time: so many that the database is asked a few times a second, and no host sits on more. */
const BLOCK_SECONDS = 0.2;

const ACCOUNT_BUDGET = 'account';

interface Lane {
  /** When the turns that were taken begin, by this process's own clock. */
  readonly granted: number[];
  waiting: number;
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
  readonly #urgent: boolean;
  readonly #alone: RequestLimiter;
  readonly #lanes: ReadonlyMap<Endpoint, Lane>;
  #telling: Promise<void> = Promise.resolve();

  constructor(limits: Limits, budgets: Budgets, clock: Clock, urgent: boolean) {
    this.#limits = limits;
    this.#budgets = budgets;
    this.#clock = clock;
    this.#urgent = urgent;
    this.#alone = new RequestLimiter(limits, clock);
    this.#lanes = new Map(ENDPOINTS.map((endpoint) => [endpoint, { granted: [], waiting: 0, owed: 0, drawing: null }]));
  }

  async take(endpoint: Endpoint, signal: AbortSignal): Promise<boolean> {
    const lane = this.#lane(endpoint);
    lane.waiting += 1;
    try {
      while (!signal.aborted) {
        const turn = lane.granted.shift();
        if (turn !== undefined) return await this.#waitUntil(turn, signal);
        lane.drawing ??= this.#draw(endpoint, lane).finally(() => {
          lane.drawing = null;
        });
        await lane.drawing;
      }
      return false;
    } catch (error) {
      if (error instanceof PayreconError) return await this.#alone.take(endpoint, signal);
      throw error;
    } finally {
      lane.waiting -= 1;
    }
  }

  spend(endpoint: Endpoint): void {
    this.#lane(endpoint).owed += 1;
    this.#alone.spend(endpoint);
  }

  slowDown(endpoint: Endpoint, reason: string | null): void {
    this.#alone.slowDown(endpoint, reason);
    const names = [endpoint, ...(reason?.startsWith('global') === true ? [ACCOUNT_BUDGET] : [])].sort();
    this.#telling = this.#telling.then(() => this.#budgets.slowDown(names)).catch((error: unknown) => {
      if (!(error instanceof PayreconError)) throw error;
    });
  }

  /** Once the others know what Stripe has said. */
  async settled(): Promise<void> {
    await this.#telling;
  }

  async #draw(endpoint: Endpoint, lane: Lane): Promise<void> {
    const { endpointRequestsPerSecond, requestsPerSecond } = this.#limits;
    const count = Math.max(1, Math.min(lane.waiting, Math.floor(endpointRequestsPerSecond * BLOCK_SECONDS)));
    const owed = lane.owed;
    const budgets = [{ name: ACCOUNT_BUDGET, perSecond: requestsPerSecond }, { name: endpoint, perSecond: endpointRequestsPerSecond }];
    const turns = await this.#budgets.take(budgets.sort((a, b) => (a.name < b.name ? -1 : 1)), { count: count + owed, urgent: this.#urgent });
    if (turns.count === 0) {
      await this.#clock.sleep(turns.startInMs);
      return;
    }
    lane.owed -= owed;
    const now = this.#clock.monotonicMs();
    for (let turn = owed; turn < turns.count; turn += 1) lane.granted.push(now + turns.startInMs + turn * turns.apartMs);
  }

  async #waitUntil(turn: number, signal: AbortSignal): Promise<boolean> {
    const waitMs = turn - this.#clock.monotonicMs();
    if (waitMs > 0) await this.#clock.sleep(waitMs, signal);
    return !signal.aborted;
  }

  #lane(endpoint: Endpoint): Lane {
    const lane = this.#lanes.get(endpoint);
    if (lane === undefined) throw new RangeError(`no lane for ${endpoint}`);
    return lane;
  }
}
