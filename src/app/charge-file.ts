import { PayreconError } from '../domain/errors.ts';
import type { Transaction } from '../domain/transaction.ts';
import type { ChargeRow } from './charge-row.ts';
import type { ChargeOptions, ChargeOutcome, Payrecon } from './service.ts';

/*
 * Many charges: each row of a file goes through the same use case as a single charge, a bounded number of them at a
 * time. Nothing is kept of a row once its result is handed over, so that a million rows take no more memory than a
 * hundred. There is no state of the whole either: each key is charged once however often it is run, so running the
 * file again is how it is resumed.
 */

/** After this many unknown outcomes in a row, assume an outage and stop starting payments. */
const AWAY_AFTER_UNKNOWN = 20;

/** Equal refusals of our request in a row, with nothing between them that went through: the next line would fare alike. */
const WRONG_AFTER_REFUSED = 5;

/** Lines that a limit of one a second carries at a time: each takes a few seconds at most over its calls. */
const SECONDS_UNDER_WAY = 3;

/**
 * No more lines at a time than Stripe's limit carries: what waits in our own queue is charged later
 * than its line says, and holds a lease meanwhile. A charge is two calls, one at each of two endpoints.
 */
export function linesAtATime(
  asked: number,
  limits: { readonly requestsPerSecond: number; readonly endpointRequestsPerSecond: number },
): number {
  const chargesPerSecond = Math.min(limits.requestsPerSecond / 2, limits.endpointRequestsPerSecond);
  return Math.max(1, Math.min(asked, Math.ceil(chargesPerSecond * SECONDS_UNDER_WAY)));
}

export interface ChargeRows {
  next(): Promise<IteratorResult<ChargeRow, undefined>>;
  /** Ends the reading, also one that is waiting for input: what waits in `next` then ends or fails. */
  stop(): void;
}

export type RowResult =
  | { readonly kind: 'charged'; readonly row: ChargeRow; readonly outcome: ChargeOutcome }
  /** `usage`: the line is wrong. `refused`: its key, its reference or its likeness. The rest: see `charge`. */
  | { readonly kind: 'failed'; readonly row: ChargeRow; readonly error: PayreconError };

/** How a row ended: the status of its transaction, or why there is none. */
export type RowEnd =
  'succeeded' | 'failed' | 'canceled' | 'pending' | 'stuck' | 'refused' | 'invalid' | 'unreachable';

export interface ChargeFileReport {
  readonly rows: number;
  readonly ends: Readonly<Record<RowEnd, number>>;
  /** Of these rows the key was known before: nothing new was started. */
  readonly repeated: number;
  /** Of the failed ones: Stripe refused what was sent, so that no bank was asked. */
  readonly requestsRefused: number;
  /** A signal came before the end of the file. */
  readonly interrupted: boolean;
  /** Why the rest was not begun, other than by a signal. */
  readonly stoppedBy: PayreconError | null;
}

export interface ChargeFileOptions {
  readonly concurrency: number;
  readonly charge: ChargeOptions;
  /** Called as each row ends, in no fixed order; it may make the next row wait, as a slow reader does. */
  readonly onResult: (result: RowResult) => Promise<void> | void;
}

export function endOf(result: RowResult): RowEnd {
  if (result.kind === 'charged') return result.outcome.transaction.status;
  const { kind, transaction } = result.error;
  if (kind === 'refused') return 'refused';
  if (kind === 'unreachable') return 'unreachable';
  return kind === 'unknown_outcome' || transaction?.status === 'pending' ? 'pending' : 'invalid';
}

/**
 * Charges every row and returns what became of them. It stops beginning rows when a signal comes, when Stripe refuses
 * our key, when Stripe or the database stays away, and where the file cannot be read further; what was begun is always
 * finished and told.
 */
