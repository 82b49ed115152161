import type { ChargeOutcome, Payrecon } from '../../../src/app/service.ts';
import type { Clock, Gateway } from '../../../src/app/ports.ts';
import { exitCode } from '../../../src/cli/exit-code.ts';
import type { Answer } from '../../../src/domain/answer.ts';
import { PayreconError } from '../../../src/domain/errors.ts';
import type { Transaction } from '../../../src/domain/transaction.ts';
import { createChance } from '../../../src/sandbox/stripe/ids.ts';
import type { Gate } from '../../../src/storage/statement-hook.ts';
import type { Overrides } from '../../../src/compose/adapters.ts';
import {
  DeadGate,
  gatewayThrough,
  mailerThrough,
  ProcessDied,
  type CrashPoint,
} from '../dead-gate.ts';
import type { Harness } from '../harness.ts';
import type { Turns } from '../turns.ts';
import { type Command, type History, requestOf } from './history.ts';
import type { LeaseWatch } from './lease-watch.ts';

/** How one command ended, as whoever ran it sees it. */
export interface Ended {
  readonly command: Command;
  /** Null: nobody was told anything, for the process died. */
  readonly exitCode: number | null;
  readonly transaction: Transaction | null;
  /** Of an expected error. */
  readonly errorCode: string | null;
  readonly repeated: boolean;
  readonly died: boolean;
}

/** A call that Stripe has not seen yet; it arrives before many minutes have passed. */
export interface InFlight {
  readonly call: 'create' | 'confirm' | 'cancel';
  /** As it was when it was sent. */
  readonly transaction: Transaction;
}

interface Current {
  readonly gate: SteppedGate;
  readonly late: Command['late'] | null;
}

/** What runs at the same time as this command, and who watches it. */
export interface Beside {
  readonly turns: Turns;
  readonly who: number;
  readonly watch: LeaseWatch;
}

/** The gate of one command: its steps are numbered, each waits for its turn, and at one of them the process may die. */
class SteppedGate extends DeadGate {
  readonly #watch: LeaseWatch | null;
  readonly #process: string;
  /** Of the SQL transaction that is open. */
  #statements: string[] = [];

  constructor(process: string, dies: CrashPoint | null, beside: Beside | null) {
    super(dies, () => undefined, beside ?? {});
    this.#process = process;
    this.#watch = beside?.watch ?? null;
  }

  override sql(): Required<Gate> {
    const gate = super.sql();
    const watch = this.#watch;
    if (watch === null) return gate;
    return {
      ...gate,
      before: (kind, sql, connection) => {
        const within = this.turns.inTransaction(connection);
        return this.turns.beginSql(this.who, { kind, connection }, async () => {
          if (!within) await watch.before();
          this.#statements.push(sql);
          this.before(kind);
        });
      },
      after: async (kind, sql, connection) => {
        const goesOn =
          kind === 'begin' ||
          (this.turns.inTransaction(connection) && kind !== 'commit' && kind !== 'rollback');
        if (!goesOn) {
          const statements = this.#statements.splice(0).join('; ');
          if (kind !== 'rollback') await watch.after(this.#process, statements);
        }
        await gate.after(kind, sql, connection);
      },
    };
  }

  async pause(): Promise<void> {
    await this.turns.step(this.who, () => Promise.resolve());
  }
}

/** A sleep that lasts longer ends with the clock of the history, not by waiting. */
const SHORT_SLEEP_MS = 10_000;

/** A process of payrecon that runs one command at a time, and is opened again after it died. */
export class Process {
  readonly #harness: Harness;
  readonly #name: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #now: () => number;
  readonly #inFlight: (call: InFlight) => void;
  readonly #sleepers = new Set<{ readonly untilMs: number; readonly wake: () => void }>();
  #payrecon: Payrecon | null = null;
  #current: Current = { gate: new SteppedGate('', null, null), late: null };
  #sleptMs = 0;
  #tokens = 0;

  constructor(
    harness: Harness,
    name: string,
    env: Readonly<Record<string, string>>,
    now: () => number,
    inFlight: (call: InFlight) => void,
  ) {
    this.#harness = harness;
    this.#name = name;
    this.#env = env;
    this.#now = now;
    this.#inFlight = inFlight;
  }

