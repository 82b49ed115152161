import type { Failure, IntentSnapshot } from '../domain/answer.ts';
import { isStripeId } from '../domain/stripe-ids.ts';
import type { Json, JsonObject } from '../domain/transaction.ts';
import { redact } from './redact.ts';

type Fields = Readonly<Record<string, unknown>>;

/*
 * What came from outside, read into what may go on: each field of its type, and nothing longer than
 * Stripe makes it, because it goes into the ledger, into indexed columns and onto terminals.
 */

/** Statuses, codes and reasons; the longest that Stripe has is 68 characters. */
const MAX_WORD_CHARS = 100;
const MAX_ID_CHARS = 255;
/** Stripe allows 50 names of 40 characters, and 500 characters in each value. */
const MAX_METADATA = { entries: 100, nameChars: 100, valueChars: 1_000 };
const MAX_METHOD_TYPES = 100;
const MAX_CLIENT_SECRET_CHARS = 500;
/** A `next_action` holds addresses and, for 3-D Secure in an app, certificates. */
const MAX_NEXT_ACTION = { depth: 8, values: 500, textChars: 10_000 };

const CURRENCY = /^[a-z]{3}$/;
const ID = /^[A-Za-z0-9_]+$/;

/**
 * Reads a payment intent that came from outside; null when it is not one, or lacks what a verdict
 * needs: its id, status and mode, what was asked for and what was received. Whatever else is odd is
 * read as "not known". What only a customer's page needs is left out, see `readIntentForCustomer`.
 */
export function readIntent(value: unknown, secret: string): IntentSnapshot | null {
  if (!isFields(value) || value['object'] !== 'payment_intent') return null;
  const { id, status, currency, livemode } = value;
  if (typeof id !== 'string' || !isStripeId('pi', id)) return null;
  if (typeof status !== 'string' || status === '' || status.length > MAX_WORD_CHARS) return null;
  if (typeof currency !== 'string' || !isCurrency(currency) || typeof livemode !== 'boolean')
    return null;
  const amount = count(value['amount']);
  const amountReceived = count(value['amount_received']);
  const created = count(value['created']);
  if (amount === null || amountReceived === null || created === null) return null;
  return {
    id,
    status,
    amount,
    amountReceived,
    currency,
    livemode,
    created,
    customer: idOf(value['customer']),
    paymentMethod: idOf(value['payment_method']),
    paymentMethodTypes: words(value['payment_method_types']),
    metadata: metadataOf(value['metadata']),
    lastError: readFailure(value['last_payment_error'], secret),
    cancellationReason: word(value['cancellation_reason']),
    latestCharge: idOf(value['latest_charge']),
    clientSecret: null,
    nextAction: null,
  };
}

/** With the client secret and what the customer has to do: given back to the caller, never kept. */
export function readIntentForCustomer(value: unknown, secret: string): IntentSnapshot | null {
  const intent = readIntent(value, secret);
  if (intent === null || !isFields(value)) return null;
  const clientSecret = text(value['client_secret']);
  return {
    ...intent,
    clientSecret:
      clientSecret === null || clientSecret.length > MAX_CLIENT_SECRET_CHARS ? null : clientSecret,
    nextAction: nextActionOf(value['next_action']),
  };
}

function readFailure(value: unknown, secret: string): Failure | null {
  if (!isFields(value)) return null;
  return {
    code: word(value['code']),
    declineCode: word(value['decline_code']),
    message: redact(text(value['message']) ?? '', secret),
  };
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An empty text says nothing: the stripe package makes one of a decline code that Stripe did not send. */
export function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

/** A code or the like, cut where no code of Stripe's is as long: nobody knows it then. */
export function word(value: unknown): string | null {
  return text(value)?.slice(0, MAX_WORD_CHARS) ?? null;
}

/** An amount in minor units, or seconds since 1970. */
function count(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

function isCurrency(value: string): boolean {
  return value.length === 3 && CURRENCY.test(value);
}

/** Stripe shows a related object as its id or, expanded, as itself. */
function idOf(value: unknown): string | null {
  const id = isFields(value) ? text(value['id']) : text(value);
  return id !== null && id.length <= MAX_ID_CHARS && ID.test(id) ? id : null;
}

function words(value: unknown): readonly string[] {
  if (!Array.isArray(value)) return [];
  const items = value.slice(0, MAX_METHOD_TYPES);
  return items.filter(
    (item): item is string => typeof item === 'string' && item.length <= MAX_WORD_CHARS,
  );
}

function metadataOf(value: unknown): Readonly<Record<string, string>> {
  if (!isFields(value)) return {};
  const entries = Object.entries(value).filter((entry): entry is [string, string] => {
    const [name, item] = entry;
    return (
      typeof item === 'string' &&
      name.length <= MAX_METADATA.nameChars &&
      item.length <= MAX_METADATA.valueChars
    );
  });
  return Object.fromEntries(entries.slice(0, MAX_METADATA.entries));
}

function nextActionOf(value: unknown): JsonObject | null {
  if (!isFields(value)) return null;
  let values = 0;
  const fits = (item: unknown, depth: number): item is Json => {
    values += 1;
    if (depth > MAX_NEXT_ACTION.depth || values > MAX_NEXT_ACTION.values) return false;
    if (typeof item === 'string') return item.length <= MAX_NEXT_ACTION.textChars;
    if (typeof item !== 'object' || item === null) return true;
    return Object.entries(item).every(
      ([name, inner]) => name.length <= MAX_WORD_CHARS && fits(inner, depth + 1),
    );
  };
  return fits(value, 0) ? value : null;
}
