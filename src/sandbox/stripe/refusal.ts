import type { IntentRecord, PaymentMethodRecord } from './records.ts';

/** The `error` object of Stripe's answers. */
export interface ErrorFields {
  /** `api_error`, `card_error`, `idempotency_error` or `invalid_request_error`; another only where it was ordered. */
  readonly type: string;
  readonly message: string;
  readonly code?: string;
  readonly decline_code?: string;
  readonly param?: string;
  readonly charge?: string;
}

export interface RefusalDetails {
  readonly status: number;
  readonly error: ErrorFields;
  /** Shown whole inside the error. */
  readonly intent?: IntentRecord;
  /** What was to be paid with; shown whole too. */
  readonly method?: PaymentMethodRecord;
  readonly headers?: Readonly<Record<string, string>>;
  /** The request was executed as far as its outcome: Stripe keeps this answer under the idempotency key. */
  readonly kept?: boolean;
}

/** An answer other than 200, thrown by the endpoint that decides on it. */
export class Refusal extends Error {
  readonly details: RefusalDetails;

  constructor(details: RefusalDetails) {
    super(details.error.message);
    this.name = 'Refusal';
    this.details = details;
  }
}

/** 400: something about the parameters; not kept under the idempotency key. */
export function invalid(
  message: string,
  param: string | null = null,
  code: string | null = null,
): Refusal {
  return new Refusal({
    status: 400,
    error: {
      type: 'invalid_request_error',
      message,
      ...(code === null ? {} : { code }),
      ...(param === null ? {} : { param }),
    },
  });
}

export interface Sought {
  /** As Stripe's message calls it. */
  readonly kind: string;
  readonly id: string;
  readonly param: string;
  /** 404 when the id is in the path, otherwise 400. */
  readonly status: 400 | 404;
}

/** A reference to an object that does not exist. */
export function missing({ kind, id, param, status }: Sought, hint: string): Refusal {
  return new Refusal({
    status,
    error: {
      type: 'invalid_request_error',
      code: 'resource_missing',
      message: `No such ${kind}: '${id}'${hint}`,
      param,
    },
  });
}

/** 400: the payment intent is in a state that does not allow it. The answer is an outcome, so it is kept. */
export function unexpectedState(message: string, intent: IntentRecord): Refusal {
  return new Refusal({
    status: 400,
    error: { type: 'invalid_request_error', code: 'payment_intent_unexpected_state', message },
    intent,
    kept: true,
  });
}
