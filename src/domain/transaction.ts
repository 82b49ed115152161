import type { Status } from './statuses.ts';

/** Instants are milliseconds since 1970-01-01T00:00:00Z, taken from the database's clock. */
export type Instant = number;

/**
 * How far the payment has come. A `*_sent` step is committed before the call that it names leaves,
 * so a crash can lose an answer but never the fact that a question may have been asked.
 *
 *     recorded      nothing has been sent to Stripe (or what was sent provably did nothing)
 *     create_sent   a create may have reached Stripe; no id is known yet
 *     created       the payment intent's id is stored; it has not been confirmed
 *     confirm_sent  the id is stored and a confirm may have reached Stripe: money may have moved
 *     cancel_sent   a cancel (the fence against a late success) may have reached Stripe
 *     settled       the outcome is recorded
 */
export const STEPS = [
  'recorded',
  'create_sent',
  'created',
  'confirm_sent',
  'cancel_sent',
  'settled',
] as const;
export type Step = (typeof STEPS)[number];

export type Json =
  string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };
export interface JsonObject {
  readonly [name: string]: Json;
}

/** Why a person should look, with everything that was seen; null on a row that needs nobody. */
/** Why a `failed` row failed, and who was asked: a bank (`declined`, `authentication`) or nobody (`request`). */
export const FAILURE_KINDS = ['declined', 'authentication', 'request'] as const;
export type FailureKind = (typeof FAILURE_KINDS)[number];

/**
 * Who ended a `canceled` row: payrecon, because the caller vanished before the confirm or no intent
 * ever came to be (`fence`); a person, here or in the Dashboard; or Stripe.
 */
export const CANCELERS = ['fence', 'person', 'stripe'] as const;
export type Canceler = (typeof CANCELERS)[number];

/** How a confirm is sent. It belongs to Stripe's idempotency key, so a repetition sends the same. */
export const SESSIONS = ['off_session', 'on_session'] as const;
export type Session = (typeof SESSIONS)[number];

export interface Review {
  readonly reason: ReviewReason;
  /** A plain sentence for the operator. */
  readonly message: string;
  readonly at: Instant;
  readonly evidence: JsonObject;
  /** Set once a person has decided: who, as what, why. Stripe's later word still overrides it. */
  readonly resolution: Resolution | null;
}

export const REVIEW_REASONS = [
  'amount_mismatch',
  'undecided',
  'too_old',
  'overdue',
  'key_used_elsewhere',
  'resolved_by_hand',
  'truth_changed',
  /** The payment intent whose id is stored does not bear our marks, or is of the other mode. */
  'not_ours',
  /** Recording an answer failed as a bug or by a constraint; the rest of the pass went on. */
  'not_recordable',
] as const;
export type ReviewReason = (typeof REVIEW_REASONS)[number];

export interface Resolution {
  readonly as: 'succeeded' | 'failed' | 'canceled' | 'retry' | 'acknowledge';
  readonly reason: string;
  readonly operator: string;
  readonly at: Instant;
}

/** What the caller asked for: fixed for the life of the transaction. Amount in the currency's minor unit. */
export interface ChargeRequest {
  readonly key: string;
  readonly reference: string | null;
  readonly amount: number;
  readonly currency: string;
  readonly customer: string | null;
  readonly paymentMethod: string;
  /** Stripe's payment method types that may be used, e.g. `['card']`; sorted, without repeats. */
  readonly methodTypes: readonly string[];
  readonly email: string | null;
  readonly description: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  /** The customer is there and can authenticate; otherwise the charge is made without them (`off_session`). */
  readonly onSession: boolean;
}

export interface Transaction extends ChargeRequest {
  /** `txn_` and 26 characters that sort by creation. */
  readonly id: string;
  /** sha256 (hex) of the canonical request. */
  readonly fingerprint: string;
  readonly status: Status;
  readonly step: Step;
  /** The payment intent (or the lack of one) that this row is about now; 1 for the first. */
  readonly attempt: number;
  /** Payment intents that earlier attempts had; 0 with no intent now: none ever existed. */
  readonly intents: number;
  /** Earlier attempts that were proved absent by Stripe's list alone: such a create may still be carried out late. */
  readonly absentAttempts: number;
  /** Which parameters a create sends: 1 as the versions before attempts did, 2 with all marks. */
  readonly paramsVersion: number;
  /** Null: its confirm was sent by a version that named no session, and is repeated so. */
  readonly session: Session | null;
  readonly paymentIntent: string | null;
  /** The intent's status as last seen at Stripe. */
  readonly stripeStatus: string | null;
  /** Stripe's decline code, else its error code, copied when seen (Stripe clears it on any later update). */
  readonly failureCode: string | null;
  readonly failureMessage: string | null;
  readonly failureKind: FailureKind | null;
  readonly canceledBy: Canceler | null;
  /** What Stripe received, in `currencyReceived`'s minor unit; null until a success was seen. */
  readonly amountReceived: number | null;
  readonly currencyReceived: string | null;
  /**
   * When Stripe said that this key had been used with other parameters. Never cleared: from then on
   * no create is sent for this row by anybody, and nothing about it is called absent.
   */
  readonly keyConflictAt: Instant | null;
  /** When each call was first sent under its idempotency key: the key's 23 hours count from here. */
  readonly createSentAt: Instant | null;
  readonly confirmSentAt: Instant | null;
  readonly cancelSentAt: Instant | null;
  /** Attempts that count towards stuck: Stripe answered and left it undecided, or only this one fails. */
  readonly attempts: number;
  /** Times the reconciler has asked, counted or not; feeds the backoff. */
  readonly lookups: number;
  /** When a complete scan of Stripe's list first missed it; a second one apart in time is the proof of absence. */
  readonly absentSince: Instant | null;
  /** Until when `processing` or `requires_action` is normal for this payment method. */
  readonly expectedBy: Instant | null;
  /** When the reconciler may ask (again); null: it never needs to. */
  readonly nextAttemptAt: Instant | null;
  readonly review: Review | null;
  /** Counts the recorded transitions; every write compares it. */
  readonly version: number;
  readonly createdAt: Instant;
  readonly updatedAt: Instant;
  readonly settledAt: Instant | null;
}

/** Pending past the time its payment method needs; said, and never canceled on our own. */
export function isOverdue(transaction: Transaction, now: Instant): boolean {
  return (
    transaction.status === 'pending' &&
    transaction.expectedBy !== null &&
    transaction.expectedBy < now
  );
}
