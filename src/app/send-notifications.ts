import { backoffMs } from '../domain/backoff.ts';
import type { DispatchReport } from './service.ts';
import type {
  Actor,
  Chance,
  ClaimedNotification,
  Clock,
  EndedSend,
  Mailer,
  Outbox,
  SendEnd,
  SendOutcome,
} from './ports.ts';
import { asUnknownOutcome } from './unknown-outcome.ts';

/*
 * E-mails leave many at a time, at the pace of the mail service. One goes first; each that is taken
 * lets one more be under way, up to MOST_UNDER_WAY, and each that fails halves their number: a service
 * that is away is asked three times and not by a whole batch.
 *
 *     claim a window ahead --> send, as many as the window allows --> end the claims of what was answered
 *     (operators' first)                                              (many in one SQL transaction)
 */

/** 64 answers of 150 ms each are some 400 e-mails a second; SendGrid takes 10,000 calls a second. */
const MOST_UNDER_WAY = 64;
/**
 * Longest a single send may take. A worker that was suspended does not start a send its claim would not
 * cover. At most one window is claimed ahead, so a claim waits for one send and lasts for its own.
 */
const WORST_SEND_MS = 10_000;
/** A mail service that fails so often in a row is left alone until the next run. */
const FAILURES_IN_A_ROW = 3;
const RETRY_BASE_MS = 30_000;
const RETRY_CAP_MS = 3_600_000;
/** Full jitter can return 0; this floor stops one run from retrying the same e-mail immediately. */
const RETRY_FLOOR_MS = 5_000;
/** So long at most an operator's e-mail waits behind those of customers that were due before it. */
const OPERATORS_EVERY_MS = 1_000;

export interface DispatchDeps {
  readonly outbox: Outbox;
  readonly mailer: Mailer;
  readonly chance: Chance;
  readonly clock: Clock;
  readonly actor: Actor;
}

/** When a run ends although more is due; what is left stays queued. */
export interface DispatchLimits {
  readonly emails: number | null;
  /** By then everything has ended: no send begins that could last longer. */
  readonly forMs: number | null;
}

/**
 * Sends what is due, each e-mail at least once: it is marked as sent only after the mail service
 * accepted it, so a lost answer means a second copy, never a missing one. What the service cannot
 * take now is tried again for ever; only what it refuses for good ends as failed.
 *
 * @throws PayreconError for the database: `unreachable`, or `unknown_outcome` once an e-mail may have gone out.
 */
export async function dispatch(
  deps: DispatchDeps,
  limits: DispatchLimits,
  signal?: AbortSignal,
): Promise<DispatchReport> {
  let tried = 0;
  const mailer: Mailer = {
    configured: deps.mailer.configured,
    async send(notification) {
      tried += 1;
      return await deps.mailer.send(notification);
    },
  };
  const run = new Run({ ...deps, mailer }, limits, signal);
  try {
    return await run.sendDue();
  } catch (error) {
    throw tried > 0
      ? asUnknownOutcome(
          error,
          'E-mails went out before that; one that could not be marked as sent is sent once more.',
        )
      : error;
  }
}

class Run {
  readonly #deps: DispatchDeps;
  readonly #untilMs: number;
  readonly #signal: AbortSignal | undefined;
  readonly #counts = { sent: 0, retried: 0, failed: 0 };
  /** Claimed, and not begun. */
  readonly #ready: ClaimedNotification[] = [];
  /** Answered, and their claims not ended yet. */
  #answered: EndedSend[] = [];
  #underWay = 0;
  #sendsEnded = 0;
  #window = 1;
  #left: number;
  #nothingDue = false;
  #operatorsLookedAtMs = Number.NEGATIVE_INFINITY;
  #failuresInARow = 0;
  #refused: string | null = null;
  #error: { readonly thrown: unknown } | null = null;
  #ending: Promise<void> | null = null;
  #wake: () => void = () => undefined;

  constructor(deps: DispatchDeps, limits: DispatchLimits, signal: AbortSignal | undefined) {
    this.#deps = deps;
    this.#signal = signal;
    this.#left = limits.emails ?? Number.POSITIVE_INFINITY;
    this.#untilMs = deps.clock.monotonicMs() + (limits.forMs ?? Number.POSITIVE_INFINITY);
  }

