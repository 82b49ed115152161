import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { doubtfulTexts } from '../../../src/domain/request/look-alikes.ts';
import { parseChargeRequest } from '../../../src/domain/request/charge-request.ts';
import type { ChargeRequest } from '../../../src/domain/transaction.ts';

const base: ChargeRequest = {
  key: 'order-7',
  reference: null,
  amount: 4999,
  currency: 'usd',
  customer: null,
  paymentMethod: 'pm_1',
  methodTypes: ['card'],
  email: null,
  description: null,
  metadata: {},
  onSession: false,
};

const doubts = (change: Partial<ChargeRequest>): readonly string[] =>
  doubtfulTexts({ ...base, ...change }).map(({ field, message }) => `${field}: ${message}`);

const characters = (pattern: RegExp): readonly string[] =>
  Array.from({ length: 0x110000 }, (_, code) => code)
    .filter((code) => code < 0xd800 || code > 0xdfff)
    .map((code) => String.fromCodePoint(code))
    .filter((character) => pattern.test(character));

describe('a key or a reference', () => {
  it.each([
    'order-7',
    'Order 7/2026 (ä)',
    'commande-été',
    'заказ-7',
    'παραγγελία 7',
    'заказ order 7',
    '注文7',
    'طلب-7',
    'הזמנה 7',
    'ऑर्डर-7',
    'คำสั่ง-7',
    '주문-7',
    '💡-7',
    'a_b.c:d#e@f',
    'Łódź',
    'naïve',
    'żółć',
  ])('%s is taken', (text) => {
    expect(doubts({ key: text, reference: text })).toEqual([]);
  });

  it.each([
    ['order\u200b7', 'an invisible or unprintable character, U+200B at character 6'],
    ['\u200border', 'U+200B at character 1'],
    ['💡💡\u2060x', 'U+2060 at character 3'],
    ['a\u00adb', 'U+00AD at character 2'],
    ['a\u202eb', 'U+202E at character 2'],
    ['a\u00a0b', 'U+00A0 at character 2'],
    ['a\u3000b', 'U+3000 at character 2'],
    ['a\u2009b', 'U+2009 at character 2'],
    ['a\ufeffb', 'U+FEFF at character 2'],
    ['a\u3164b', 'U+3164 at character 2'],
    ['a\u2800b', 'U+2800 at character 2'],
    ['a\ufe0fb', 'U+FE0F at character 2'],
    ['a\u{e0041}b', 'U+E0041 at character 2'],
    ['a\ue000b', 'U+E000 at character 2'],
    ['a\u0378b', 'U+0378 at character 2'],
    ['a\uffffb', 'U+FFFF at character 2'],
    ['cafe\u0301', 'not in the composed form (NFC) from character 4 on: U+0065 U+0301'],
    ['\u212bngstrom', 'not in the composed form (NFC) from character 1 on: U+212B'],
    ['order-\uff11', 'U+FF11 at character 7, which is another spelling of "1"'],
    ['\ufb01nal', 'U+FB01 at character 1, which is another spelling of "fi"'],
    ['x\u00b2', 'U+00B2 at character 2, which is another spelling of "2"'],
    ['\u0430pple', 'mixes Latin and Cyrillic letters: U+0430 at character 1'],
    ['app\u043b\u0435-7', 'mixes Latin and Cyrillic letters: U+043B at character 4'],
    ['the \u03bfrder', 'mixes Latin and Greek letters: U+03BF at character 5'],
    ['\u0430\u03bf', 'mixes Cyrillic and Greek letters: U+03BF at character 2'],
    ['order-1\u0967', 'digits of more than one script: U+0967 at character 8'],
  ])('%j is doubtful', (text, sentence) => {
    expect(doubts({ key: text })).toEqual([expect.stringContaining(sentence)]);
    expect(doubts({ key: text })[0]).toMatch(/^key: .*safe are/);
    expect(doubts({ reference: text })).toEqual([expect.stringMatching(/^reference: /)]);
  });

  it.each([
    ['1.23457E+12', 'as a spreadsheet shortens it'],
    ['1,23457E+12', 'as a spreadsheet shortens it'],
    ['-9.87654e-05', 'as a spreadsheet shortens it'],
    ['1.2E105', 'as a spreadsheet shortens it'],
    ['#NAME?', "a spreadsheet's error"],
    ['#N/A', "a spreadsheet's error"],
    ['#ref!', "a spreadsheet's error"],
    ['#DIV/0!', "a spreadsheet's error"],
    ['#SPILL!', "a spreadsheet's error"],
    ['########', 'a column that is too narrow'],
    ['=1+1', 'a formula'],
    ['="order-1"', 'a formula'],
    ['+SUM(A1:A3)', 'a formula'],
    ['@concat(A1)', 'a formula'],
    ["'a5", 'the apostrophe'],
  ])('may be none that a spreadsheet has spoilt: %s', (text, words) => {
    for (const field of ['key', 'reference'] as const) {
      const [problem, ...more] = doubtfulTexts({ ...base, [field]: text });
      expect(more).toEqual([]);
      expect(problem).toMatchObject({ field });
      expect(problem?.message).toContain(words);
      expect(problem?.message).toContain('format the column as text and export it again');
    }
  });

  it.each([
    'order-1842',
    '2026-11-27',
    '27.11.2026',
    'INV#22',
    '#22',
    '1234567890123',
    '12E4',
    '12e45',
    '1.5',
    '1.2e4b',
    '3f2504e0-4f89-11d3-9a0c-0305e82c3301',
    '01JDA0B1C2D3E4F5G6H7J8K9MR',
    '-5',
    '+4917012345',
    '@shop-7',
    '-draft(2)',
    "O'Brien-7",
    "'quoted'",
    '1.23457E+12-a',
    'v1.2E+10 rc',
  ])('may be what people and programs write: %s', (text) => {
    expect(doubtfulTexts({ ...base, key: text, reference: text })).toEqual([]);
  });

  it('may hold none of the characters of a category that nobody sees', () => {
    const few = characters(/[\p{Cc}\p{Cf}\p{Zs}\p{Zl}\p{Zp}]/u).filter(
      (character) => character !== ' ',
    );
    const many = characters(/[\p{Co}\p{Cn}\p{Default_Ignorable_Code_Point}]/u).filter(
      (_character, at) => at % 331 === 0,
    );
    const unseen = [...few, ...many];
    expect(unseen.length).toBeGreaterThan(1_000);
    expect(unseen.filter((character) => doubts({ key: `a${character}b` }).length !== 1)).toEqual(
      [],
    );
  });

  it('is the same for all who read it, once it is taken', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 12 }), (key) => {
        const parsed = parseChargeRequest({
          key,
          amount: '1.00',
          currency: 'usd',
          paymentMethod: 'pm_1',
        });
        if (
          !parsed.ok ||
          doubtfulTexts(parsed.request).length > 0 ||
          /[\u0e33\u0eb3\u0edc\u0edd]/.test(key)
        )
          return;
        expect([key.normalize('NFC'), key.normalize('NFKC'), key.trim()]).toEqual([key, key, key]);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('a description, or metadata', () => {
  it('may be written as people write, with joiners and spaces of every width', () => {
    expect(
      doubts({ description: '👩‍💻 ﬁn — 12 € \u200fשלום', metadata: { note: 'می‌خواهم', é: 'x' } }),
    ).toEqual([]);
  });

  it.each([
    '\u202a',
    '\u202b',
    '\u202c',
    '\u202d',
    '\u202e',
    '\u2066',
    '\u2067',
    '\u2068',
    '\u2069',
  ])('may not turn the order of its letters around by %j', (mark) => {
    const code = `U+${mark.charCodeAt(0).toString(16).toUpperCase()}`;
    expect(doubts({ description: `pay ${mark}99` })).toEqual([
      `description: it holds ${code} at character 5, which turns the order of letters around: remove it`,
    ]);
    expect(doubts({ metadata: { a: mark } })).toEqual([
      `metadata: the value of "a": it holds ${code} at character 1, which turns the order of letters around: remove it`,
    ]);
    expect(doubts({ metadata: { [`a${mark}`]: 'b' } })).toHaveLength(1);
  });
});
