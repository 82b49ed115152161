// An error that the sandbox is told to answer with, whatever it would have answered.
//
//   error:STATUS:TYPE[:CODE[:DECLINE_CODE]][:NAME=VALUE..]
//
//   param=..          the parameter that the error is about
//   message=..        percent-encoded, as spaces and colons mean something else in a specification
//   should_retry=..   true or false: the header Stripe-Should-Retry
//   limited=..        the header Stripe-Rate-Limited-Reason; nothing after the = leaves it out
//   kept=..           true or false: whether the answer is kept under the idempotency key
import type { ErrorFields } from '../stripe/refusal.ts';

export interface OrderedError {
  readonly status: number;
  readonly error: ErrorFields;
  readonly headers: Readonly<Record<string, string>>;
  readonly kept: boolean;
}

export const ORDERED_FORM = 'error:STATUS:TYPE[:CODE[:DECLINE_CODE]][:NAME=VALUE..]';

const NAMES = ['param', 'message', 'should_retry', 'limited', 'kept'] as const;
type Name = (typeof NAMES)[number];
type Named = Partial<Record<Name, string>>;

/** Reads what follows `error:`. Throws an Error that says what is wrong. */
export function parseOrderedError(text: string): OrderedError {
  const segments = text.split(':');
  const firstNamed = segments.findIndex((segment) => segment.includes('='));
  const words = firstNamed < 0 ? segments : segments.slice(0, firstNamed);
  const named = parseNamed(firstNamed < 0 ? [] : segments.slice(firstNamed));
  const [statusText = '', type, code, declineCode] = words;
  if (type === undefined || words.length > 4) throw new Error(`write ${ORDERED_FORM}`);
  const status = parseStatus(statusText);
  for (const word of words.slice(1)) {
    if (!/^\w{1,100}$/.test(word)) throw new Error(`"${word}" is not a type or a code`);
  }
  // What was begun is kept: an attempt to pay, and a failure of Stripe's own.
  const kept =
    named.kept === undefined ? status === 402 || status >= 500 : parseFlag('kept', named.kept);
  return {
    status,
    error: {
      type,
      ...(code === undefined ? {} : { code }),
      ...(declineCode === undefined ? {} : { decline_code: declineCode }),
      message: named.message ?? standardMessage(status, code ?? type),
      ...(named.param === undefined ? {} : { param: named.param }),
    },
    headers: headersOf(named, status, code),
    kept,
  };
}

function parseNamed(segments: readonly string[]): Named {
  const named: Named = {};
  for (const segment of segments) {
    const at = segment.indexOf('=');
    const name = NAMES.find((known) => known === segment.slice(0, at));
    if (name === undefined)
      throw new Error(
        `there is no "${segment.slice(0, Math.max(at, 0))}"; there are ${NAMES.join(', ')}`,
      );
    named[name] = decode(segment.slice(at + 1));
  }
  return named;
}

function decode(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch (error) {
    throw new Error(`"${value}" is not percent-encoded text`, { cause: error });
  }
}

function parseStatus(text: string): number {
  const status = /^[0-9]{3}$/.test(text) ? Number(text) : Number.NaN;
  if (status >= 400 && status <= 599) return status;
  throw new Error(
    text === '' ? `write ${ORDERED_FORM}` : `"${text}" is not a status from 400 to 599`,
  );
}

function parseFlag(name: Name, value: string): boolean {
  if (value === 'true' || value === 'false') return value === 'true';
  throw new Error(`${name} is true or false`);
}

function standardMessage(status: number, code: string): string {
  return status === 402
    ? 'Your card was declined.'
    : `The sandbox was told to answer this request with ${code}.`;
}

/** As Stripe sends them: a limit says which one, and a lock says to try again. */
function headersOf(named: Named, status: number, code: string | undefined): Record<string, string> {
  const isLock = code === 'lock_timeout';
  const reason = named.limited ?? (status === 429 && !isLock ? 'endpoint-rate' : '');
  if (named.should_retry !== undefined) parseFlag('should_retry', named.should_retry);
  const retry = named.should_retry ?? (isLock ? 'true' : '');
  return {
    ...(reason === '' ? {} : { 'Stripe-Rate-Limited-Reason': reason }),
    ...(retry === '' ? {} : { 'Stripe-Should-Retry': retry }),
  };
}