  async sendDue(): Promise<DispatchReport> {
    const { outbox, mailer } = this.#deps;
    for (let seen = -1; mailer.configured;) {
      // What ended while sends were begun has made room for more.
      if (seen === this.#sendsEnded) {
        if (this.#underWay === 0) break;
        await this.#somethingEnded();
      }
      seen = this.#sendsEnded;
      await this.#begin();
    }
    await this.#handBack();
    if (this.#error !== null) throw this.#error.thrown;
    const { queued } = await outbox.counts();
    return { configured: mailer.configured, ...this.#counts, queued, refused: this.#refused };
  }

  #goesOn(): boolean {
    return (
      this.#error === null &&
      this.#refused === null &&
      this.#failuresInARow < FAILURES_IN_A_ROW &&
      this.#signal?.aborted !== true &&
      this.#deps.clock.monotonicMs() + WORST_SEND_MS <= this.#untilMs
    );
  }

  /** As many as the window allows. */
  async #begin(): Promise<void> {
    while (this.#underWay < this.#window && this.#goesOn()) {
      if (this.#ready.length === 0 && !(await this.#claimed())) return;
      // A claim takes its time: whether it still goes on is asked once more.
      if (!this.#goesOn()) return;
      const next = this.#ready.shift();
      if (next === undefined) return;
      if (this.#deps.clock.monotonicMs() + WORST_SEND_MS > next.deadlineMs)
        this.#end({ claimed: next, end: NOT_TRIED });
      else void this.#send(next);
    }
  }

  async #claimed(): Promise<boolean> {
    if (this.#nothingDue || this.#left === 0) return false;
    const limit = Math.min(this.#window, this.#left);
    try {
      const operators = await this.#operatorsDue(limit);
      const others =
        operators.length < limit
          ? await this.#deps.outbox.claim(limit - operators.length, this.#deps.actor)
          : [];
      this.#ready.push(...operators, ...others);
    } catch (thrown) {
      this.#error ??= { thrown };
      return false;
    }
    this.#left -= this.#ready.length;
    this.#nothingDue = this.#ready.length === 0;
    return !this.#nothingDue;
  }

  async #operatorsDue(limit: number): Promise<readonly ClaimedNotification[]> {
    const nowMs = this.#deps.clock.monotonicMs();
    if (nowMs < this.#operatorsLookedAtMs + OPERATORS_EVERY_MS) return [];
    this.#operatorsLookedAtMs = nowMs;
    return await this.#deps.outbox.claim(limit, this.#deps.actor, 'operator');
  }

  async #send(claimed: ClaimedNotification): Promise<void> {
    this.#underWay += 1;
    try {
      const outcome = await this.#deps.mailer.send(claimed.notification);
      this.#learn(outcome);
      this.#end({ claimed, end: this.#endOf(claimed, outcome) });
      await this.#ending;
    } catch (thrown) {
      this.#error ??= { thrown };
    } finally {
      this.#underWay -= 1;
      this.#sendsEnded += 1;
      this.#wake();
    }
  }

  /** What an answer says of the mail service. */
  #learn(outcome: SendOutcome): void {
    switch (outcome.kind) {
      case 'sent':
      case 'rejected':
        this.#failuresInARow = 0;
        this.#window = Math.min(MOST_UNDER_WAY, this.#window + 1);
        return;
      case 'unknown':
      case 'retry':
        this.#failuresInARow += 1;
        this.#window = Math.max(1, Math.floor(this.#window / 2));
        return;
      case 'unauthorized':
        this.#refused = outcome.message;
        return;
      case 'not_tried':
        return;
    }
  }

  #endOf({ notification }: ClaimedNotification, outcome: SendOutcome): SendEnd {
    switch (outcome.kind) {
      case 'sent':
        this.#counts.sent += 1;
        return outcome;
      case 'unknown':
      case 'retry':
        this.#counts.retried += 1;
        return { kind: 'again', error: outcome.message, inMs: this.#backoffMs(notification) };
      case 'not_tried':
        this.#counts.retried += 1;
        return { kind: 'not_tried', error: outcome.message, inMs: this.#backoffMs(notification) };
      case 'rejected':
        this.#counts.failed += 1;
        return { kind: 'failed', error: outcome.message };
      case 'unauthorized':
        return { kind: 'again', error: outcome.message, inMs: 0 };
    }
  }

  #backoffMs({ attempts }: ClaimedNotification['notification']): number {
    const uniform = this.#deps.chance.uniform();
    return RETRY_FLOOR_MS + backoffMs(attempts + 1, RETRY_BASE_MS, RETRY_CAP_MS, uniform);
  }

  /** Whatever is answered while claims are being ended is ended together, next. */
  #end(ended: EndedSend): void {
    this.#answered.push(ended);
    this.#ending ??= this.#endAnswered().finally(() => {
      this.#ending = null;
    });
  }

  async #endAnswered(): Promise<void> {
    // Answers that have come in one turn of the event loop share a transaction.
    await Promise.resolve();
    while (this.#answered.length > 0) {
      const sends = this.#answered;
      this.#answered = [];
      try {
        await this.#deps.outbox.end(sends);
      } catch (thrown) {
        this.#error ??= { thrown };
      }
    }
  }

  async #handBack(): Promise<void> {
    for (const claimed of this.#ready.splice(0)) this.#end({ claimed, end: NOT_TRIED });
    await this.#ending;
  }

  async #somethingEnded(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }
}

/** Due again without a wait: it is somebody else's to try. */
const NOT_TRIED: SendEnd = { kind: 'not_tried', error: null, inMs: 0 };
