import { type Failure, type IntentSnapshot } from '../domain/answer.ts';
import { type JsonObject } from '../domain/transaction.ts';
import { redact } from './redact.ts';

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads a payment intent that came from outside; null when it is not one, or lacks what a verdict
 * needs (id, status, amount, currency). Whatever else is odd is read as "not known".
 */
export function readIntent(value: unknown, secret: string): IntentSnapshot | null {
  if (!isFields(value) || value['object'] !== 'payment_intent') return null;
  const { id, status, amount, currency, created } = value;
  if (typeof id !== 'string' || id === '' || typeof status !== 'string' || status === '') return null;
  if (typeof amount !== 'number' || !Number.isSafeInteger(amount) || amount < 0) return null;
  if (typeof currency !== 'string' || currency === '') return null;
  if (typeof created !== 'number' || !Number.isSafeInteger(created)) return null;
  return {
    id,
    status,
    amount,
    currency,
    created,
    customer: idOf(value['customer']),
    paymentMethod: idOf(value['payment_method']),
    paymentMethodTypes: strings(value['payment_method_types']),
    metadata: stringMap(value['metadata']),
    lastError: readFailure(value['last_payment_error'], secret),
    cancellationReason: text(value['cancellation_reason']),
    latestCharge: idOf(value['latest_charge']),
    amountReceived: typeof value['amount_received'] === 'number' && Number.isSafeInteger(value['amount_received']) ? value['amount_received'] : 0,
    livemode: value['livemode'] === true,
    clientSecret: text(value['client_secret']),
    nextAction: isFields(value['next_action']) ? (value['next_action'] as JsonObject) : null,
  };
}

function readFailure(value: unknown, secret: string): Failure | null {
  if (!isFields(value)) return null;
  return {
    code: text(value['code']),
    declineCode: text(value['decline_code']),
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

/** Stripe shows a related object as its id or, expanded, as itself. */
function idOf(value: unknown): string | null {
  return isFields(value) ? text(value['id']) : text(value);
}

function strings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}

function stringMap(value: unknown): Readonly<Record<string, string>> {
  if (!isFields(value)) return {};
  return Object.fromEntries(Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}
