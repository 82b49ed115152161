import { describe, expect, it } from 'vitest';
import { headerProblems, readCells, readObject } from '../../src/app/charge-row.ts';
import { positionOf } from '../../src/app/cursor.ts';
import { escapeText } from '../../src/cli/render/parts/escape.ts';
import { wrap } from '../../src/cli/render/parts/wrap.ts';
import { zoneClock } from '../../src/cli/zone-clock.ts';
import { parseTime } from '../../src/cli/parse-flags.ts';
import { parseDatabase } from '../../src/config/database.ts';
import { DECLARATIONS } from '../../src/config/declarations.ts';
import {
  COLUMN_NAMES,
  parseChargeRequest,
  type ChargeInput,
} from '../../src/domain/request/charge-request.ts';
import { PayreconError } from '../../src/domain/errors.ts';
import {
  emailProblem,
  nameProblem,
  quoted,
  textProblem,
} from '../../src/domain/request/field-rules.ts';
import { nearest } from '../../src/domain/suggest.ts';
import { holdsSecret, withoutSecrets } from '../../src/domain/secret-texts.ts';
import { oneLine, withoutSecrets as forTheLedger } from '../../src/email/sanitize.ts';

/*
 * Text from outside may be a megabyte of the worst there is. That no pattern takes the square of it is
 * shown for all of src in test/repository/patterns.test.ts; here it meets the functions that read it first.
 */

const MEGABYTE = 1_000_000;
const UNITS = [
  'a',
  ' ',
  '0',
  '4',
  '.',
  '-',
  '_',
  '@',
  ':',
  '/',
  '"',
  '\\',
  '{',
  '[',
  ',',
  '=',
  '\t',
  '\u0000',
  '\ud800',
  '\u200b',
  '\u0301',
  'é',
  '💡',
  'a@',
  '@a',
  'a.',
  '.a',
  ':/',
  '://a:',
  'a ',
  ' a',
  '4 ',
  '4-',
  'sk_',
  'sk_test_',
  'SG.',
  'SG.a.',
  'whsec_',
  'pi_a_secret_',
  '_secret_',
  'pi_',
  'Bearer ',
  'password=',
  'token= ',
  '\r\n',
  'aA',
  '1,',
  '(',
  '\u001b[31m',
  '&lt;',
];
const texts = UNITS.map((unit) => unit.repeat(Math.ceil(MEGABYTE / unit.length)));

const FIELDS = [
  'key',
  'amount',
  'amountMinor',
  'currency',
  'paymentMethod',
  'customer',
  'reference',
  'email',
  'description',
] as const;
const good: ChargeInput = { key: 'k', amount: '1.00', currency: 'usd', paymentMethod: 'pm_1' };

describe('a megabyte of anything', { timeout: 60_000 }, () => {
  it('is refused in every field, in a sentence', () => {
    for (const text of texts) {
      for (const field of FIELDS) {
        const parsed = parseChargeRequest(
          { ...good, amount: field === 'amountMinor' ? undefined : good.amount, [field]: text },
          COLUMN_NAMES,
        );
        expect(parsed.ok).toBe(false);
        if (!parsed.ok) expect(JSON.stringify(parsed.problems).length).toBeLessThan(1_000);
      }
      const metadata = parseChargeRequest(
        { ...good, metadata: { [text]: text, a: text }, methodTypes: [text] },
        COLUMN_NAMES,
      );
      expect(metadata.ok ? '' : JSON.stringify(metadata.problems).length < 2_000).toBe(true);
    }
  });

  it('is refused as every setting', () => {
    for (const text of texts) {
      for (const { name, parse } of Object.values(DECLARATIONS)) {
        const parsed = parse(text);
        if (name !== 'PAYRECON_CONFIG') expect([name, parsed.ok]).toEqual([name, false]);
        if (!parsed.ok) expect(parsed.message.length).toBeLessThan(1_000);
      }
      parseDatabase(`postgres://${text}@h/d`, '/');
    }
  });

  it('is read to its end by what shows or judges it', () => {
    for (const text of texts) {
      expect(quoted(text).length).toBeLessThan(500);
      expect(oneLine(text).length).toBeLessThan(1_000);
      expect(forTheLedger(text, 'a'.repeat(30)).length).toBeLessThan(1_000);
      expect([textProblem(text, 10), nameProblem(text, 10), emailProblem(text)]).not.toContain(
        null,
      );
      expect(nearest(text, ['usd', 'eur'])).toBeNull();
      expect(parseTime(text, 0, zoneClock('UTC')).ok).toBe(false);
      expect(() => positionOf(text)).toThrow(PayreconError);
      // These keep the whole text, and so work on all of it.
      const part = text.slice(0, MEGABYTE / 10);
      withoutSecrets(part);
      holdsSecret(part);
      wrap(escapeText(part), 80);
    }
  });

  it('is no more as the columns of a file, or as the names in a line', () => {
    const columns = Array.from({ length: 200_000 }, (_, at) => `c${String(at)}`);
    expect(headerProblems(columns)).toHaveLength(25);
    expect(headerProblems(columns.map(() => 'key'))).toHaveLength(24);
    const wrong = [
      readObject(Object.fromEntries(columns.map((name) => [name, 'x'])), []),
      readObject({ metadata: Object.fromEntries(columns.map((name) => [name, 1])) }, []),
      readCells(['key'], columns, []),
    ];
    for (const parsed of wrong)
      expect(parsed.ok ? 0 : parsed.problems.length).toBeLessThanOrEqual(21);
  });
});
