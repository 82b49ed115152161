import { setTimeout as wait } from 'node:timers/promises';
import type { Clock, Gateway, LookUp } from '../../../src/app/ports.ts';
import type { Overrides } from '../../../src/compose/adapters.ts';
import { clockInTurn, inOrderOfQueries, Turns } from '../turns.ts';

/*
 * A process that stands still and goes on later, as after SIGSTOP or with its machine asleep: at one of its steps
 * (a SQL statement, a call to Stripe, an e-mail) everything it wants to do waits until it is let go.
 *
 * Inside a SQL transaction it never stops: there it would hold the database's own locks, which no lease guards and
 * which end with its connection.
 */
export class PausingGate {
  /** Each step at which it could have stopped, in order. */
  readonly places: string[] = [];
  /** What it did after it went on. */
  readonly late: string[] = [];
  /** Where it stands, once it does. */
  readonly standing: Promise<string>;
  readonly #at: number | RegExp | null;
  readonly #released: Promise<void>;
  #stand: (where: string) => void = () => undefined;
  #release: () => void = () => undefined;
  #state: 'running' | 'standing' | 'late' = 'running';
  readonly #turns = new Turns();
  /** E-mails whose sending had begun before it went on, and has not ended before it stood still. */
  mailsUnderWay = 0;

  /** Stops before the Nth step, counted from 1, or before the first step of that name; null never stops. */
  constructor(at: number | RegExp | null) {
    this.#at = at;
    this.standing = new Promise((resolve) => (this.#stand = resolve));
    this.#released = new Promise((resolve) => (this.#release = resolve));
  }

  goOn(): void {
    this.#state = 'late';
    this.#release();
    this.#turns.resume();
  }

  /** When what it had begun before it stood still, for other payments, has come to its end; all but the step at which it stands. */
  async allStand(): Promise<void> {
    while (!this.#turns.stands(1)) await wait(1);
  }

  async #before(what: string, inTransaction = false): Promise<void> {
    if (!inTransaction) {
      this.places.push(what);
      if (
        this.#state === 'running' &&
        (this.#at instanceof RegExp ? this.#at.test(what) : this.places.length === this.#at)
      ) {
        this.#state = 'standing';
        this.#turns.hold();
        this.#stand(what);
      }
    }
    if (this.#state === 'standing' && !inTransaction) await this.#released;
    if (this.#state === 'late') this.late.push(what);
  }

  /** Puts everything that payrecon does through the gate; who sleeps by that clock takes its turn for it. */
  overrides(clock: Clock): Pick<Overrides, 'gate' | 'clock' | 'wrapGateway' | 'wrapMailer'> {
    const turns = this.#turns;
    return {
      clock: clockInTurn(turns, 0, clock),
      gate: {
        before: (kind, sql, connection) => {
          const inTransaction = turns.inTransaction(connection);
          return turns.beginSql(0, { kind, connection }, () =>
            this.#before(shown(sql), inTransaction),
          );
        },
        after: (kind, _sql, connection) => turns.endSql({ kind, connection, failed: false }),
        failed: (kind, _sql, connection) => turns.endSql({ kind, connection, failed: true }),
        opening: (opened) => turns.opening(opened),
      },
      wrapGateway: (gateway) => this.#gateway(gateway),
      wrapMailer: (mailer) => ({
        configured: mailer.configured,
        send: async (notification) => {
          if (this.#state !== 'late') this.mailsUnderWay += 1;
          const outcome = await this.#through(`mail ${notification.kind}`, () =>
            mailer.send(notification),
          );
          if (this.#state === 'running') this.mailsUnderWay -= 1;
          return outcome;
        },
      }),
    };
  }

  async #through<Result>(what: string, effect: () => Promise<Result>): Promise<Result> {
    const turn = await this.#turns.begin(0);
    try {
      await this.#before(what);
      return await this.#turns.within(effect);
    } finally {
      await turn.end();
    }
  }

  #gateway(gateway: Gateway): Gateway {
    return {
      create: (transaction) => this.#through('stripe create', () => gateway.create(transaction)),
      confirm: (transaction) => this.#through('stripe confirm', () => gateway.confirm(transaction)),
      cancel: (transaction) => this.#through('stripe cancel', () => gateway.cancel(transaction)),
      account: () => this.#through('stripe account', () => gateway.account()),
      rights: () => this.#through('stripe rights', () => gateway.rights()),
      lookUp: (queries, signal) => this.#lookUp(gateway, queries, signal),
      newestIntents: (query) => this.#through('stripe newest', () => gateway.newestIntents(query)),
      aheadMs: (now) => gateway.aheadMs(now),
      findOther: (query) => this.#through('stripe find other', () => gateway.findOther(query)),
      calls: () => gateway.calls(),
    };
  }

  /** It can stand still before it asks, and not between the answers. */
  async *#lookUp(
    gateway: Gateway,
    queries: readonly LookUp[],
    signal: AbortSignal | undefined,
  ): ReturnType<Gateway['lookUp']> {
    const answers = inOrderOfQueries(gateway.lookUp(queries, signal), queries)[
      Symbol.asyncIterator
    ]();
    try {
      for (const [index] of queries.entries()) {
        const next = (): ReturnType<typeof answers.next> => answers.next();
        const answer = await (index === 0
          ? this.#through('stripe look-up', next)
          : this.#turns.step(0, next));
        if (answer.done === true) return;
        yield answer.value;
      }
    } finally {
      await answers.return?.();
    }
  }
}

const SHOWN_SQL = 4_000;

function shown(sql: string): string {
  return sql.replaceAll(/\s+/g, ' ').slice(0, SHOWN_SQL);
}

/** A write that only who holds the lease of a payment may make: a step or verdict, a renewal, the release. */
const GUARDED = /lease_token = (\?|\$\d+|input\.token)/;
const CLAIMING = /set lease_token = (\?|\$\d+)/;
/** The mark on an e-mail, by its claim. */
const MARK = /claim_token = null.*claim_token = (\?|\$\d+)/;

/** How many of those writes were tried. */
export function guardedWrites(steps: readonly string[]): number {
  return steps.filter(
    (step) =>
      (GUARDED.test(step) && !CLAIMING.test(step) && !step.startsWith('select *')) ||
      MARK.test(step),
  ).length;
}
