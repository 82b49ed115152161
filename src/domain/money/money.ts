import { findCurrency, type Currency } from './currencies.ts';

/*
 * Money is an integer in Stripe's minor unit and the currency beside it; it is never a float. Text
 * becomes digits and digits become text without a multiplication in between.
 */

/** Stripe: "The amount value supports up to eight digits". */
const MAX_AMOUNT_DIGITS = 8;
export const MAX_AMOUNT = 99_999_999;

/** Longer texts are no amounts and are not looked at; 8 digits, a point and room for the usual mistakes. */
const MAX_AMOUNT_TEXT = 40;

export type AmountResult =
  { readonly ok: true; readonly amount: number } | { readonly ok: false; readonly message: string };

const formatters = new Map<string, Intl.NumberFormat>();

/**
 * An amount for people, from Stripe's minor unit: `$49.99`, `¥500`, `KWD 1.230`, `ISK 500.00`. As many
 * decimals as `--amount` wants. It never throws, because rows at Stripe may hold currencies newer than our table.
 */
export function formatMoney(amount: number, currency: string): string {
  const known = findCurrency(currency);
  if (known === null || !Number.isSafeInteger(amount))
    return `${String(amount)} ${currency.toUpperCase()} (minor units)`;
  let formatter = formatters.get(known.code);
  if (formatter === undefined) {
    formatter = new Intl.NumberFormat('en-US', {
      style: 'currency',
      currency: known.code,
      minimumFractionDigits: known.decimals,
      maximumFractionDigits: known.decimals,
    });
    formatters.set(known.code, formatter);
  }
  // Given as text, Intl keeps every digit. Its no-break space would keep people from finding the text again.
  return formatter.format(decimalText(amount, known) as `${number}`).replaceAll('\u00a0', ' ');
}

/** The amount as `--amount` takes it: `49.99`, `500`, `1.230`. Throws a RangeError for an unknown currency. */
export function formatAmount(amount: number, currency: string): string {
  const known = findCurrency(currency);
  if (known === null) throw new RangeError(`unknown currency ${currency}`);
  return decimalText(amount, known);
}

/** For programs: `49.99`, `500`, `1.230`; null for a currency newer than our table. */
export function decimalAmount(amount: number, currency: string): string | null {
  const known = findCurrency(currency);
  return known === null ? null : decimalText(amount, known);
}

/**
 * Reads an amount whose decimals are all written out (`49.99` usd, `500` jpy, `500.00` isk). Anything
 * that two people could read as two amounts is refused with what to write instead.
 * `minorField` is what the caller calls the other way to give an amount.
 */
export function parseAmount(
  text: string,
  currency: string,
  minorField = '--amount-minor',
): AmountResult {
  const known = findCurrency(currency);
  if (known === null)
    return refuse('the currency is not known to Stripe, so its decimals are not known either');
  const spelling = spellingProblem(text, known);
  if (spelling !== null) return refuse(spelling);
  const [whole = '', fraction = ''] = text.split('.');
  const digits = (whole + fraction).replace(/^0+(?=[0-9])/, '');
  if (/^0+$/.test(digits)) return refuse(NOT_ABOVE_ZERO);
  if (digits.length > MAX_AMOUNT_DIGITS) return refuse(tooLarge(known));
  const decimals = decimalsProblem(whole, fraction, known, minorField);
  return decimals === null ? checkMinor(Number(digits), known.code) : refuse(decimals);
}

/** Reads an amount in the minor unit (`4999` is 49.99 usd). */
export function parseMinor(text: string, currency: string): AmountResult {
  if (!/^[0-9]+$/.test(text) || text.length > MAX_AMOUNT_TEXT)
    return refuse(
      'write a whole number of the minor unit in digits 0 to 9 alone, such as 4999 for USD 49.99',
    );
  if (/^0[0-9]/.test(text)) return refuse('write it without leading zeros');
  const known = findCurrency(currency);
  if (known !== null && text.length > MAX_AMOUNT_DIGITS) return refuse(tooLarge(known));
  return checkMinor(Number(text), currency);
}

/**
 * Whether Stripe can charge this many minor units. Stripe's minimum is not checked: it depends on the
 * account's settlement currency and the day's rate, so it is Stripe's to judge.
 */
export function checkMinor(amount: number, currency: string): AmountResult {
  const known = findCurrency(currency);
  if (known === null) return refuse('the currency is not known to Stripe');
  if (!Number.isSafeInteger(amount)) return refuse('an amount is a whole number of the minor unit');
  if (amount <= 0) return refuse(NOT_ABOVE_ZERO);
  if (amount > MAX_AMOUNT) return refuse(tooLarge(known));
  if (amount % known.step !== 0) {
    const name = known.code.toUpperCase();
    const write = neighbours(amount, known).map(
      (each) => `${String(each)} (${name} ${decimalText(each, known)})`,
    );
    const why =
      known.step === 10
        ? 'the last digit must be 0'
        : `${name} has no fractions, so the last two digits must be 00`;
    return refuse(
      `Stripe takes ${name} in steps of ${String(known.step)} minor units (${why}): write ${write.join(' or ')}`,
    );
  }
  return { ok: true, amount };
}

