import { AsyncLocalStorage } from 'node:async_hooks';
import type { Clock, Gateway, LookUp } from '../../src/app/ports.ts';

/*
 * Makes the order of all steps of a process a matter of the case and not of the machine. A step is a SQL statement, a
 * call to Stripe, an e-mail or a short sleep. It begins when its turn has come, and the process sees its result when
 * the turn of the result has come: in the order in which the steps began, however long each of them took. Between two
 * turns everything that the last one set going comes to rest. So the same case has the same steps on every machine,
 * and records that come together are written together each time.
 *
 * Several processes make one step at a time, in an order that is given. One process alone has as many steps under way
 * at the same time as it wants, as it would have without turns.
 */

/** One step under way. */
export interface Turn {
  /** The effect was had, or failed: resolves when the process may know it. */
  end(): Promise<void>;
}

export interface TurnsOptions {
  /** Which process makes the next step; when it is used up the first in line does. */
  readonly order?: readonly number[];
  readonly processes?: number;
}

export interface SqlStep {
  readonly kind: string;
  readonly connection: object;
  readonly failed: boolean;
}

interface Waiting {
  readonly who: number;
  /** Of a SQL statement. */
  readonly connection: object | null;
  readonly go: (turn: Turn) => void;
  readonly fail: (error: Error) => void;
}

interface Flight {
  readonly who: number;
  readonly connection: object | null;
  ended: boolean;
  readonly seen: () => void;
}

/** What a step does inside of itself (a pause of Stripe's library, a shared limit's statements) is no step. */
const withinStep = new AsyncLocalStorage<true>();

const NO_TURN: Turn = { end: () => Promise.resolve() };

/** So many rounds of the event loop without another step asked for, and the process has come to rest. */
const QUIET_ROUNDS = 4;
/** Only says why a case hangs; no verdict depends on it. */
const HANGS_AFTER_MS = 120_000;

export class Turns {
  readonly #order: readonly number[];
  readonly #atOnce: number;
  readonly #live = new Set<number>();
  #waiting: Waiting[] = [];
  /** In the order in which they began. */
  #flying: Flight[] = [];
  /** A SQL transaction is open: no other statement is sent, for the database would make it wait. */
  #transaction: { readonly who: number; readonly connection: object } | null = null;
  readonly #statements = new Map<object, Turn>();
  #connecting = 0;
  #held = false;
  #asked = 0;
  #planned = false;
  #next = 0;
  #last: number | null = null;
  #hangs: NodeJS.Timeout | null = null;
  /** How often the next step was another process's. */
  switches = 0;

  constructor({ order = [], processes = 1 }: TurnsOptions = {}) {
    this.#order = order;
    this.#atOnce = processes === 1 ? Number.POSITIVE_INFINITY : 1;
    for (let who = 0; who < processes; who += 1) this.#live.add(who);
  }

