import { withoutSecrets } from './secret-texts.ts';
import type { Transaction } from './transaction.ts';

/**
 * What kind of end an expected error is; the command line turns it into the exit code of the contract
 * (usage and configuration 2, refused 4, findings 5, not_found 6, unreachable 69, unknown_outcome 75).
 */
export type ErrorKind =
  | 'usage'
  | 'configuration'
  | 'refused'
  | 'findings'
  | 'not_found'
  | 'unreachable'
  | 'unknown_outcome';

export interface Problem {
  /** The flag, field or variable to change, as the person typed or would type it. */
  readonly field: string;
  readonly message: string;
}

/**
 * An error a person can act on: what happened, what is safe to do now, what to change. The message
 * never holds a secret. Anything else that is thrown is a bug and shows its stack.
 */
export class PayreconError extends Error {
  override readonly name = 'PayreconError';
  readonly kind: ErrorKind;
  /** Stable, for programs: `key_reused`, `duplicate_suspected`, `schema_behind`, .. */
  readonly code: string;
  readonly problems: readonly Problem[];
  /** The transaction the error speaks of, where there is one. */
  readonly transaction: Transaction | null;

  constructor(
    kind: ErrorKind,
    code: string,
    message: string,
    more: {
      readonly problems?: readonly Problem[];
      readonly transaction?: Transaction;
      readonly cause?: unknown;
    } = {},
  ) {
    // Here, because a message is made in fifty places and shown in five: none of them has to think of it.
    super(withoutSecrets(message), more.cause === undefined ? {} : { cause: more.cause });
    this.kind = kind;
    this.code = code;
    this.problems = (more.problems ?? []).map(({ field, message: said }) => ({
      field: withoutSecrets(field),
      message: withoutSecrets(said),
    }));
    this.transaction = more.transaction ?? null;
  }
}

/** A state that cannot be: a bug in payrecon, never the user's fault. */
export class BugError extends Error {
  override readonly name = 'BugError';
}