const NOT_ABOVE_ZERO = 'an amount to charge is above zero';

function refuse(message: string): AmountResult {
  return { ok: false, message };
}

function decimalText(amount: number, { decimals }: Currency): string {
  const digits = String(Math.abs(amount)).padStart(decimals + 1, '0');
  const sign = amount < 0 ? '-' : '';
  if (decimals === 0) return sign + digits;
  return `${sign}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}

/** The amounts just below and just above that Stripe can charge. */
function neighbours(amount: number, { step }: Currency): readonly number[] {
  const below = amount - (amount % step);
  return [below, below + step].filter((each) => each > 0 && each <= MAX_AMOUNT);
}

function tooLarge(currency: Currency): string {
  const largest = MAX_AMOUNT - (MAX_AMOUNT % currency.step);
  return `Stripe takes at most ${String(MAX_AMOUNT_DIGITS)} digits: the largest amount is ${currency.code.toUpperCase()} ${decimalText(largest, currency)} (${String(largest)} in the minor unit)`;
}

/** How an amount of this currency looks, for sentences that say what to write. */
function example(currency: Currency): string {
  return decimalText(currency.decimals === 0 ? 500 : 5 * 10 ** currency.decimals, currency);
}

/** What keeps the text from being digits with at most one point; null when it is. */
function spellingProblem(text: string, currency: Currency): string | null {
  const such = `such as ${example(currency)}`;
  if (text === '') return `it is empty: write an amount ${such}`;
  if (text.length > MAX_AMOUNT_TEXT)
    return `that is too long for an amount: write digits and a point alone, ${such}`;
  if (/\s/.test(text)) return `write it without spaces, ${such}`;
  if (text.startsWith('-'))
    return `an amount to charge is above zero: write it without the minus sign, ${such}`;
  if (text.startsWith('+')) return `write it without the plus sign, ${such}`;
  if (/^[0-9.]+e[+-]?[0-9]+$/i.test(text)) return `write it without an exponent, ${such}`;
  if (/^[0-9]+(,[0-9]+)+(\.[0-9]+)?$/.test(text)) {
    return `a comma can be read two ways: write the decimals after a point and nothing between thousands, ${such}`;
  }
  if (/^(?=.*\p{Nd})(?=.*[^0-9.])[\p{Nd}.]+$/u.test(text))
    return `write it with the digits 0 to 9, ${such}`;
  if (!/^[0-9]+(\.[0-9]+)?$/.test(text))
    return `write it with digits and at most one point, ${such}`;
  if (/^0[0-9]/.test(text)) return `write it without leading zeros, ${such}`;
  return null;
}

/** What is wrong with the number of decimals or with their value; null when nothing is. */
function decimalsProblem(
  whole: string,
  fraction: string,
  currency: Currency,
  minorField: string,
): string | null {
  const { decimals } = currency;
  const name = currency.code.toUpperCase();
  if (fraction.length === decimals) {
    if (currency.step === 100 && fraction !== '00')
      return `${name} has no fractions: the decimals must be 00, as in ${whole}.00`;
    if (currency.step === 10 && !fraction.endsWith('0')) {
      const write = neighbours(Number(whole + fraction), currency).map((each) =>
        decimalText(each, currency),
      );
      return `Stripe takes ${name} with a last digit of 0: write ${write.join(' or ')}`;
    }
    return null;
  }
  if (decimals === 0) return `${name} has no decimals: write whole units, such as ${whole}`;
  if (fraction === '') return withoutDecimals(whole, currency, minorField);
  if (fraction.length < decimals)
    return `${name} has ${String(decimals)} decimals: write ${whole}.${fraction.padEnd(decimals, '0')}`;
  return `${name} has ${String(decimals)} decimals and no more: write them all and nothing after them, as in ${whole}.${fraction.slice(0, decimals)}`;
}

function withoutDecimals(whole: string, currency: Currency, minorField: string): string {
  const name = currency.code.toUpperCase();
  const written = `${whole}.${'0'.repeat(currency.decimals)}`;
  const minor = `${whole}${'0'.repeat(currency.decimals)}`;
  if (currency.step === 100) {
    const meant = whole.endsWith('00')
      ? `, or ${minorField} ${whole} if you meant ${name} ${decimalText(Number(whole), currency)}`
      : '';
    return `it could be read both ways, as whole ${name} or in Stripe's hundredths: write ${written} (which is ${minorField} ${minor})${meant}`;
  }
  const asMinor = Number(whole) % currency.step === 0 ? `, or ${minorField} ${whole}` : '';
  return `it could be read as ${name} ${written} or as ${whole} of the minor unit: write ${written}${asMinor}`;
}
