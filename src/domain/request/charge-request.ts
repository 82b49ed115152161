import { CURRENCY_CODES, findCurrency } from '../money/currencies.ts';
import type { Problem } from '../errors.ts';
import {
  emailProblem,
  encodingProblem,
  metadataProblems,
  nameProblem,
  quoted,
  textProblem,
} from './field-rules.ts';
import { DEFAULT_METHOD_TYPE, METHOD_TYPES } from './method-types.ts';
import { decimalAmount, parseAmount, parseMinor } from '../money/money.ts';
import { nearest } from '../suggest.ts';
import { isStripeId } from '../stripe-ids.ts';
import type { ChargeRequest } from '../transaction.ts';

/**
 * A charge as somebody wrote it: the flags of a command, the columns of a row, the fields of a library
 * call. A field that was not given is absent; an empty text is a value, and a wrong one.
 */
export interface ChargeInput {
  readonly key?: string | undefined;
  /** With all of the currency's decimals: `49.99`. Exactly one of this and `amountMinor`. */
  readonly amount?: string | undefined;
  readonly amountMinor?: string | undefined;
  readonly currency?: string | undefined;
  readonly paymentMethod?: string | undefined;
  readonly methodTypes?: readonly string[] | undefined;
  readonly customer?: string | undefined;
  readonly reference?: string | undefined;
  readonly email?: string | undefined;
  readonly description?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** The customer is there; what they need to authenticate is answered. */
  readonly onSession?: boolean | undefined;
}

/** What the person calls each field, so that a problem names what they have to change. */
export type FieldNames = Readonly<Record<keyof ChargeInput, string>>;

export const FLAG_NAMES: FieldNames = {
  key: '--key',
  amount: '--amount',
  amountMinor: '--amount-minor',
  currency: '--currency',
  paymentMethod: '--payment-method',
  methodTypes: '--method-type',
  customer: '--customer',
  reference: '--reference',
  email: '--email',
  description: '--description',
  metadata: '--metadata',
  onSession: '--on-session',
};

/** The columns of a file and the fields of JSON. */
export const COLUMN_NAMES: FieldNames = {
  key: 'key',
  amount: 'amount',
  amountMinor: 'amount_minor',
  currency: 'currency',
  paymentMethod: 'payment_method',
  methodTypes: 'method_type',
  customer: 'customer',
  reference: 'reference',
  email: 'email',
  description: 'description',
  metadata: 'metadata',
  onSession: 'on_session',
};

/** The fields of a call from a program. */
export const PROPERTY_NAMES: FieldNames = {
  key: 'key',
  amount: 'amount',
  amountMinor: 'amountMinor',
  currency: 'currency',
  paymentMethod: 'paymentMethod',
  methodTypes: 'methodTypes',
  customer: 'customer',
  reference: 'reference',
  email: 'email',
  description: 'description',
  metadata: 'metadata',
  onSession: 'onSession',
};

export type ParsedChargeRequest =
  | { readonly ok: true; readonly request: ChargeRequest }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** The key at Stripe may have as many (docs.stripe.com/api/idempotent_requests). */
const MAX_KEY = 255;
const MAX_REFERENCE = 255;
const MAX_DESCRIPTION = 1_000;
const PAYMENT_METHOD_PREFIXES = ['pm', 'card', 'src', 'ba'] as const;
const CARD_NUMBER = /\d(?:[ -]?\d){11,18}/;

/** Currencies suggested for a typo. */
const OFTEN_MEANT = [
  'usd',
  'eur',
  'gbp',
  'jpy',
  'cad',
  'aud',
  'chf',
  'cny',
  'sek',
  'nok',
  'dkk',
  'pln',
  'inr',
  'brl',
  'mxn',
];

