import type { Answer, IntentSnapshot, UnknownReason } from '../domain/answer.ts';
import type { RefusalKind } from '../domain/refusals/refusal-codes.ts';
import { classifyRefusal } from '../domain/refusals/refusals.ts';
import {
  effectOf,
  isReplayed,
  rateLimitedReason,
  requestId,
  shouldRetry,
  type Outcome,
} from './http/result.ts';
import { redact } from './redact.ts';
import { readIntent, readIntentForCustomer } from './parse-intent.ts';

/** What was asked, as far as the meaning of an answer depends on it. */
export interface Question {
  readonly endpoint: 'create' | 'confirm' | 'cancel' | 'retrieve';
  /** The intent that was asked for; null on a create. An answer about another one is no answer. */
  readonly paymentIntent: string | null;
  /** Taken out of every text that is passed on. */
  readonly secret: string;
}

type Fault = Extract<Outcome, { kind: 'fault' }>;

const NOT_SENT = {
  queue: "payrecon's own rate limit left no room for the call in time; nothing was sent to Stripe",
  too_late:
    "payrecon's own rate limit left room for the call only when it might not begin any more; nothing was sent to Stripe",
} as const;

/** What an outcome proves. Everything that proves nothing is `unknown`. Never decides by the text of a message. */
export function classify(seen: Outcome, question: Question): Answer {
  const outcome = question.endpoint === 'retrieve' ? withoutReplay(seen) : seen;
  switch (outcome.kind) {
    case 'value':
      return classifyValue(outcome, question);
    case 'fault':
      return classifyFault(outcome, question);
    case 'nothing':
      return classifyNothing(outcome);
    case 'deadline':
      return unknown(outcome, 'timeout', `Stripe did not answer within ${outcome.deadlineMs} ms`);
    case 'not_sent':
      return unknown(outcome, 'queue', NOT_SENT[outcome.why]);
    case 'interrupted':
      return unknown(
        outcome,
        'interrupted',
        'the call was broken off because payrecon is stopping',
      );
  }
}

/** A look-up has no idempotency key, so a replay of it can only be a mistake of what lies between. */
function withoutReplay<Seen extends Outcome>(outcome: Seen): Seen {
  const { 'idempotent-replayed': _, ...headers } = outcome.wire.headers;
  return { ...outcome, wire: { ...outcome.wire, headers } };
}

function classifyValue(outcome: Extract<Outcome, { kind: 'value' }>, question: Question): Answer {
  const { wire } = outcome;
  // The library takes any JSON without an `error` for a success, a gateway's 502 for example.
  if (wire.status === null || wire.status < 200 || wire.status > 299)
    return malformed(outcome, "an error that is not Stripe's");
  const intent = asked(readIntentForCustomer(outcome.value, question.secret), question);
  if (intent === null)
    return malformed(outcome, 'something other than the payment intent that was asked for');
  return { kind: 'intent', intent, requestId: requestId(wire), replayed: isReplayed(wire) };
}

function classifyFault(outcome: Fault, question: Question): Answer {
  const { fault, wire } = outcome;
  const message = redact(fault.message, question.secret);
  const kind = classifyRefusal({ ...fault, httpStatus: fault.status });
  const reason = undecidedReason(outcome, kind);
  if (reason !== null) return { ...unknown(outcome, reason, message), answered: true };
  if (fault.status < 400) return malformed(outcome, `an error with status ${fault.status}`);
  if (fault.status === 401 || fault.status === 403) {
    return {
      kind: 'unauthorized',
      httpStatus: fault.status,
      message,
      effect: effectOf(outcome),
      requestId: requestId(wire),
    };
  }
  // Only Stripe's own word for "no such object" is one: a wrong address answers 404 too.
  if (
    question.endpoint === 'retrieve' &&
    fault.status === 404 &&
    fault.code === 'resource_missing'
  ) {
    return { kind: 'missing', requestId: requestId(wire), message };
  }
  const intent = asked(readIntent(fault.paymentIntent, question.secret), question);
  if (fault.status === 402 && fault.paymentIntent !== null) {
    if (intent === null || question.endpoint === 'retrieve')
      return malformed(outcome, 'a decline of another payment intent');
    if (kind === 'declined' || kind === 'authentication') {
      const failure = { code: fault.code, declineCode: fault.declineCode, message };
      return {
        kind: 'declined',
        intent,
        failure,
        fault: kind,
        requestId: requestId(wire),
        replayed: isReplayed(wire),
      };
    }
  }
  return {
    kind: 'refused',
    httpStatus: fault.status,
    code: fault.type === 'idempotency_error' ? 'idempotency_error' : fault.code,
    message,
    param: fault.param,
    fault: kind,
    intent,
    effect: effectOf(outcome),
    requestId: requestId(wire),
  };
}

/** Stripe answered, and its answer decides nothing. */
function undecidedReason({ fault, wire }: Fault, kind: RefusalKind): UnknownReason | null {
  if (fault.status >= 500) return 'server_error';
  if (kind !== 'passing') return null;
  // The concurrent twin of the same idempotency key.
  if (fault.status === 409) return 'conflict';
  // A lock on the object and a rate limit share the status; only a rate limit names its reason.
  return fault.code === 'lock_timeout' && rateLimitedReason(wire) === null
    ? 'lock_timeout'
    : 'rate_limited';
}

function classifyNothing(outcome: Extract<Outcome, { kind: 'nothing' }>): Answer {
  const { status, networkCode, proxyFailure, attempts } = outcome.wire;
  if (status !== null) return malformed(outcome, 'an answer that cannot be read');
  const again = attempts > 1 ? ` (${attempts} attempts)` : '';
  if (networkCode === 'ETIMEDOUT')
    return unknown(outcome, 'timeout', `no connection to Stripe in time${again}`);
  return unknown(
    outcome,
    'connection',
    `no answer from Stripe: ${proxyFailure ?? networkCode ?? 'the connection failed'}${again}`,
  );
}

/** An answer about another intent is no answer. */
function asked(intent: IntentSnapshot | null, { paymentIntent }: Question): IntentSnapshot | null {
  return paymentIntent === null || intent?.id === paymentIntent ? intent : null;
}

function malformed(outcome: Outcome, what: string): Answer {
  return unknown(
    outcome,
    'malformed',
    `Stripe's address answered with ${what} (HTTP ${outcome.wire.status ?? 'none'})`,
  );
}

/** `answered: false` unless the caller knows better: nothing readable from Stripe came back. */
export function unknown(
  outcome: Outcome,
  reason: UnknownReason,
  message: string,
): Extract<Answer, { kind: 'unknown' }> {
  return {
    kind: 'unknown',
    reason,
    effect: effectOf(outcome),
    answered: false,
    httpStatus: outcome.wire.status,
    rateLimitedReason: rateLimitedReason(outcome.wire),
    shouldRetry: shouldRetry(outcome.wire),
    requestId: requestId(outcome.wire),
    message,
  };
}
