import type { RefusalKind } from './refusals/refusal-codes.ts';
import type { JsonObject } from './transaction.ts';

/** A payment intent as Stripe showed it, in a retrieve, a list row or an error body alike. */
export interface IntentSnapshot {
  readonly id: string;
  /** Stripe's status; the set is open, so unknown values arrive as they are. */
  readonly status: string;
  readonly amount: number;
  /** What was taken so far; below `amount` after a partial capture. */
  readonly amountReceived: number;
  readonly currency: string;
  readonly livemode: boolean;
  /** Seconds since 1970, as Stripe counts. */
  readonly created: number;
  readonly customer: string | null;
  readonly paymentMethod: string | null;
  readonly paymentMethodTypes: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly lastError: Failure | null;
  readonly cancellationReason: string | null;
  readonly latestCharge: string | null;
  /** What the customer's page needs; never stored and never logged. */
  readonly clientSecret: string | null;
  readonly nextAction: JsonObject | null;
}

export interface Failure {
  readonly code: string | null;
  readonly declineCode: string | null;
  readonly message: string;
}

/**
 * Whether what we sent can have done anything. `none` is claimed only with proof: a connection that
 * never came up, or a 400, 401, 403 or 429 that answered the *first* wire attempt of this call.
 * It speaks of this call alone, not of earlier sends under the same idempotency key.
 */
export type Effect = 'none' | 'unknown';

export type UnknownReason =
  | 'timeout'
  | 'connection'
  | 'rate_limited'
  | 'lock_timeout'
  | 'conflict'
  | 'server_error'
  | 'malformed'
  | 'interrupted'
  /** No permit of our own rate limit came in time: nothing was sent. */
  | 'queue';

/** What came back from one question to Stripe. Everything that proves nothing is `unknown`. */
export type Answer =
  | {
      readonly kind: 'intent';
      readonly intent: IntentSnapshot;
      readonly requestId: string | null;
      readonly replayed: boolean;
      /** Of a scan: other intents that bear this transaction's id, such as an earlier attempt's. */
      readonly others?: readonly IntentSnapshot[];
    }
  | {
      readonly kind: 'declined';
      readonly intent: IntentSnapshot;
      readonly failure: Failure;
      /** `declined` or `authentication`: a bank, or the customer's part in asking it. */
      readonly fault: RefusalKind;
      readonly requestId: string | null;
      readonly replayed: boolean;
    }
  | {
      readonly kind: 'refused';
      /** 400, 402 without an intent, 404 on create or confirm, and other 4xx. 401 and 403 are `unauthorized`. */
      readonly httpStatus: number;
      /** `idempotency_error` when the key was used with other parameters or on another endpoint. */
      readonly code: string | null;
      readonly message: string;
      readonly param: string | null;
      readonly fault: RefusalKind;
      /** The intent that a `payment_intent_unexpected_state` carries. */
      readonly intent: IntentSnapshot | null;
      readonly effect: Effect;
      readonly requestId: string | null;
    }
  | {
      readonly kind: 'unauthorized';
      readonly httpStatus: number;
      readonly message: string;
      readonly effect: Effect;
      readonly requestId: string | null;
    }
  | { readonly kind: 'missing'; readonly requestId: string | null; readonly message: string }
  /** A complete scan of Stripe's list between two instants did not show it. */
  | {
      readonly kind: 'absent';
      readonly scannedFrom: number;
      readonly scannedTo: number;
      readonly pages: number;
      /** Of `scan_elsewhere`: the intent that another ledger made under the same key. */
      readonly elsewhere?: IntentSnapshot;
      readonly requestId: string | null;
    }
  | {
      readonly kind: 'unknown';
      readonly reason: UnknownReason;
      readonly effect: Effect;
      /** True when Stripe itself answered (5xx, 409, 429), false when nothing readable came back. */
      readonly answered: boolean;
      readonly httpStatus: number | null;
      /** Stripe-Rate-Limited-Reason, where sent. */
      readonly rateLimitedReason: string | null;
      /** Stripe-Should-Retry, where sent. */
      readonly shouldRetry: boolean | null;
      readonly requestId: string | null;
      readonly message: string;
    };

/**
 * Refused for the moment and known to pass (429, a lock, a twin under way): it is tried again soon, by
 * the same call under the same idempotency key.
 */
export function isPassing(answer: Answer): boolean {
  if (answer.kind !== 'unknown' || answer.shouldRetry === false) return false;
  return (
    answer.reason === 'rate_limited' ||
    answer.reason === 'lock_timeout' ||
    answer.reason === 'conflict'
  );
}

/** Whether this answer shows that Stripe is there and working, for the outage rule. */
export function showsStripeWorking(answer: Answer): boolean {
  // A lock on one object, or a twin of one key, says nothing about Stripe as a whole but that it answers.
  return (
    answer.kind !== 'unknown' || answer.reason === 'conflict' || answer.reason === 'lock_timeout'
  );
}