  /** Resolves when the step may begin. */
  async begin(who: number, connection: object | null = null): Promise<Turn> {
    if (!this.#live.has(who) || withinStep.getStore() === true) return NO_TURN;
    this.#asked += 1;
    return await new Promise<Turn>((go, fail) => {
      this.#waiting.push({ who, connection, go, fail });
      this.#plan();
    });
  }

  /** Does it within a step that has begun. */
  within<T>(effect: () => Promise<T>): Promise<T> {
    return withinStep.run(true, effect);
  }

  async step<T>(who: number, effect: () => Promise<T>): Promise<T> {
    const turn = await this.begin(who);
    try {
      return await this.within(effect);
    } finally {
      await turn.end();
    }
  }

  /** `look`: what is done at the beginning of the step; where it throws, the statement is not sent. */
  async beginSql(
    who: number,
    { kind, connection }: Pick<SqlStep, 'kind' | 'connection'>,
    look: () => Promise<void> | void,
  ): Promise<void> {
    const turn = await this.begin(who, connection);
    this.#statements.set(connection, turn);
    try {
      await look();
    } catch (error) {
      await this.endSql({ kind, connection, failed: true });
      throw error;
    }
    if (kind === 'begin' && turn !== NO_TURN) this.#transaction = { who, connection };
  }

  async endSql({ kind, connection, failed }: SqlStep): Promise<void> {
    await this.#statements.get(connection)?.end();
    this.#statements.delete(connection);
    const over = kind === 'commit' || kind === 'rollback' || (failed && kind === 'begin');
    if (over && this.#transaction?.connection === connection) this.#transaction = null;
    this.#plan();
  }

  inTransaction(connection: object): boolean {
    return this.#transaction?.connection === connection;
  }

  /** A connection is being opened: what waits for it has not come to its next step yet. */
  opening(opened: Promise<unknown>): void {
    this.#connecting += 1;
    const over = (): void => {
      this.#connecting -= 1;
      this.#plan();
    };
    opened.then(over, over);
  }

  /** From now on nothing begins and nothing is seen, but for a SQL transaction that is open. */
  hold(): void {
    this.#held = true;
  }

  resume(): void {
    this.#held = false;
    this.#plan();
  }

  /** Held, and all that had begun before (`but` for those that stand themselves) has come to its end. */
  stands(but: number): boolean {
    return (
      this.#held &&
      this.#transaction === null &&
      this.#connecting === 0 &&
      this.#flying.filter(({ ended }) => !ended).length <= but
    );
  }

  /** The process has come to its end, or is dead: its other work must meet its death, too. */
  end(who: number): void {
    this.#live.delete(who);
    if (this.#transaction?.who === who) this.#transaction = null;
    const own = this.#waiting.filter((each) => each.who === who);
    this.#waiting = this.#waiting.filter((each) => each.who !== who);
    for (const { go } of own) go(NO_TURN);
    for (const flight of this.#flying.filter((each) => each.who === who))
      if (flight.ended) this.#see(flight);
    this.#plan();
  }

  #plan(): void {
    if (this.#planned) return;
    this.#planned = true;
    let quiet = 0;
    let asked = this.#asked;
    const round = (): void => {
      quiet = this.#asked === asked ? quiet + 1 : 0;
      asked = this.#asked;
      if (quiet < QUIET_ROUNDS) {
        setImmediate(round);
        return;
      }
      this.#planned = false;
      this.#choose();
    };
    setImmediate(round);
  }

  #choose(): void {
    this.#watch();
    if (this.#connecting > 0 || (this.#held && this.#transaction === null)) return;
    const next = this.#startable();
    if (next !== null) {
      this.#start(next);
      return;
    }
    // A transaction goes on first: what is under way may wait for its locks.
    const of = this.#transaction?.connection;
    const oldest = this.#flying.find(({ connection }) => of === undefined || connection === of);
    if (oldest?.ended === true) this.#see(oldest);
  }

  #startable(): Waiting | null {
    if (this.#transaction !== null) {
      const { connection } = this.#transaction;
      const statement = this.#waiting.find((each) => each.connection === connection);
      if (statement !== undefined || this.#atOnce === 1 || this.#held) return statement ?? null;
      return this.#waiting.find((each) => each.connection === null) ?? null;
    }
    if (this.#flying.length >= this.#atOnce || this.#waiting.length === 0) return null;
    if (this.#atOnce > 1) return this.#waiting[0] ?? null;
    // The order says whose turn it is only when everybody is there.
    if ([...this.#live].some((who) => !this.#waiting.some((each) => each.who === who))) return null;
    const processes = [...new Set(this.#waiting.map(({ who }) => who))].sort((a, b) => a - b);
    const chosen = processes[(this.#order[this.#next] ?? 0) % processes.length];
    this.#next += 1;
    return this.#waiting.find(({ who }) => who === chosen) ?? null;
  }

  #start(next: Waiting): void {
    this.#waiting.splice(this.#waiting.indexOf(next), 1);
    if (this.#last !== null && this.#last !== next.who) this.switches += 1;
    this.#last = next.who;
    let see: () => void = () => undefined;
    const seen = new Promise<void>((resolve) => (see = resolve));
    const flight: Flight = { who: next.who, connection: next.connection, ended: false, seen: see };
    this.#flying.push(flight);
    next.go({
      end: () => {
        flight.ended = true;
        if (this.#live.has(flight.who)) this.#plan();
        else this.#see(flight);
        return seen;
      },
    });
    this.#plan();
  }

  #see(flight: Flight): void {
    this.#flying.splice(this.#flying.indexOf(flight), 1);
    flight.seen();
    this.#plan();
  }

  /** Says who is waited for when nobody moves any more. */
  #watch(): void {
    if (this.#hangs !== null) clearTimeout(this.#hangs);
    this.#hangs = null;
    if (this.#waiting.length === 0 || this.#held) return;
    const waiting = this.#waiting.map(({ who }) => who);
    const flying = this.#flying.map(({ who, ended }) => `${String(who)}${ended ? ', ended' : ''}`);
    this.#hangs = setTimeout(() => {
      const error = new Error(
        `nobody takes a turn: live ${[...this.#live].join()}, waiting ${waiting.join()}, under way ${flying.join('; ')}, ${String(this.#connecting)} connecting`,
      );
      for (const { fail } of this.#waiting.splice(0)) fail(error);
    }, HANGS_AFTER_MS);
    this.#hangs.unref();
  }
}

/** Whoever sleeps a little takes a turn for it; who sleeps long waits for something else to end the sleep. */
export function clockInTurn(turns: Turns, who: number, clock: Clock): Clock {
  return {
    monotonicMs: () => clock.monotonicMs(),
    sleep: async (ms, signal) => {
      if (ms < LONG_SLEEP_MS) await turns.step(who, () => clock.sleep(ms, signal));
      else if (signal === undefined) await clock.sleep(ms);
      else if (!signal.aborted)
        await new Promise<void>((resolve) =>
          signal.addEventListener('abort', () => resolve(), { once: true }),
        );
    },
  };
}

/** Shorter ones only make a case slow; a longer one waits for a lease to be renewed, and a case is over long before. */
const LONG_SLEEP_MS = 10_000;

type Answers = ReturnType<Gateway['lookUp']>;
type Answer = Awaited<ReturnType<ReturnType<Answers[typeof Symbol.asyncIterator]>['next']>>;

/** The answers to a look-up in the order of its queries: they are under way at the same time, and come as they like. */
export async function* inOrderOfQueries(answers: Answers, queries: readonly LookUp[]): Answers {
  const iterator = answers[Symbol.asyncIterator]();
  const come = new Map<string, Answer>();
  try {
    for (const { transactionId } of queries) {
      while (!come.has(transactionId)) {
        const answer = await iterator.next();
        if (answer.done === true) return;
        come.set(answer.value.query.transactionId, answer);
      }
      const answer = come.get(transactionId);
      if (answer !== undefined && answer.done !== true) yield answer.value;
    }
  } finally {
    await iterator.return?.();
  }
}
