/*
 * Everything that came from outside (metadata, descriptions, Stripe's words) passes here before it is
 * put into a message.
 */

/** Controls, line separators, and the marks that reorder or hide text; a lone half of a surrogate pair is no text either. */
const UNSAFE = /[\p{Cc}\p{Cs}\u2028\u2029\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+/gu;

const ELLIPSIS = '…';

/** One line of plain text, at most `maxChars` characters. */
export function oneLine(text: string, maxChars = 300): string {
  const line = text.replaceAll(UNSAFE, ' ').replaceAll(/ {2,}/g, ' ').trim();
  const characters = Array.from(line);
  return characters.length <= maxChars ? line : `${characters.slice(0, maxChars - 1).join('').trimEnd()}${ELLIPSIS}`;
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Safe between tags and inside quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}

/** For errors of the mail service, which end in the ledger and in logs: no key and no whole address in them. */
export function withoutSecrets(text: string, secret: string | null): string {
  const withoutOurs = secret === null || secret.length < 8 ? text : text.replaceAll(secret, '[key]');
  return oneLine(
    withoutOurs
      .replaceAll(/\bSG\.[\w.-]+/g, '[key]')
      .replaceAll(/\bBearer\s+\S+/gi, 'Bearer [key]')
      .replaceAll(/([^\s@<>"',;:]{1,2})[^\s@<>"',;:]*@([^\s@<>"',;:]+)/g, '$1…@$2'),
  );
}
