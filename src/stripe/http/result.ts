import type { Effect } from '../../domain/answer.ts';

/** What one call did on the wire. A call is one request of ours; the library may send it twice. */
export interface WireFacts {
  /** Requests begun, the library's hidden repetition included. */
  readonly attempts: number;
  /** HTTP status of the last attempt; null when no answer began. */
  readonly status: number | null;
  /** Headers of the last answer, in lower case; empty when none began. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Node's code of the last attempt's failure, e.g. `ECONNREFUSED`. */
  readonly networkCode: string | null;
  /** Why no tunnel through the proxy came about for the last attempt, which was then not sent. */
  readonly proxyFailure?: string;
}

/**
 * Stripe's word: its complete error object (one of its types, and a code or a message). What a proxy
 * says in JSON of its own is none. Values from outside: `paymentIntent` is not checked yet.
 */
export interface StripeFault {
  readonly status: number;
  readonly type: StripeErrorType;
  readonly code: string | null;
  readonly declineCode: string | null;
  readonly message: string;
  readonly param: string | null;
  readonly paymentIntent: unknown;
}

/** The types of an error of the v1 API. */
export const STRIPE_ERROR_TYPES = [
  'api_error',
  'authentication_error',
  'card_error',
  'idempotency_error',
  'invalid_request_error',
  'rate_limit_error',
] as const;
export type StripeErrorType = (typeof STRIPE_ERROR_TYPES)[number];

/** How one call ended, before anything is concluded from it. */
export type Outcome =
  | { readonly kind: 'value'; readonly value: unknown; readonly wire: WireFacts }
  | { readonly kind: 'fault'; readonly fault: StripeFault; readonly wire: WireFacts }
  /** No connection, or something came that cannot be read. */
  | { readonly kind: 'nothing'; readonly wire: WireFacts }
  | { readonly kind: 'deadline'; readonly deadlineMs: number; readonly wire: WireFacts }
  /**
   * Nothing was sent, and Stripe has no part in it: no permit came within the caller's budget
   * (`queue`), or it came when the caller might not begin any more (`too_late`).
   */
  | { readonly kind: 'not_sent'; readonly why: 'queue' | 'too_late'; readonly wire: WireFacts }
  | { readonly kind: 'interrupted'; readonly wire: WireFacts };

/** Codes that prove that nothing was sent: the name has no address, or nobody listens there. */
const NEVER_CONNECTED: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ENOTFOUND']);

/** Answers that Stripe gives before it executes anything. */
const ANSWERED_BEFORE_EXECUTION: ReadonlySet<number> = new Set([400, 401, 403, 429]);

/**
 * `none` only with proof, and the proof must come from the first wire attempt: the library repeats a
 * request whose connection broke, and a 429 for the repetition says nothing about the first send.
 * A status counts only with Stripe's error object (a proxy can answer 403 too), and a replayed answer
 * (`Idempotent-Replayed`) tells of an earlier execution.
 */
export function effectOf(outcome: Outcome): Effect {
  const { wire } = outcome;
  if (wire.attempts === 0) return 'none';
  if (wire.attempts > 1) return 'unknown';
  if (outcome.kind === 'fault') {
    return ANSWERED_BEFORE_EXECUTION.has(outcome.fault.status) && !isReplayed(wire)
      ? 'none'
      : 'unknown';
  }
  const neverConnected =
    wire.status === null &&
    (wire.proxyFailure !== undefined ||
      (wire.networkCode !== null && NEVER_CONNECTED.has(wire.networkCode)));
  return outcome.kind === 'nothing' && neverConnected ? 'none' : 'unknown';
}

export function isReplayed(wire: WireFacts): boolean {
  return header(wire, 'idempotent-replayed') === 'true';
}

export function requestId(wire: WireFacts): string | null {
  return header(wire, 'request-id');
}

export function rateLimitedReason(wire: WireFacts): string | null {
  return header(wire, 'stripe-rate-limited-reason');
}

/** Stripe's own word on whether to ask again, which overrides every rule of ours; null where it says nothing. */
export function shouldRetry(wire: WireFacts): boolean | null {
  const said = header(wire, 'stripe-should-retry');
  if (said === 'true') return true;
  return said === 'false' ? false : null;
}

/** A header may be as long as the sender likes; none that is read here is. */
const MAX_HEADER_CHARS = 100;

export function header(wire: WireFacts, name: string): string | null {
  const value = wire.headers[name];
  const first = typeof value === 'string' ? value : value?.[0];
  return first?.slice(0, MAX_HEADER_CHARS) ?? null;
}