/** Checks everything and reports every problem at once; nothing that is refused here is ever sent. */
export function parseChargeRequest(
  input: ChargeInput,
  names: FieldNames = FLAG_NAMES,
): ParsedChargeRequest {
  const problems: Problem[] = [];
  const note = (field: keyof ChargeInput, message: string | null): void => {
    if (message !== null) problems.push({ field: names[field], message });
  };
  const required = (
    field: 'key' | 'currency' | 'paymentMethod',
    rule: (text: string) => string | null,
  ): string => {
    const text = input[field];
    note(field, text === undefined ? 'it is missing' : rule(text));
    return text ?? '';
  };
  const optional = (
    field: 'customer' | 'reference' | 'email' | 'description',
    rule: (text: string) => string | null,
  ): string | null => {
    const text = input[field];
    if (text !== undefined) note(field, rule(text));
    return text ?? null;
  };

  const key = required('key', (text) => nameProblem(text, MAX_KEY));
  const amount = readAmount(input, names, problems);
  const currency = required('currency', currencyProblem).toLowerCase();
  const paymentMethod = required('paymentMethod', paymentMethodProblem);
  const methodTypes = sorted(
    input.methodTypes === undefined || input.methodTypes.length === 0
      ? [DEFAULT_METHOD_TYPE]
      : input.methodTypes,
  );
  for (const type of methodTypes) note('methodTypes', methodTypeProblem(type));
  const customer = optional('customer', customerProblem);
  const reference = optional('reference', (text) => nameProblem(text, MAX_REFERENCE));
  const email = optional('email', emailProblem);
  const description = optional('description', (text) => textProblem(text, MAX_DESCRIPTION));
  const metadata = input.metadata ?? {};
  problems.push(...metadataProblems(metadata, names.metadata));

  const broken = brokenTexts(input, names);
  const alone = new Set(broken.map(({ field }) => field));
  const all = [...broken, ...problems.filter(({ field }) => !alone.has(field))];
  if (all.length > 0) return { ok: false, problems: all };
  const request = {
    key,
    reference,
    amount,
    currency,
    customer,
    paymentMethod,
    methodTypes,
    email,
    description,
    metadata: byName(metadata),
    onSession: input.onSession ?? false,
  };
  return { ok: true, request };
}

/** Fields that were no UTF-8. What else is wrong with them is not worth a word: the text is not the one that was meant. */
function brokenTexts(input: ChargeInput, names: FieldNames): readonly Problem[] {
  const { metadata = {}, methodTypes = [], onSession: _onSession, ...texts } = input;
  const all: readonly (readonly [keyof ChargeInput, string])[] = [
    ...(Object.entries(texts) as [keyof typeof texts, string | undefined][]).map(
      ([field, text]) => [field, text ?? ''] as const,
    ),
    ...methodTypes.map((text) => ['methodTypes', text] as const),
    ...Object.entries(metadata)
      .flat()
      .map((text) => ['metadata', text] as const),
  ];
  const found = new Map<string, Problem>();
  for (const [field, text] of all) {
    const message = encodingProblem(text);
    if (message !== null && !found.has(names[field]))
      found.set(names[field], { field: names[field], message });
  }
  return [...found.values()];
}

/** Reads whichever amount was given; 0, with the problem noted, when it cannot be read. */
function readAmount(input: ChargeInput, names: FieldNames, problems: Problem[]): number {
  const { amount, amountMinor, currency } = input;
  if (amount !== undefined && amountMinor !== undefined) {
    problems.push({
      field: names.amount,
      message: `it is given twice, here and as ${names.amountMinor}: give one of them`,
    });
    return 0;
  }
  if (amount === undefined && amountMinor === undefined) {
    problems.push({
      field: names.amount,
      message: `it is missing: give ${names.amount} 49.99 or ${names.amountMinor} 4999`,
    });
    return 0;
  }
  // Without a currency nobody can say how many decimals there are; that problem is reported by itself.
  if (currency === undefined || findCurrency(currency) === null) return 0;
  const read =
    amount === undefined
      ? parseMinor(amountMinor ?? '', currency)
      : parseAmount(amount, currency, names.amountMinor);
  if (read.ok) return read.amount;
  problems.push({
    field: amount === undefined ? names.amountMinor : names.amount,
    message: read.message,
  });
  return 0;
}

function currencyProblem(text: string): string | null {
  if (findCurrency(text) !== null) return null;
  if (text === '') return 'it is empty: write a code of three letters, such as usd';
  const meant = nearest(text, [...OFTEN_MEANT, ...CURRENCY_CODES]);
  return `${quoted(text)} is not a currency that Stripe charges in${meant === null ? ': write a code of three letters, such as usd' : `; did you mean ${meant}?`}`;
}

