// Rules of Stripe that its type declarations do not tell: numbers, lengths, and what excludes what.
import {
  displayAmount,
  granularity,
  isCurrency,
  listedCurrencies,
  MAX_AMOUNT,
  minimumAmount,
} from './currencies.ts';
import { isObject, type Params, text } from './params.ts';
import type { Metadata } from '../records.ts';
import { invalid } from '../refusal.ts';

const MAX_METADATA_KEYS = 50;
const MAX_METADATA_KEY = 40;
const MAX_METADATA_VALUE = 500;
const MAX_DESCRIPTION = 1000;
const MAX_PAGE = 100;

export function checkCurrency(currency: string): string {
  const code = currency.toLowerCase();
  if (!isCurrency(code)) {
    throw invalid(
      `Invalid currency: ${currency}. Stripe currently supports these currencies: ${listedCurrencies()}`,
      'currency',
    );
  }
  return code;
}

export function checkAmount(amount: number, currency: string): number {
  if (amount < 1)
    throw invalid(
      'This value must be greater than or equal to 1.',
      'amount',
      'parameter_invalid_integer',
    );
  if (amount > MAX_AMOUNT)
    throw invalid(
      `Amount must be no more than ${displayAmount(MAX_AMOUNT, currency)}`,
      'amount',
      'amount_too_large',
    );
  const step = granularity(currency);
  if (amount % step !== 0) {
    throw invalid(
      `Invalid amount: in ${currency} the amount must be divisible by ${step} (you passed ${amount}).`,
      'amount',
      'parameter_invalid_integer',
    );
  }
  const least = minimumAmount(currency);
  if (amount < least)
    throw invalid(
      `Amount must be at least ${displayAmount(least, currency)}`,
      'amount',
      'amount_too_small',
    );
  return amount;
}

export function checkDescription(params: Params): void {
  checkLength(params, 'description', MAX_DESCRIPTION);
}

export function checkLength(params: Params, name: string, most: number): void {
  const value = text(params, name);
  if (value === null || lengthOf(value) <= most) return;
  throw invalid(
    `Invalid string: ${value.slice(0, 10)}...${value.slice(-4)}; must be at most ${most} characters`,
    name,
  );
}

/** The metadata after a request: given values replace, empty ones unset, and an empty hash unsets all. */
export function mergeMetadata(before: Metadata, params: Params): Metadata {
  const given = params['metadata'];
  if (given === undefined) return before;
  if (given === '') return {};
  if (!isObject(given)) throw invalid('Invalid hash', 'metadata');
  const merged = new Map(Object.entries(before));
  for (const [name, value] of Object.entries(given)) {
    if (typeof value !== 'string')
      throw invalid(`Invalid string: ${JSON.stringify(value)}`, `metadata[${name}]`);
    checkMetadataEntry(name, value);
    if (value === '') merged.delete(name);
    else merged.set(name, value);
  }
  if (merged.size > MAX_METADATA_KEYS) {
    throw invalid(
      `Metadata can have at most ${MAX_METADATA_KEYS} keys; you have ${merged.size}.`,
      'metadata',
    );
  }
  return Object.fromEntries(merged);
}

function checkMetadataEntry(name: string, value: string): void {
  if (lengthOf(name) > MAX_METADATA_KEY) {
    throw invalid(
      `Metadata keys must be at most ${MAX_METADATA_KEY} characters: ${name.slice(0, 20)}...`,
      `metadata[${name}]`,
    );
  }
  if (/[[\]]/.test(name))
    throw invalid(`Metadata keys cannot contain square brackets: ${name}`, `metadata[${name}]`);
  if (lengthOf(value) > MAX_METADATA_VALUE) {
    throw invalid(
      `Metadata values can have up to ${MAX_METADATA_VALUE} characters, but you passed in a value that is ${lengthOf(value)} characters.`,
      `metadata[${name}]`,
    );
  }
}

export function checkLimit(limit: number | null): number {
  if (limit === null) return 10;
  if (limit < 1 || limit > MAX_PAGE) {
    throw invalid(
      limit < 1
        ? 'This value must be greater than or equal to 1.'
        : `This value must be less than or equal to ${MAX_PAGE}.`,
      'limit',
      'parameter_invalid_integer',
    );
  }
  return limit;
}

/** The ways to say which payment methods are accepted exclude each other. */
export function checkMethodChoices(params: Params): void {
  const given = (name: string) => params[name] !== undefined && params[name] !== '';
  if (!given('allowed_payment_method_types')) return;
  for (const other of [
    'automatic_payment_methods',
    'excluded_payment_method_types',
    'payment_method_configuration',
  ]) {
    if (given(other))
      throw invalid(
        `You may only specify one of these parameters: allowed_payment_method_types, ${other}.`,
        other,
      );
  }
}

/** What only makes sense while confirming is refused on a create that does not confirm. */
export function checkConfirmOnly(params: Params): void {
  if (params['confirm'] === true) return;
  for (const name of [
    'off_session',
    'error_on_requires_action',
    'mandate',
    'mandate_data',
    'return_url',
    'confirmation_token',
  ]) {
    if (params[name] !== undefined) {
      throw invalid(
        `The parameter \`${name}\` cannot be passed in when creating a PaymentIntent unless \`confirm\` is set to true.`,
        name,
      );
    }
  }
}

/** In characters, as people count them in most languages. */
function lengthOf(value: string): number {
  return Array.from(value).length;
}