  async run(history: History, command: Command, beside: Beside | null): Promise<Ended> {
    const gate = new SteppedGate(this.#name, command.dies ?? null, beside);
    this.#current = { gate, late: command.late ?? null };
    try {
      await gate.pause();
      this.#payrecon ??= await this.#open();
      const ended = await perform(this.#payrecon, history, command);
      return { ...ended, died: gate.diedAt !== null };
    } catch (error) {
      if (gate.diedAt === null || !(error instanceof ProcessDied)) throw error;
      return {
        command,
        exitCode: null,
        transaction: null,
        errorCode: null,
        repeated: false,
        died: true,
      };
    } finally {
      if (gate.diedAt !== null) await this.bury();
    }
  }

  /** Time has gone by. */
  wake(): void {
    for (const sleeper of this.#sleepers)
      if (sleeper.untilMs <= this.#monotonicMs()) sleeper.wake();
  }

  /** Lets go of what it has open; it is opened again when it is next needed. */
  async bury(): Promise<void> {
    await this.#payrecon?.close();
    this.#payrecon = null;
  }

  #monotonicMs(): number {
    return this.#now() + this.#sleptMs;
  }

  async #open(): Promise<Payrecon> {
    const uniform = createChance(1);
    const clock: Clock = {
      monotonicMs: () => this.#monotonicMs(),
      sleep: (ms, signal) => this.#sleep(ms, signal),
    };
    const token = (): string => `${this.#name} ${String((this.#tokens += 1))}`;
    const overrides: Overrides = { clock, chance: { uniform, token }, ...this.#overrides() };
    return this.#harness.open(this.#name, overrides, this.#env);
  }

  /** Through the gate of the command that runs; the clock is the history's. */
  #overrides(): Pick<Overrides, 'gate' | 'wrapGateway' | 'wrapMailer'> {
    const sql = (): Required<Gate> => this.#current.gate.sql();
    return {
      gate: {
        before: (kind, text, connection) => sql().before(kind, text, connection),
        after: (kind, text, connection) => sql().after(kind, text, connection),
        failed: (kind, text, connection) => sql().failed(kind, text, connection),
        opening: (opened) => sql().opening(opened),
      },
      wrapGateway: (gateway) => {
        const delayed = this.#delaying(gateway);
        const now = (): Gateway => gatewayThrough(this.#current.gate, delayed);
        return {
          create: (transaction) => now().create(transaction),
          confirm: (transaction) => now().confirm(transaction),
          cancel: (transaction) => now().cancel(transaction),
          account: () => now().account(),
          rights: () => now().rights(),
          lookUp: (queries, signal) => now().lookUp(queries, signal),
          newestIntents: (query) => now().newestIntents(query),
          aheadMs: (at) => now().aheadMs(at),
          findOther: (query) => now().findOther(query),
          calls: () => gateway.calls(),
        };
      },
      wrapMailer: (mailer) => ({
        configured: mailer.configured,
        send: (notification) => mailerThrough(this.#current.gate, mailer).send(notification),
      }),
    };
  }

  #delaying(gateway: Gateway): Gateway {
    const call =
      (name: InFlight['call']) =>
      async (transaction: Transaction): Promise<Answer> => {
        if (this.#current.late !== name) return gateway[name](transaction);
        this.#current = { ...this.#current, late: null };
        this.#inFlight({ call: name, transaction });
        return {
          kind: 'unknown',
          reason: 'timeout',
          effect: 'unknown',
          answered: false,
          httpStatus: null,
          rateLimitedReason: null,
          shouldRetry: null,
          requestId: null,
          message: 'no answer in time',
        };
      };
    return {
      ...gateway,
      create: call('create'),
      confirm: call('confirm'),
      cancel: call('cancel'),
    };
  }

  async #sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
    if (ms < SHORT_SLEEP_MS) {
      this.#sleptMs += ms;
      await this.#current.gate.pause();
      return;
    }
    if (signal?.aborted === true) return;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        this.#sleepers.delete(sleeper);
        resolve();
      };
      const sleeper = { untilMs: this.#monotonicMs() + ms, wake };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', wake, { once: true });
    });
  }
}

/** A caller looks a few times whether another process has come to an end. */
const CALLER_WAITS_MS = 300;

async function perform(payrecon: Payrecon, history: History, command: Command): Promise<Ended> {
  const ended = {
    command,
    exitCode: null,
    transaction: null,
    errorCode: null,
    repeated: false,
    died: false,
  };
  try {
    switch (command.do) {
      case 'charge': {
        const request = requestOf(history, command.key, command.other === true);
        const outcome: ChargeOutcome = await payrecon.charge(request, {
          waitMs: CALLER_WAITS_MS,
          waitForOutcome: false,
          allowDuplicate: true,
        });
        return {
          ...ended,
          exitCode: exitCode({ kind: 'charged', outcome }, null),
          transaction: outcome.transaction,
          repeated: outcome.repeated,
        };
      }
      case 'pass':
        return {
          ...ended,
          exitCode: exitCode(
            { kind: 'passed', outcome: await payrecon.reconcile({ limit: null, dryRun: false }) },
            null,
          ),
        };
      case 'resolve': {
        const transaction = await payrecon.resolve(command.key, {
          as: command.as,
          cancelAtStripe: command.cancel,
          reason: 'asked the bank',
        });
        return { ...ended, exitCode: exitCode({ kind: 'done' }, null), transaction };
      }
      case 'send':
        return {
          ...ended,
          exitCode: exitCode(
            { kind: 'dispatched', report: await payrecon.sendNotifications(null) },
            null,
          ),
        };
    }
  } catch (error) {
    if (!(error instanceof PayreconError)) throw error;
    return {
      ...ended,
      exitCode: exitCode({ kind: 'failed', error }, null),
      transaction: error.transaction,
      errorCode: error.code,
    };
  }
}
