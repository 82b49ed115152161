import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CURRENCY_CODES, findCurrency } from '../../../src/domain/money/currencies.ts';
import {
  checkMinor,
  formatAmount,
  formatMoney,
  MAX_AMOUNT,
  parseAmount,
  parseMinor,
} from '../../../src/domain/money/money.ts';

function refusal(text: string, currency: string): string {
  const result = parseAmount(text, currency);
  return result.ok ? `accepted as ${String(result.amount)}` : result.message;
}

/** Any currency with any amount that Stripe can charge in it. */
const money = fc.constantFrom(...CURRENCY_CODES).chain((code) => {
  const { step } = findCurrency(code)!;
  return fc.record({
    code: fc.constant(code),
    amount: fc.integer({ min: 1, max: Math.floor(MAX_AMOUNT / step) }).map((steps) => steps * step),
  });
});

describe("Stripe's table of currencies", () => {
  it('has at least the 135 that Stripe promises, each once, in order and in lower case', () => {
    expect(CURRENCY_CODES.length).toBeGreaterThanOrEqual(135);
    expect([...new Set(CURRENCY_CODES)].sort()).toEqual(CURRENCY_CODES);
    expect(CURRENCY_CODES.filter((code) => !/^[a-z]{3}$/.test(code))).toEqual([]);
  });

  it('tells the decimals of every special case', () => {
    const told = (decimals: number, step: number): string =>
      CURRENCY_CODES.filter(
        (code) => findCurrency(code)?.decimals === decimals && findCurrency(code)?.step === step,
      ).join(' ');
    expect(told(0, 1)).toBe('bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf');
    expect(told(3, 10)).toBe('bhd jod kwd omr tnd');
    expect(told(2, 100)).toBe('isk ugx');
    expect(findCurrency('HUF')).toEqual({ code: 'huf', decimals: 2, step: 1 });
    expect(findCurrency('twd')).toEqual({ code: 'twd', decimals: 2, step: 1 });
    expect(findCurrency('xyz')).toBeNull();
  });
});

describe('formatMoney', () => {
  it.each([
    [4999, 'usd', '$49.99'],
    [4999, 'USD', '$49.99'],
    [5, 'eur', '€0.05'],
    [500, 'jpy', '¥500'],
    [1230, 'kwd', 'KWD 1.230'],
    [50_000, 'isk', 'ISK 500.00'],
    [50_000, 'ugx', 'UGX 500.00'],
    [1_050, 'huf', 'HUF 10.50'],
    [1_050, 'twd', 'NT$10.50'],
    [99_999_999, 'gbp', '£999,999.99'],
    [-250, 'usd', '-$2.50'],
    [-50, 'usd', '-$0.50'],
    [7, 'xyz', '7 XYZ (minor units)'],
  ])('shows %d %s as %s', (amount, currency, shown) => {
    expect(formatMoney(amount, currency)).toBe(shown);
  });
});

