import {
  type CodeAndKind,
  type ErrorCode,
  type ErrorKind,
  kindOf,
  type PlainCode,
} from './error-codes.ts';
import { withoutSecrets } from './secret-texts.ts';
import type { Transaction } from './transaction.ts';

export interface Problem {
  /** The flag, field or variable to change, as the person typed or would type it. */
  readonly field: string;
  readonly message: string;
}

interface More {
  readonly problems?: readonly Problem[];
  readonly transaction?: Transaction;
  readonly cause?: unknown;
}

/**
 * An error a person can act on: what happened, what is safe to do now, what to change. The message
 * never holds a secret. Anything else that is thrown is a bug and shows its stack.
 */
export class PayreconError extends Error {
  override readonly name = 'PayreconError';
  /** Which kind of end it is; follows from the code, but for the few codes that have two. */
  readonly kind: ErrorKind;
  /** Stable, for programs; error-codes.ts lists them. */
  readonly code: ErrorCode;
  readonly problems: readonly Problem[];
  /** The transaction the error speaks of, where there is one. */
  readonly transaction: Transaction | null;
  readonly #what: CodeAndKind | PlainCode;

  constructor(what: CodeAndKind | PlainCode, message: string, more: More = {}) {
    // Here, because a message is made in fifty places and shown in five: none of them has to think of it.
    super(withoutSecrets(message), more.cause === undefined ? {} : { cause: more.cause });
    this.#what = what;
    this.kind = typeof what === 'string' ? kindOf(what) : what.kind;
    this.code = typeof what === 'string' ? what : what.code;
    this.problems = (more.problems ?? []).map(({ field, message: said }) => ({
      field: withoutSecrets(field),
      message: withoutSecrets(said),
    }));
    this.transaction = more.transaction ?? null;
  }

  /** The same code and kind in other words. What `more` leaves out, the new error does not have. */
  retold(message: string, more: More = {}): PayreconError {
    return new PayreconError(this.#what, message, more);
  }
}

/** A state that cannot be: a bug in payrecon, never the user's fault. */
export class BugError extends Error {
  override readonly name = 'BugError';
}
