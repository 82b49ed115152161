import { firstOf } from './code-points.ts';
import type { Problem } from '../errors.ts';
import { holdsSecret, withoutSecrets } from '../secret-texts.ts';

/*
 * What a text from outside must be before it is stored or sent. Texts are kept exactly as given, not
 * trimmed and not normalised to NFC: the same bytes go into our unique index, to Stripe and back, and
 * whoever compares them there gets what they wrote. Folding two spellings into one would make one
 * payment of what the caller's system counts as two. Spellings that look alike are refused instead, by
 * domain/request/look-alikes.ts.
 */

/**
 * Control characters, line and paragraph separators, and lone surrogates. The first two could forge
 * lines in a log, a terminal or an e-mail header; a lone surrogate cannot be encoded for Stripe at all.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u;

/** What HTML calls a valid e-mail address (html.spec.whatwg.org, "valid e-mail address"). */
const EMAIL =
  /^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)+$/;

/** RFC 5321: a path is at most 256 octets, two of them angle brackets. */
const MAX_EMAIL = 254;
const MAX_EMAIL_LOCAL_PART = 64;

/** Stripe keeps 50; five are ours (domain/marks.ts), by which a payment whose answer was lost is found again. */
const MAX_METADATA_KEYS = 45;
const MAX_METADATA_KEY = 40;
const MAX_METADATA_VALUE = 500;
const RESERVED_METADATA_PREFIX = 'payrecon_';

/** Characters as Stripe and people count them: code points, not UTF-16 units. */
function lengthOf(text: string): number {
  let length = 0;
  for (let at = 0; at < text.length; at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1)
    length += 1;
  return length;
}

/** What a decoder puts where the bytes are no UTF-8: two different texts would come out of it the same. */
const REPLACEMENT = /\ufffd/;

/** Why this text is not the one that was written; null when nothing shows that it is not. */
export function encodingProblem(text: string): string | null {
  const found = firstOf(text, REPLACEMENT);
  return found === null
    ? null
    : `it was written in bytes that are no UTF-8 (${found}): give it in UTF-8`;
}

/** Why this cannot be a text of 1 to `max` characters on one line; null when it can. */
export function textProblem(text: string, max: number): string | null {
  if (text === '') return 'it is empty';
  if (lengthOf(text) > max)
    return `it has ${String(lengthOf(text))} characters; at most ${String(max)} are allowed`;
  const unprintable = firstOf(text, UNPRINTABLE);
  if (unprintable !== null)
    return `it contains a control character or a broken character (${unprintable}): remove it`;
  if (holdsSecret(text))
    return "it holds a secret (a key, or a password), which belongs neither into the ledger nor into Stripe's records";
  return null;
}

/** As `textProblem`, for names by which something is found again. */
export function nameProblem(text: string, max: number): string | null {
  const problem = textProblem(text, max);
  if (problem !== null) return problem;
  if (text.trim() === '') return 'it is blank';
  // `order-7 ` beside `order-7` would be two payments for one order, and nobody would see the difference.
  if (text.trim() !== text) return 'it begins or ends with a space: remove it';
  return null;
}

/** Why mail cannot be sent there; null when nothing is wrong with how the address is written. */
export function emailProblem(text: string): string | null {
  if (text === '') return 'it is empty';
  if (text.length > MAX_EMAIL)
    return `it is longer than the ${String(MAX_EMAIL)} characters an e-mail address may have`;
  const unprintable = firstOf(text, UNPRINTABLE);
  if (unprintable !== null)
    return `it contains a control character (${unprintable}): write one plain address, such as ada@example.com`;
  const [local = ''] = text.split('@');
  if (
    !EMAIL.test(text) ||
    local.length > MAX_EMAIL_LOCAL_PART ||
    local.startsWith('.') ||
    local.endsWith('.') ||
    local.includes('..')
  ) {
    return 'it is not an e-mail address: write one plain address, such as ada@example.com';
  }
  return null;
}

/** Every breach of Stripe's limits for metadata, and of our own reserved names. */
export function metadataProblems(
  metadata: Readonly<Record<string, string>>,
  field: string,
): readonly Problem[] {
  const entries = Object.entries(metadata);
  const problems: Problem[] = [];
  if (entries.length > MAX_METADATA_KEYS) {
    problems.push({
      field,
      message: `there are ${String(entries.length)} entries; at most ${String(MAX_METADATA_KEYS)} are allowed (Stripe keeps 50, 5 are payrecon's)`,
    });
  }
  // A thousand wrong rows would be a thousand sentences: the first few are enough to see what is wrong.
  for (const [name, value] of entries.slice(0, MAX_METADATA_KEYS)) {
    const message = metadataNameProblem(name) ?? metadataValueProblem(name, value);
    if (message !== null) problems.push({ field, message });
  }
  return problems;
}

function metadataNameProblem(name: string): string | null {
  const problem = textProblem(name, MAX_METADATA_KEY);
  if (problem !== null) return `the name ${quoted(name)}: ${problem}`;
  if (/[[\]]/.test(name))
    return `the name ${quoted(name)} contains a square bracket, which Stripe refuses`;
  if (name.toLowerCase().startsWith(RESERVED_METADATA_PREFIX))
    return `the name ${quoted(name)} begins with ${RESERVED_METADATA_PREFIX}, which is payrecon's own`;
  if (name === '__proto__')
    return `the name ${quoted(name)} has a meaning of its own in JavaScript and would be lost on the way: choose another`;
  return null;
}

function metadataValueProblem(name: string, value: string): string | null {
  if (value === '')
    return `the value of ${quoted(name)} is empty, which Stripe reads as "remove it": leave it out`;
  const problem = textProblem(value, MAX_METADATA_VALUE);
  return problem === null ? null : `the value of ${quoted(name)}: ${problem}`;
}

const MAX_QUOTED = 60;
/** So much is looked at for secrets: one that begins within what is shown is seen whole, or is long enough to be known. */
const MAX_SEARCHED = 400;

/** A text from outside inside a sentence: without secrets, shortened, with control characters shown escaped. */
export function quoted(text: string): string {
  const harmless = withoutSecrets(text.slice(0, MAX_SEARCHED));
  const shown = harmless.length > MAX_QUOTED ? `${harmless.slice(0, MAX_QUOTED)}..` : harmless;
  const escaped = shown.replace(
    /[\p{C}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
  return `"${escaped}"`;
}
