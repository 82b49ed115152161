import { isFinal, type Status } from './statuses.ts';
import type { Instant, JsonObject, Step, Transaction } from './transaction.ts';

/** What the audit trail says was done. */
export type Action =
  | 'opened'
  | 'new_attempt'
  | 'create_sent'
  | 'created'
  | 'confirm_sent'
  | 'cancel_sent'
  | 'not_sent'
  | 'observed'
  | 'settled'
  | 'marked_stuck'
  | 'resolved'
  | 'acknowledged'
  | 'truth_corrected';

export type NotificationKind =
  | 'customer_succeeded'
  | 'customer_failed'
  | 'customer_authentication'
  | 'customer_canceled'
  | 'operator_stuck'
  | 'operator_truth_changed'
  | 'operator_outage'
  | 'operator_request_refused'
  | 'operator_rolled_back';

/** Fields a transition may set; a field that is not named keeps its value. */
export type Changes = Partial<
  Pick<
    Transaction,
    | 'status'
    | 'step'
    | 'paymentIntent'
    | 'stripeStatus'
    | 'failureCode'
    | 'failureMessage'
    | 'failureKind'
    | 'canceledBy'
    | 'amountReceived'
    | 'currencyReceived'
    | 'attempt'
    | 'intents'
    | 'absentAttempts'
    | 'paramsVersion'
    | 'session'
    | 'attempts'
    | 'lookups'
    | 'expectedBy'
    | 'review'
  >
>;

/** When somebody looks at the row next, by the database's clock. */
export type NextAttempt = { readonly inMs: number } | 'never';

/** Fields whose value is the database's clock at the moment of writing, or null. */
export interface Stamps {
  /** `if_unset` keeps the first send: Stripe's key is as old as its first use. */
  readonly createSentAt?: 'if_unset' | 'clear' | 'now';
  readonly confirmSentAt?: 'if_unset' | 'clear';
  readonly cancelSentAt?: 'if_unset' | 'clear';
  /** Once set it stays: there is no way to clear it. */
  readonly keyConflictAt?: 'if_unset';
  readonly absentSince?: 'if_unset' | 'clear';
  readonly settledAt?: 'now' | 'clear';
  /** Milliseconds from now until the reconciler may ask again; `never` takes it off the work list. */
  readonly nextAttempt?: NextAttempt;
}

/**
 * One recorded change of a transaction: the only thing `record` accepts, so the only way a status
 * changes. Written with its audit entry and its e-mails in one SQL transaction.
 */
export interface Transition {
  readonly action: Action;
  readonly changes: Changes;
  readonly stamps: Stamps;
  /** What was asked and seen; goes into the hash-chained audit entry. No secrets. */
  readonly detail: JsonObject;
  /** Stripe's Request-Id of the answer that led here. */
  readonly requestId: string | null;
  readonly notifications: readonly NotificationKind[];
  /** Give the lease back with this write. */
  readonly release: boolean;
}

/** Which status may follow which. Stripe's later word may correct any row that Stripe had not settled itself. */
const FOLLOWERS: Readonly<Record<Status, readonly Status[]>> = {
  pending: ['pending', 'succeeded', 'failed', 'canceled', 'stuck'],
  stuck: ['stuck', 'pending', 'succeeded', 'failed', 'canceled'],
  failed: ['failed', 'succeeded', 'canceled', 'stuck'],
  canceled: ['canceled', 'succeeded', 'failed', 'stuck'],
  succeeded: ['succeeded', 'failed', 'canceled', 'stuck'],
};

export function mayFollow(from: Status, to: Status): boolean {
  return FOLLOWERS[from].includes(to);
}

const STEP_FOLLOWERS: Readonly<Record<Step, readonly Step[]>> = {
  // A scan of the list may show what this ledger has forgotten: then the row follows what it finds.
  recorded: ['recorded', 'create_sent', 'created', 'confirm_sent', 'cancel_sent', 'settled'],
  create_sent: ['create_sent', 'recorded', 'created', 'confirm_sent', 'cancel_sent', 'settled'],
  created: ['created', 'confirm_sent', 'cancel_sent', 'settled'],
  confirm_sent: ['confirm_sent', 'created', 'cancel_sent', 'settled'],
  cancel_sent: ['cancel_sent', 'settled'],
  settled: ['settled', 'cancel_sent', 'confirm_sent', 'created', 'create_sent', 'recorded'],
};

export function stepMayFollow(from: Step, to: Step): boolean {
  return STEP_FOLLOWERS[from].includes(to);
}

/** `settledAt` is set if and only if the status is final. */
export function settledAtFits(status: Status, settledAt: Instant | null): boolean {
  return isFinal(status) === (settledAt !== null);
}
