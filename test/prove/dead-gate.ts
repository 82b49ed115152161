import type { Clock, Gateway, LookUp, Mailer } from '../../src/app/ports.ts';
import type { Gate } from '../../src/storage/statement-hook.ts';
import type { Overrides } from '../../src/compose/adapters.ts';
import { clockInTurn, inOrderOfQueries, Turns } from './turns.ts';

/*
 * One numbered gate for all that a process of payrecon does to the world: every SQL statement with BEGIN and
 * COMMIT, every call to Stripe, every e-mail. The gate lets the process die at one step: there, and at everything
 * that comes after it, it throws, so that no `catch`, no `finally` and no rollback gets anything done any more.
 */

/** Where a process dies: before the Nth effect, or after it, with the answer not seen any more. */
export interface CrashPoint {
  readonly step: number;
  readonly when: 'before' | 'after';
}

/** What the dead process's code is thrown; not an expected error, so nobody may take it for an answer. */
export class ProcessDied extends Error {
  override readonly name = 'ProcessDied';
}

export class DeadGate {
  /** What passed, in order: an effect has begun, an effect was had. They differ where a statement fails. */
  readonly begun: string[] = [];
  readonly had: string[] = [];
  /** What died, for people; null while the process lives. */
  diedAt: string | null = null;
  /** How often the dead process still tried to do something. */
  triedAfterDeath = 0;
  /** Requests that have begun and are not answered. */
  underWay = 0;
  /** Called at the moment of death. */
  readonly onDeath: () => void;
  /** The order of the steps, and which of its processes this one is. */
  readonly turns: Turns;
  readonly who: number;
  readonly #point: CrashPoint | null;

  constructor(
    point: CrashPoint | null,
    onDeath: () => void = () => undefined,
    { turns = new Turns(), who = 0 }: { readonly turns?: Turns; readonly who?: number } = {},
  ) {
    this.#point = point;
    this.onDeath = onDeath;
    this.turns = turns;
    this.who = who;
  }

  before(what: string): void {
    this.#dieAgain();
    this.begun.push(what);
    if (this.#point?.when === 'before' && this.#point.step === this.begun.length)
      this.#die(`before step ${this.begun.length}, ${what}`);
  }

  after(what: string): void {
    this.#dieAgain();
    this.had.push(what);
    if (this.#point?.when === 'after' && this.#point.step === this.had.length)
      this.#die(`after step ${this.had.length}, ${what}`);
  }

  async around<T>(what: string, effect: () => Promise<T>): Promise<T> {
    const turn = await this.turns.begin(this.who);
    let result: T;
    try {
      this.before(what);
      this.underWay += 1;
      result = await this.turns.within(effect).finally(() => {
        this.underWay -= 1;
      });
    } finally {
      await turn.end();
    }
    this.after(what);
    return result;
  }

  sql(): Required<Gate> {
    const shown = (sql: string): string => sql.replaceAll(/\s+/g, ' ').slice(0, SHOWN_SQL);
    return {
      before: (kind, sql, connection) =>
        this.turns.beginSql(this.who, { kind, connection }, () => this.before(shown(sql))),
      after: async (kind, sql, connection) => {
        await this.turns.endSql({ kind, connection, failed: false });
        this.after(shown(sql));
      },
      failed: (kind, _sql, connection) => this.turns.endSql({ kind, connection, failed: true }),
      opening: (opened) => this.turns.opening(opened),
    };
  }

  #die(where: string): never {
    this.diedAt = where;
    this.onDeath();
    this.turns.end(this.who);
    throw new ProcessDied(where);
  }

  #dieAgain(): void {
    if (this.diedAt === null) return;
    this.triedAfterDeath += 1;
    throw new ProcessDied(this.diedAt);
  }
}

const SHOWN_SQL = 60;

/** Puts everything that payrecon does through the gate; who sleeps by that clock takes its turn for it. */
export function seamsThrough(
  gate: DeadGate,
  clock: Clock,
): Pick<Overrides, 'gate' | 'clock' | 'wrapGateway' | 'wrapMailer'> {
  return {
    gate: gate.sql(),
    clock: clockInTurn(gate.turns, gate.who, clock),
    wrapGateway: (gateway) => gatewayThrough(gate, gateway),
    wrapMailer: (mailer) => mailerThrough(gate, mailer),
  };
}

export function gatewayThrough(gate: DeadGate, gateway: Gateway): Gateway {
  return {
    create: (transaction) => gate.around('stripe create', () => gateway.create(transaction)),
    confirm: (transaction) => gate.around('stripe confirm', () => gateway.confirm(transaction)),
    cancel: (transaction) => gate.around('stripe cancel', () => gateway.cancel(transaction)),
    account: () => gate.around('stripe account', () => gateway.account()),
    rights: () => gate.around('stripe rights', () => gateway.rights()),
    lookUp: (queries, signal) => lookUpThrough(gate, gateway, queries, signal),
    newestIntents: (query) => gate.around('stripe newest', () => gateway.newestIntents(query)),
    aheadMs: (now) => gateway.aheadMs(now),
    findOther: (query) => gate.around('stripe find other', () => gateway.findOther(query)),
    calls: () => gateway.calls(),
  };
}

/** A look-up is a step for each of its answers. */
async function* lookUpThrough(
  gate: DeadGate,
  gateway: Gateway,
  queries: readonly LookUp[],
  signal: AbortSignal | undefined,
): ReturnType<Gateway['lookUp']> {
  const answers = inOrderOfQueries(gateway.lookUp(queries, signal), queries)[
    Symbol.asyncIterator
  ]();
  try {
    for (const { paymentIntent } of queries) {
      const answer = await gate.around(
        paymentIntent === null ? 'stripe scan' : 'stripe retrieve',
        () => answers.next(),
      );
      if (answer.done === true) return;
      yield answer.value;
    }
  } finally {
    await answers.return?.();
  }
}

export function mailerThrough(gate: DeadGate, mailer: Mailer): Mailer {
  return {
    configured: mailer.configured,
    send: (notification) =>
      gate.around(`mail ${notification.kind}`, () => mailer.send(notification)),
  };
}
