/** Longer texts are cut: a message ends in the ledger, in audit entries and on terminals. */
const MAX_MESSAGE_CHARS = 500;

/** Before any pattern meets it. Taking keys out makes a text shorter, so this is more than is kept. */
const MAX_READ_CHARS = 2_000;

/**
 * Takes keys out of a text that came from Stripe, whole or masked by Stripe (`sk_test_****1234`), and
 * cuts it to a sane length. Stripe's message for a bad key contains the key, masked.
 */
export function redact(text: string, secret: string): string {
  const withoutOurs = secret.length >= 8 ? text.replaceAll(secret, '[key]') : text;
  const withoutKeys = cutBetweenWords(withoutOurs)
    .replace(/\b(?:sk|rk|pk|ek)_(?:live|test)?[\w*.\u2026]+/g, '[key]')
    .replace(/\bwhsec_[\w*.\u2026]+/g, '[key]')
    .replace(/\b(\w+_secret_)\w+/g, '$1[secret]');
  return withoutKeys.length > MAX_MESSAGE_CHARS
    ? `${withoutKeys.slice(0, MAX_MESSAGE_CHARS - 1)}…`
    : withoutKeys;
}

/** Not within a word: half of a key is not known for one. */
function cutBetweenWords(text: string): string {
  if (text.length <= MAX_READ_CHARS) return text;
  let end = MAX_READ_CHARS;
  while (end > 0 && !/\s/.test(text.charAt(end))) end -= 1;
  return `${text.slice(0, end)}…`;
}