function paymentMethodProblem(text: string): string | null {
  if (PAYMENT_METHOD_PREFIXES.some((prefix) => isStripeId(prefix, text))) return null;
  // What was typed may be a card's number, which no log or screen is to keep.
  const shown = CARD_NUMBER.test(text) ? 'what looks like a card number' : quoted(text);
  return `${shown} is not the id of a payment method at Stripe: it begins with pm_ (or card_, src_, ba_), as in pm_1Nv0FGQ9RKHgCVdK`;
}

function customerProblem(text: string): string | null {
  if (isStripeId('cus', text)) return null;
  return `${quoted(text)} is not the id of a customer at Stripe: it begins with cus_, as in cus_NffrFeUfNV2Hib`;
}

function methodTypeProblem(text: string): string | null {
  if (METHOD_TYPES.has(text)) return null;
  const meant = nearest(text, METHOD_TYPES);
  return `${quoted(text)} is not one of Stripe's payment method types${meant === null ? ', such as card or us_bank_account' : `; did you mean ${meant}?`}`;
}

function sorted(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)].sort();
}

function byName(metadata: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * The fields, by their JSON names, in which two requests ask for different payments; empty for a true
 * repetition. Everything but the key counts: a repetition with another e-mail address is not the same request.
 */
export function differingFields(a: ChargeRequest, b: ChargeRequest): readonly string[] {
  return differences(a, b).map(({ field }) => field);
}

export interface Difference {
  /** By its name in a file's line: `amount`, `payment_method`. */
  readonly field: string;
  /** In words, for people: `49.99 usd`, `"ada@example.com"`, `none`. */
  readonly recorded: string;
  readonly given: string;
}

/** Each field in which two requests differ, with both values. */
export function differences(recorded: ChargeRequest, given: ChargeRequest): readonly Difference[] {
  return Object.entries(COMPARED).flatMap(([field, { same, words }]) =>
    same(recorded, given) ? [] : [{ field, recorded: words(recorded), given: words(given) }],
  );
}

interface Compared {
  readonly same: (a: ChargeRequest, b: ChargeRequest) => boolean;
  readonly words: (request: ChargeRequest) => string;
}

function byText(of: (request: ChargeRequest) => string | null): Compared {
  return { same: (a, b) => of(a) === of(b), words: (request) => textWords(of(request)) };
}

function byList(of: (request: ChargeRequest) => readonly string[]): Compared {
  return {
    same: (a, b) => sameList(of(a), of(b)),
    words: (request) => textWords(of(request).join(', ')),
  };
}

const COMPARED: Readonly<Record<string, Compared>> = {
  amount: {
    same: (a, b) => a.amount === b.amount,
    words: ({ amount, currency }) =>
      `${decimalAmount(amount, currency) ?? String(amount)} ${currency}`,
  },
  currency: byText(({ currency }) => currency),
  customer: byText(({ customer }) => customer),
  payment_method: byText(({ paymentMethod }) => paymentMethod),
  method_types: byList(({ methodTypes }) => sorted(methodTypes)),
  reference: byText(({ reference }) => reference),
  email: byText(({ email }) => email),
  description: byText(({ description }) => description),
  metadata: {
    // By names and values apart: joined, `a=b` with `c` would be `a` with `b=c`.
    same: (a, b) => sameList(flat(a.metadata), flat(b.metadata)),
    words: ({ metadata }) =>
      textWords(
        Object.entries(byName(metadata))
          .map(([name, value]) => `${name}=${value}`)
          .join(', '),
      ),
  },
  on_session: byText(({ onSession }) => (onSession ? 'on-session' : 'off-session')),
};

const SHOWN_CHARACTERS = 80;

function textWords(text: string | null): string {
  if (text === null || text === '') return 'none';
  const characters = Array.from(text);
  return characters.length > SHOWN_CHARACTERS
    ? `${quoted(characters.slice(0, SHOWN_CHARACTERS).join(''))} and more`
    : quoted(text);
}

function flat(metadata: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(byName(metadata)).flat();
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((each, index) => each === b[index]);
}
