import { setTimeout as wait } from 'node:timers/promises';
import { type Gateway, type LookUp } from '../../../src/app/ports.ts';
import { statementKind } from '../../../src/storage/gate.ts';
import { type Seams } from '../../../src/wire/parts.ts';

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
  #inTransaction = false;
  #calls = 0;

  /** Stops before the Nth step, counted from 1, or before the first step of that name; null never stops. */
  constructor(at: number | RegExp | null) {
    this.#at = at;
    this.standing = new Promise((resolve) => (this.#stand = resolve));
    this.#released = new Promise((resolve) => (this.#release = resolve));
  }

  goOn(): void {
    this.#state = 'late';
    this.#release();
  }

  /** When what it had begun before it stood still, for other payments, has come to its end. */
  async allStand(): Promise<void> {
    while (this.#inTransaction || this.#calls > 0) await wait(1);
  }

  async before(what: string, inTransaction = false): Promise<void> {
    if (!inTransaction) {
      this.places.push(what);
      if (this.#state === 'running' && (this.#at instanceof RegExp ? this.#at.test(what) : this.places.length === this.#at)) {
        this.#state = 'standing';
        this.#stand(what);
      }
    }
    if (this.#state === 'standing' && !inTransaction) await this.#released;
    if (this.#state === 'late') this.late.push(what);
  }

  /** Puts everything that payrecon does through the gate. */
  seams(): Pick<Seams, 'gate' | 'wrapGateway' | 'wrapMailer'> {
    return {
      gate: {
        before: async (kind, sql) => {
          await this.before(shown(sql), this.#inTransaction);
          if (kind === 'begin') this.#inTransaction = true;
        },
        after: (_kind, sql) => {
          if (['commit', 'rollback'].includes(statementKind(sql))) this.#inTransaction = false;
        },
      },
      wrapGateway: (gateway) => this.#gateway(gateway),
      wrapMailer: (mailer) => ({
        configured: mailer.configured,
        send: async (notification) => {
          await this.before(`mail ${notification.kind}`);
          return await mailer.send(notification);
        },
      }),
    };
  }

  #gateway(gateway: Gateway): Gateway {
    const through = async <Result>(what: string, call: () => Promise<Result>): Promise<Result> => {
      await this.before(`stripe ${what}`);
      this.#calls += 1;
      try {
        return await call();
      } finally {
        this.#calls -= 1;
      }
    };
    return {
      create: (transaction) => through('create', () => gateway.create(transaction)),
      confirm: (transaction) => through('confirm', () => gateway.confirm(transaction)),
      cancel: (transaction) => through('cancel', () => gateway.cancel(transaction)),
      account: () => through('account', () => gateway.account()),
      lookUp: (queries, signal) => this.#lookUp(gateway, queries, signal),
      newestIntents: () => through('newest', () => gateway.newestIntents()),
      findOther: (query) => through('find other', () => gateway.findOther(query)),
      calls: () => gateway.calls(),
    };
  }

  async *#lookUp(gateway: Gateway, queries: readonly LookUp[], signal: AbortSignal | undefined): ReturnType<Gateway['lookUp']> {
    if (queries.length > 0) await this.before('stripe look-up');
    yield* gateway.lookUp(queries, signal);
  }
}

const SHOWN_SQL = 400;

function shown(sql: string): string {
  return sql.replaceAll(/\s+/g, ' ').slice(0, SHOWN_SQL);
}

/** A write that only who holds the lease of a payment may make: a step or verdict, a renewal, the release. */
const GUARDED = /lease_token = (\?|\$\d+)/;
const CLAIMING = /set lease_token = (\?|\$\d+)/;
/** The mark on an e-mail, by its claim. */
const MARK = /claim_token = null.*claim_token = (\?|\$\d+)/;

/** How many of those writes were tried. */
export function guardedWrites(steps: readonly string[]): number {
  return steps.filter((step) => (GUARDED.test(step) && !CLAIMING.test(step) && !step.startsWith("select *")) || MARK.test(step)).length;
}
