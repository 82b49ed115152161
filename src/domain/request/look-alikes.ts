import { codePointName, firstOf, whereIs } from './code-points.ts';
import type { Problem } from '../errors.ts';
import { quoted } from './field-rules.ts';
import type { ChargeRequest } from '../transaction.ts';

/*
 * Two keys that look the same and are different bytes are two payments for one order, and whoever
 * compares them on a screen finds no difference. So a key or a reference is doubtful that holds what
 * nobody sees, or that another text could be mistaken for: invisible characters, a second spelling of
 * the same characters (Unicode's normal forms), letters of two scripts in one word.
 *
 * These rules are not part of parseChargeRequest: a ledger may hold such a key from before there were
 * rules, and the answer about it must stay within reach (app/doubtful-texts.ts asks the ledger first).
 */

/** Control, format, private, unassigned and default-ignorable characters, spaces but the plain one, and the blank of Braille. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|[^\P{Zs} ]/u;
/**
 * What a spreadsheet writes in the place of what was there. A long number becomes `1.23457E+12`, and many orders get one
 * key by it; a formula's error or text was never a key; an apostrophe that marks a text is no part of it. Dates are left
 * alone, and so are `12E4`, `-5` and `@shop-7`: those are written by people as well.
 */
const SPREADSHEET: readonly (readonly [RegExp, string])[] = [
  [
    /^[+-]?[0-9]+[.,][0-9]+[Ee][+-]?[0-9]{2,3}$/,
    'it is a number as a spreadsheet shortens it, whose last digits are lost: other orders are shortened to the same',
  ],
  [
    /^#(?:N\/A|(?:REF|VALUE|NAME|NULL|NUM|DIV\/0|SPILL|CALC|GETTING_DATA)[!?]?)$/i,
    "it is a spreadsheet's error, not a value",
  ],
  [/^#{3,}$/, "it is a spreadsheet's sign for a column that is too narrow, not a value"],
  [
    /^=|^[+@][A-Za-z]{1,20}\(/,
    'it is a formula, which a spreadsheet would work out: other orders may come to the same',
  ],
  [/^'[^']*$/, 'it begins with the apostrophe by which a spreadsheet marks a text: remove it'],
];
const FROM_SPREADSHEET = 'format the column as text and export it again';

/** Embeddings, overrides and isolates: what follows is shown in another order than it is stored. */
const REORDERING = /[\u202a-\u202e\u2066-\u2069]/;
/** Letters of Thai and Lao that have a second spelling and no keyboard that writes it. */
const EVERYDAY = '\u0e33\u0eb3\u0edc\u0edd';
const PLAIN = /^[\x20-\x7e]*$/;
const WORD = /[\p{L}\p{M}]+/gu;
const DIGIT = /\p{Nd}/gu;

/** Scripts that have letters of the same shape. A word in a single one of them means one thing. */
const ALIKE: readonly (readonly [string, RegExp])[] = [
  ['Latin', /\p{Script=Latin}/u],
  ['Cyrillic', /\p{Script=Cyrillic}/u],
  ['Greek', /\p{Script=Greek}/u],
  ['Armenian', /\p{Script=Armenian}/u],
  ['Cherokee', /\p{Script=Cherokee}/u],
  ['Coptic', /\p{Script=Coptic}/u],
];

const SAFE =
  'safe are letters of one script in each word, digits, punctuation and single plain spaces';

/** What in a request could be read as something else, by its JSON names; empty for nearly every request. */
export function doubtfulTexts({
  key,
  reference,
  description,
  metadata,
}: ChargeRequest): readonly Problem[] {
  const problems: Problem[] = [];
  const note = (field: string, message: string | null, about = ''): void => {
    if (message !== null) problems.push({ field, message: `${about}${message}` });
  };
  note('key', doubtfulName(key));
  note('reference', doubtfulName(reference ?? ''));
  note('description', reordered(description ?? ''));
  for (const [name, value] of Object.entries(metadata)) {
    note('metadata', reordered(name), `the name ${quoted(name)}: `);
    note('metadata', reordered(value), `the value of ${quoted(name)}: `);
  }
  return problems;
}

function doubtfulName(text: string): string | null {
  const spoilt = SPREADSHEET.find(([notation]) => notation.test(text.trim()));
  if (spoilt !== undefined) return `${spoilt[1]}; ${FROM_SPREADSHEET}`;
  if (PLAIN.test(text)) return null;
  const found =
    unseen(text) ??
    notComposed(text) ??
    otherSpelling(text) ??
    mixedWord(text) ??
    mixedDigits(text);
  return found === null ? null : `${found}; ${SAFE}`;
}

function unseen(text: string): string | null {
  const found = firstOf(text, UNSEEN);
  return found === null
    ? null
    : `it contains an invisible or unprintable character, ${found}: remove it`;
}

function notComposed(text: string): string | null {
  const composed = text.normalize('NFC');
  if (composed === text) return null;
  const from = Array.from(text);
  const to = Array.from(composed);
  const at = from.findIndex((character, index) => character !== to[index]);
  const codes = from
    .slice(at, at + 2)
    .map(codePointName)
    .join(' ');
  return `it is not in the composed form (NFC) from character ${String(at + 1)} on: ${codes}`;
}

function otherSpelling(text: string): string | null {
  if (text.normalize('NFKC') === text) return null;
  let index = 0;
  for (const character of text) {
    const plain = character.normalize('NFKC');
    if (plain !== character && !EVERYDAY.includes(character))
      return `it contains ${whereIs(text, index)}, which is another spelling of ${quoted(plain)}`;
    index += character.length;
  }
  return null;
}

function mixedWord(text: string): string | null {
  for (const { 0: word, index } of text.matchAll(WORD)) {
    const [first, second] = ALIKE.filter(([, letters]) => letters.test(word));
    if (first === undefined || second === undefined) continue;
    return `a word of it mixes ${first[0]} and ${second[0]} letters: ${whereIs(text, index + word.search(second[1]))}`;
  }
  return null;
}

/** Beside the usual digits: `1` and the Devanagari one are a pair that few can tell apart from `19`. */
function mixedDigits(text: string): string | null {
  const ascii = /[0-9]/.test(text);
  for (const { 0: digit, index } of text.matchAll(DIGIT)) {
    if (ascii && !/[0-9]/.test(digit))
      return `it has digits of more than one script: ${whereIs(text, index)}`;
  }
  return null;
}

function reordered(text: string): string | null {
  const found = firstOf(text, REORDERING);
  return found === null
    ? null
    : `it holds ${found}, which turns the order of letters around: remove it`;
}