export async function chargeFile(
  charge: Payrecon['charge'],
  rows: ChargeRows,
  options: ChargeFileOptions,
): Promise<ChargeFileReport> {
  const run = new Run(charge, rows, options);
  const { signal } = options.charge;
  const stop = (): void => {
    run.stop(null);
  };
  signal?.addEventListener('abort', stop, { once: true });
  if (signal?.aborted === true) stop();
  try {
    await Promise.all(Array.from({ length: options.concurrency }, () => run.work()));
  } finally {
    signal?.removeEventListener('abort', stop);
  }
  return run.report();
}

class Run {
  readonly #charge: Payrecon['charge'];
  readonly #rows: ChargeRows;
  readonly #options: ChargeFileOptions;
  readonly #ends: Record<RowEnd, number> = {
    succeeded: 0,
    failed: 0,
    canceled: 0,
    pending: 0,
    stuck: 0,
    refused: 0,
    invalid: 0,
    unreachable: 0,
  };
  /** The last row under way of each key and reference. */
  readonly #underWay = new Map<string, Promise<void>>();
  #repeated = 0;
  #requestsRefused = 0;
  #lastCause: string | null = null;
  #sameCauseInARow = 0;
  /** Lines that were answered in any other way than by a refusal of our request. */
  #wentThrough = 0;
  #linesUnderWay = 0;
  readonly #waiting: (() => void)[] = [];
  #unknownInARow = 0;
  #stopped = false;
  #readAll = false;
  #stoppedBy: PayreconError | null = null;
  #bug: { readonly error: unknown } | null = null;

  constructor(charge: Payrecon['charge'], rows: ChargeRows, options: ChargeFileOptions) {
    this.#charge = charge;
    this.#rows = rows;
    this.#options = options;
  }

  stop(why: PayreconError | null): void {
    if (this.#stopped) return;
    this.#stopped = true;
    for (const wake of this.#waiting.splice(0)) wake();
    this.#stoppedBy = why;
    this.#rows.stop();
  }

  /** One of several at the same time: a row after the other, until there are none or no more are to be begun. */
  async work(): Promise<void> {
    try {
      while (!this.#stopped) {
        await this.#room();
        try {
          const row = await this.#next();
          if (row === null) return;
          await this.#inTurn(row, async () => {
            await this.#one(row);
          });
        } finally {
          this.#leave();
        }
      }
    } catch (error) {
      // A bug: what the others have begun is still finished and told, and only then is it shown.
      this.#bug ??= { error };
      this.stop(null);
    }
  }

  report(): ChargeFileReport {
    if (this.#bug !== null) throw this.#bug.error;
    const rows = Object.values(this.#ends).reduce((sum, count) => sum + count, 0);
    const interrupted = this.#stopped && this.#stoppedBy === null && !this.#readAll;
    return {
      rows,
      ends: this.#ends,
      repeated: this.#repeated,
      requestsRefused: this.#requestsRefused,
      interrupted,
      stoppedBy: this.#stoppedBy,
    };
  }

  /**
   * While nothing has gone through, or the last lines were refused alike, no more lines are under way
   * than it takes to find out: a wrong key is not to use up the first hundred lines of a file.
   */
  async #room(): Promise<void> {
    while (!this.#stopped && this.#linesUnderWay >= this.#mayBeUnderWay())
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    this.#linesUnderWay += 1;
  }

  #mayBeUnderWay(): number {
    if (this.#sameCauseInARow > 0) return Math.max(1, WRONG_AFTER_REFUSED - this.#sameCauseInARow);
    return this.#wentThrough === 0 ? WRONG_AFTER_REFUSED : Number.POSITIVE_INFINITY;
  }

  #leave(): void {
    this.#linesUnderWay -= 1;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async #next(): Promise<ChargeRow | null> {
    try {
      const next = await this.#rows.next();
      // Read again: a row that was read while a signal came is not begun.
      if (this.#stopped) return null;
      if (next.done !== true) return next.value;
      this.#readAll = true;
      return null;
    } catch (error) {
      if (this.#stopped) return null;
      if (!(error instanceof PayreconError)) throw error;
      // The end of the file as far as it can be read: what came before it is charged.
      this.#stoppedBy ??= error;
      this.#readAll = true;
      return null;
    }
  }

  /** Rows with the same key or reference one after the other, in the order of the file: the first is the one that counts. */
  async #inTurn({ parsed }: ChargeRow, work: () => Promise<void>): Promise<void> {
    if (!parsed.ok) {
      await work();
      return;
    }
    const { key, reference } = parsed.request;
    const names = [`key ${key}`, ...(reference === null ? [] : [`reference ${reference}`])];
    const before = names.flatMap((name) => this.#underWay.get(name) ?? []);
    const working = Promise.all(before).then(work);
    const over = working.then(
      () => undefined,
      () => undefined,
    );
    for (const name of names) this.#underWay.set(name, over);
    try {
      await working;
    } finally {
      for (const name of names) if (this.#underWay.get(name) === over) this.#underWay.delete(name);
    }
  }

  async #one(row: ChargeRow): Promise<void> {
    if (this.#stopped) return;
    const result = await this.#result(row);
    const end = endOf(result);
    this.#ends[end] += 1;
    if (result.kind === 'charged' && result.outcome.repeated) this.#repeated += 1;
    await this.#options.onResult(result);
    this.#judge(result);
  }

  async #result(row: ChargeRow): Promise<RowResult> {
    const { parsed } = row;
    if (!parsed.ok) {
      const error = new PayreconError(
        'invalid_line',
        'This line cannot be charged as it stands; nothing was sent.',
        { problems: parsed.problems },
      );
      return { kind: 'failed', row, error };
    }
    try {
      return {
        kind: 'charged',
        row,
        outcome: await this.#charge(parsed.request, this.#options.charge),
      };
    } catch (error) {
      if (error instanceof PayreconError) return { kind: 'failed', row, error };
      throw error;
    }
  }

  /** Whether the rows that follow could fare better than this one did. */
  #judge(result: RowResult): void {
    if (result.kind === 'failed') {
      const { kind, code } = result.error;
      if (code === 'stripe_unauthorized' || kind === 'configuration') this.stop(result.error);
      if (kind === 'unreachable' || kind === 'unknown_outcome') this.#nothingKnown(result.error);
      return;
    }
    const { situation, repeated, transaction } = result.outcome;
    if (transaction.status === 'failed' && transaction.failureKind === 'request') {
      this.#refusedRequest(transaction);
      return;
    }
    this.#wentThrough += 1;
    if (situation === 'settled' && !repeated) this.#sameCauseInARow = 0;
    if (result.outcome.ownLimit) return;
    if (situation === 'unknown' || situation === 'not_sent') this.#nothingKnown(stripeAway());
    else if (situation === 'settled' && !repeated) this.#unknownInARow = 0;
  }

  #refusedRequest({ failureCode, failureMessage }: Transaction): void {
    this.#requestsRefused += 1;
    this.#sameCauseInARow = this.#lastCause === failureCode ? this.#sameCauseInARow + 1 : 1;
    this.#lastCause = failureCode;
    if (this.#sameCauseInARow >= WRONG_AFTER_REFUSED)
      this.stop(requestsRefused(failureCode ?? 'unknown', failureMessage ?? ''));
  }

  #nothingKnown(why: PayreconError): void {
    this.#unknownInARow += 1;
    if (this.#unknownInARow >= AWAY_AFTER_UNKNOWN) this.stop(why);
  }
}

function requestsRefused(code: string, message: string): PayreconError {
  return new PayreconError(
    'requests_refused',
    `Stripe refused ${String(WRONG_AFTER_REFUSED)} lines in a row for the same reason (${code}: ${message}), so the remaining lines were not begun. No bank was asked and nothing was charged for these lines; their keys are not used up. Correct the cause, which is often a key of another account or mode, and run the same command again.`,
    {
      problems: [
        { field: 'STRIPE_SECRET_KEY', message: 'or what the lines name: refused by Stripe' },
      ],
    },
  );
}

function stripeAway(): PayreconError {
  return new PayreconError(
    'stripe_away',
    `Stripe answered or could take none of ${String(AWAY_AFTER_UNKNOWN)} payments in a row, so the remaining lines were not begun. Run the same command again when it does: what is settled is not charged again.`,
  );
}
