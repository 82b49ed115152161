import {
  BANKS_WORDS,
  DECLINE_CODES,
  ERROR_CODES,
  UNDECLARED_ERROR_CODES,
  type RefusalKind,
} from './refusal-codes.ts';

/*
 * The one classification of everything that Stripe refuses. It decides whether a key is used up,
 * whether a customer is written to, and whether a batch stops, so it never guesses: a code that
 * nobody knows is never a bank's word.
 */

const CONCLUDE_NOTHING: ReadonlySet<string> = new Set(['idempotency_error', 'api_error']);

export interface Refusal {
  /** Null: no answer to a call, but the `last_payment_error` that a payment intent shows. */
  readonly httpStatus: number | null;
  readonly type: string | null;
  readonly code: string | null;
  readonly declineCode: string | null;
}

/**
 * Whose word it is. The caller has made sure that it is Stripe's complete error object.
 *
 * - 5xx: nobody's. It may have been executed, and may still be rolled forward.
 * - 409, 429: passing; Stripe did not execute it.
 * - `idempotency_error`: the key belongs to another request, about which this says nothing.
 * - 402, and an intent's last error: the payment itself was refused; the codes tell by whom.
 * - Other 4xx of type `invalid_request_error`: our request, whether or not its code is in the table,
 *   unless the code speaks of a state: a payment that has succeeded answers so as well.
 */
export function classifyRefusal(refusal: Refusal): RefusalKind {
  const { httpStatus, type } = refusal;
  if (httpStatus === 409 || httpStatus === 429) return 'passing';
  if (httpStatus !== null && (httpStatus < 400 || httpStatus >= 500)) return 'unknown';
  if (CONCLUDE_NOTHING.has(type ?? '')) return 'unknown';
  if (httpStatus === 402 || httpStatus === null) return classifyPayment(refusal);
  return classifyRequest(httpStatus, refusal);
}

function classifyRequest(httpStatus: number, { type, code }: Refusal): RefusalKind {
  if (httpStatus === 401 || httpStatus === 403) return 'request';
  const byCode = KIND_OF_CODE.get(code ?? '');
  if (byCode === 'passing' || type === 'rate_limit_error') return 'passing';
  return type === 'invalid_request_error' && byCode !== 'unknown' ? 'request' : 'unknown';
}

/**
 * The decline code is the more exact word, but only beside a code that is a refusal of the payment.
 * `card_declined` with a decline code that nobody knows is still a decline: that is what the code
 * itself says. By whom is not known then, see `isBanksWord`.
 */
function classifyPayment({ httpStatus, type, code, declineCode }: Refusal): RefusalKind {
  const byCode = KIND_OF_CODE.get(code ?? '');
  if (code !== null && byCode === undefined) return 'unknown';
  const refusesPayment =
    byCode === undefined || byCode === 'declined' || byCode === 'authentication';
  if (!refusesPayment) return byCode;
  // What an intent shows is of several types; an answer that refuses a payment is a card_error.
  if (httpStatus === 402 && type !== 'card_error') return 'unknown';
  return KIND_OF_DECLINE.get(declineCode ?? '') ?? byCode ?? 'unknown';
}

/**
 * Whether a letter may say that the customer's bank or card company refused. It takes the decline
 * code, or the error code where there is none. For every other decline it can say that the payment
 * was declined, and not by whom.
 */
export function isBanksWord(failureCode: string | null): boolean {
  return failureCode !== null && BANKS_WORDS.has(failureCode);
}

const KIND_OF_CODE = kinds(ERROR_CODES, UNDECLARED_ERROR_CODES);
const KIND_OF_DECLINE = kinds(DECLINE_CODES);

type Table = Record<RefusalKind, readonly string[]>;

function kinds(...tables: readonly Table[]): ReadonlyMap<string, RefusalKind> {
  const byCode = new Map<string, RefusalKind>();
  for (const table of tables) {
    for (const kind of ['declined', 'authentication', 'request', 'passing', 'unknown'] as const) {
      for (const code of table[kind]) byCode.set(code, kind);
    }
  }
  return byCode;
}
