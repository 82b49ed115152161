import { withoutSecrets as hideSecrets } from '../domain/secret-texts.ts';

/*
 * Everything that came from outside (metadata, descriptions, Stripe's words) passes here before it is
 * put into a message.
 */

/** Controls, line separators, and the marks that reorder or hide text; a lone half of a surrogate pair is no text either. */
const UNSAFE = /[\p{Cc}\p{Cs}\u2028\u2029\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+/gu;

const ELLIPSIS = '…';

/** As many units are looked at for each character that is kept: a character has two at most, and spaces fold into one. */
const UNITS_A_CHARACTER = 4;

/** One line of plain text, at most `maxChars` characters. */
export function oneLine(text: string, maxChars = 300): string {
  const read = text.slice(0, UNITS_A_CHARACTER * (maxChars + 1));
  const line = read.replaceAll(UNSAFE, ' ').replaceAll(/ {2,}/g, ' ').trim();
  const characters = Array.from(line);
  return characters.length <= maxChars && read === text
    ? line
    : `${characters
        .slice(0, maxChars - 1)
        .join('')
        .trimEnd()}${ELLIPSIS}`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Safe between tags and inside quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}

/** Before any pattern meets it; the mail service may answer with a megabyte. What is kept is far shorter. */
const MAX_READ_CHARS = 2_000;

/** For errors of the mail service, which end in the ledger and in logs: no key and no whole address in them. */
export function withoutSecrets(text: string, secret: string | null): string {
  const withoutOurs =
    secret === null || secret.length < 8 ? text : text.replaceAll(secret, '[key]');
  return oneLine(hideSecrets(firstWords(withoutOurs)).replaceAll(/[^\s<>"',;:]+/g, shortAddress));
}

/** Cut between two words: half of a key is not known for one, and half of an address not for an address. */
function firstWords(text: string): string {
  if (text.length <= MAX_READ_CHARS) return text;
  return `${text.slice(0, text.lastIndexOf(' ', MAX_READ_CHARS) + 1)}${ELLIPSIS}`;
}

/** `ada@example.com` as `ad…@example.com`. */
function shortAddress(word: string): string {
  const at = word.indexOf('@');
  return at < 1 ? word : `${word.slice(0, Math.min(2, at))}${ELLIPSIS}${word.slice(at)}`;
}
