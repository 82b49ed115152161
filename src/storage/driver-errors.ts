import { BugError, type PayreconError } from '../domain/errors.ts';

/**
 * What a failure of the database means for whoever sent the statement.
 *
 *     undone     certainly nothing was written, and the same may work when it is sent again
 *     uncertain  the connection ended while an answer was due: it may or may not have been written
 *     final      certainly nothing was written, and sending it again would not help
 */
export type Fault = { readonly kind: 'undone' | 'uncertain' | 'final'; readonly error: Error };

/** Where a driver failed: before a connection stood, while it was being encrypted, or with a statement on it. */
export type FailedAt = 'connect' | 'tls' | 'statement';

/**
 * What a driver threw, with what is needed to judge it. It never reaches a caller: knex puts the SQL
 * into its message.
 */
export class DriverError extends Error {
  override readonly name = 'DriverError';
  readonly at: FailedAt;
  readonly original: Error;
  /** A statement inside a transaction that was not its COMMIT: losing the connection undoes it. */
  readonly beforeCommit: boolean;

  constructor(at: FailedAt, original: unknown, beforeCommit: boolean) {
    super(original instanceof Error ? original.message : String(original));
    this.at = at;
    this.original = original instanceof Error ? original : new Error(String(original));
    this.beforeCommit = beforeCommit;
  }
}

/** A unique constraint or index that a row ran into: a bug, unless the query that expects it catches it. */
export class UniqueViolation extends BugError {}

/** The driver's own code (`SQLITE_BUSY`, `40001`, `ECONNREFUSED`), or an empty text. */
export function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}

export function undone(error: PayreconError): Fault {
  return { kind: 'undone', error };
}

export function final(error: Error): Fault {
  return { kind: 'final', error };
}