describe('parseAmount', () => {
  it.each([
    ['49.99', 'usd', 4999],
    ['4999.00', 'usd', 499_900],
    ['0.05', 'usd', 5],
    ['999999.99', 'usd', 99_999_999],
    ['500', 'jpy', 500],
    ['99999999', 'jpy', 99_999_999],
    ['1.230', 'kwd', 1230],
    ['500.00', 'isk', 50_000],
    ['500.00', 'UGX', 50_000],
    ['10.50', 'huf', 1050],
    ['10.50', 'twd', 1050],
  ])('reads %s %s as %d', (text, currency, amount) => {
    expect(parseAmount(text, currency)).toEqual({ ok: true, amount });
  });

  it.each([
    ['4999', 'usd', 'write 4999.00, or --amount-minor 4999'],
    [
      '500',
      'isk',
      'write 500.00 (which is --amount-minor 50000), or --amount-minor 500 if you meant ISK 5.00',
    ],
    ['47', 'ugx', 'could be read both ways'],
    ['500.50', 'isk', 'the decimals must be 00, as in 500.00'],
    ['500.00', 'jpy', 'JPY has no decimals: write whole units, such as 500'],
    ['1.23', 'kwd', 'write 1.230'],
    ['1.234', 'kwd', 'write 1.230 or 1.240'],
    ['0.004', 'kwd', 'write 0.010'],
    ['1', 'kwd', 'write 1.000'],
    ['49.9', 'usd', 'write 49.90'],
    ['49.999', 'usd', 'as in 49.99'],
    ['-1', 'usd', 'without the minus sign'],
    ['-1.00', 'usd', 'without the minus sign'],
    ['0.00', 'usd', 'above zero'],
    ['0', 'usd', 'above zero'],
    ['0', 'jpy', 'above zero'],
    ['1e3', 'usd', 'without an exponent'],
    ['1.5E2', 'usd', 'without an exponent'],
    ['+5.00', 'usd', 'without the plus sign'],
    [' 5.00', 'usd', 'without spaces'],
    ['5.00\n', 'usd', 'without spaces'],
    ['5\u00a0000.00', 'usd', 'without spaces'],
    ['5,00', 'usd', 'the decimals after a point'],
    ['1,000.00', 'usd', 'nothing between thousands'],
    ['٤٩.٩٩', 'usd', 'the digits 0 to 9'],
    ['４９.９９', 'usd', 'the digits 0 to 9'],
    ['٥٠٠', 'jpy', 'the digits 0 to 9'],
    ['1000000.00', 'usd', 'at most 8 digits: the largest amount is USD 999999.99'],
    ['100000000', 'jpy', 'at most 8 digits'],
    ['123456789012345678901234567890', 'usd', 'at most 8 digits'],
    ['1'.repeat(10_000), 'usd', 'too long'],
    ['05.00', 'usd', 'without leading zeros'],
    ['', 'usd', 'it is empty'],
    ['.50', 'usd', 'at most one point'],
    ['5.', 'usd', 'at most one point'],
    ['1.2.3', 'usd', 'at most one point'],
    ['NaN', 'usd', 'with digits'],
    ['Infinity', 'usd', 'with digits'],
    ['0x10', 'usd', 'with digits'],
    ['1_000.00', 'usd', 'with digits'],
    ['$5.00', 'usd', 'with digits'],
    ['5.00', 'xyz', 'the currency is not known'],
  ])('refuses %j %s and says what to write: %s', (text, currency, sentence) => {
    expect(refusal(text, currency)).toContain(sentence);
  });

  it('calls the other field what the caller calls it', () => {
    expect(parseAmount('4999', 'usd', 'amount_minor')).toEqual({
      ok: false,
      message: expect.stringContaining('or amount_minor 4999') as string,
    });
  });

  it('reads back what formatAmount wrote, in every currency', () => {
    fc.assert(
      fc.property(money, ({ code, amount }) => {
        expect(parseAmount(formatAmount(amount, code), code)).toEqual({ ok: true, amount });
        expect(parseMinor(String(amount), code)).toEqual({ ok: true, amount });
      }),
      { numRuns: 2_000 },
    );
  });

  it('shows people the same digits that the amount has', () => {
    fc.assert(
      fc.property(money, ({ code, amount }) => {
        const digits = formatMoney(amount, code)
          .replace(/[^0-9]/g, '')
          .replace(/^0+/, '');
        expect(digits).toBe(String(amount));
      }),
      { numRuns: 1_000 },
    );
  });

  it('accepts nothing but whole amounts above zero of at most 8 digits, whatever is typed', () => {
    const character = fc.constantFrom(...Array.from('0123456789.,-+eE 00..٤４_'));
    const typed = fc.oneof(
      fc.string({ unit: character, maxLength: 14 }),
      fc.string({ unit: 'binary' }),
      fc.double().map(String),
    );
    fc.assert(
      fc.property(typed, fc.constantFrom(...CURRENCY_CODES), (text, code) => {
        for (const result of [parseAmount(text, code), parseMinor(text, code)]) {
          if (!result.ok) {
            expect(result.message).not.toBe('');
            continue;
          }
          expect(Number.isSafeInteger(result.amount)).toBe(true);
          expect(result.amount).toBeGreaterThan(0);
          expect(String(result.amount)).toMatch(/^[0-9]{1,8}$/);
          expect(result.amount % findCurrency(code)!.step).toBe(0);
        }
        const read = parseAmount(text, code);
        if (read.ok) expect(formatAmount(read.amount, code)).toBe(text);
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('checkMinor and parseMinor', () => {
  it.each([
    [0, 'usd', 'above zero'],
    [-5, 'usd', 'above zero'],
    [1.5, 'usd', 'whole number'],
    [Number.NaN, 'usd', 'whole number'],
    [100_000_000, 'usd', 'at most 8 digits'],
    [1234, 'kwd', 'write 1230 (KWD 1.230) or 1240 (KWD 1.240)'],
    [550, 'isk', 'write 500 (ISK 5.00) or 600 (ISK 6.00)'],
    [100, 'xyz', 'not known to Stripe'],
  ])('refuses %d %s: %s', (amount, currency, sentence) => {
    expect(checkMinor(amount, currency)).toEqual({
      ok: false,
      message: expect.stringContaining(sentence) as string,
    });
  });

  it.each([
    '49.99',
    '-1',
    '+1',
    '1e3',
    ' 1',
    '',
    '0x1',
    '٤',
    '007',
    '0',
    '999999999',
    '9'.repeat(400),
  ])('refuses %j as minor units', (text) => {
    expect(parseMinor(text, 'usd').ok).toBe(false);
  });
});
