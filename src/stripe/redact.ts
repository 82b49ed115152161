/** Longer texts are cut: a message ends in the ledger, in audit entries and on terminals. */
const MAX_MESSAGE_CHARS = 500;

/**
 * Takes keys out of a text that came from Stripe, whole or masked by Stripe (`sk_test_****1234`), and
 * cuts it to a sane length. Stripe's message for a bad key contains the key, masked.
 */
export function redact(text: string, secret: string): string {
  const withoutOurs = secret.length >= 8 ? text.replaceAll(secret, '[key]') : text;
  const withoutKeys = withoutOurs
    .replace(/\b(?:sk|rk|pk|ek)_(?:live|test)?[\w*.\u2026]+/g, '[key]')
    .replace(/\bwhsec_[\w*.\u2026]+/g, '[key]')
    .replace(/\b(\w+_secret_)\w+/g, '$1[secret]');
  return withoutKeys.length > MAX_MESSAGE_CHARS ? `${withoutKeys.slice(0, MAX_MESSAGE_CHARS - 1)}…` : withoutKeys;
}
