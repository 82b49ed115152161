/*
 * Secrets end where they do not belong: a key in a variable that wants a file's name, a card number
 * where the id of a payment method goes, a password in an address. What is said about such a text, on a
 * terminal, in JSON or in a log, must not repeat it. Every pattern here reads a text once, whatever is in it.
 */

/** Keys of Stripe (whole, or with their middle masked by Stripe) and of SendGrid. `sk_test_` alone, as in our own sentences, is none. */
const KEYS =
  /(?<![A-Za-z0-9])(?:sk|rk|pk|ek)_(?!(?:live|test|org)_(?![\w*\u2026]))[\w*.\u2026]{4,}|(?:sk|rk)_(?:live|test)_[\w*\u2026][\w*.\u2026]*|whsec_[\w*.\u2026]+|(?<![A-Za-z0-9])SG\.[\w.-]{4,}/g;
/** What lets whoever has it complete a payment in a browser. */
const CLIENT_SECRETS = /((?:pi|seti|cs)_[A-Za-z0-9]{1,250}_secret_)\w+/g;
const BEARER = /\b(Bearer|Basic)\s+\S+/g;
const NAMED = /\b(password|passwd|pwd|secret|token|api_?key)=[^\s&]+/gi;
const WORDS = /\S+/g;
const DIGITS = /(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)/g;

/** The text with its secrets written over. */
export function withoutSecrets(text: string): string {
  return text
    .replace(KEYS, '[key]')
    .replace(CLIENT_SECRETS, '$1[secret]')
    .replace(BEARER, '$1 [key]')
    .replace(NAMED, '$1=[secret]')
    .replace(WORDS, withoutPassword)
    .replace(DIGITS, (digits) => (isCardNumber(digits) ? '[card number]' : digits));
}

/** `postgres://ada:hunter2@db`, also once a path has made one slash of two. A password that is not encoded may hold an @. */
function withoutPassword(word: string): string {
  const scheme = word.indexOf(':/');
  const at = word.lastIndexOf('@');
  const colon = scheme === -1 ? -1 : word.indexOf(':', scheme + 1);
  return colon === -1 || at < colon
    ? word
    : `${word.slice(0, colon + 1)}[password]${word.slice(at)}`;
}

const HOLDS_KEY =
  /(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{8}|whsec_[A-Za-z0-9]{8}|(?<![A-Za-z0-9])SG\.[\w-]{10,100}\.[\w-]{10}|(?:pi|seti|cs)_[A-Za-z0-9]{1,250}_secret_[A-Za-z0-9]|:\/\/[^\s:@/]{1,100}:[^\s@/]{1,300}@/;

/**
 * Whether a key of Stripe or SendGrid, the secret of a payment, or an address with a password is a part of the
 * text. It belongs neither into the ledger nor into Stripe's records. Card numbers do not either, but a tenth of all order
 * numbers of that length look like one.
 */
export function holdsSecret(text: string): boolean {
  return HOLDS_KEY.test(text);
}

/** By its first digit and its check digit (ISO/IEC 7812), so that most other long numbers are still shown. */
function isCardNumber(text: string): boolean {
  const digits = text.replaceAll(/[ -]/g, '');
  if (!/^[2-6]/.test(digits)) return false;
  let sum = 0;
  for (const [at, digit] of Array.from(digits).reverse().entries()) {
    const value = Number(digit) * (at % 2 === 0 ? 1 : 2);
    sum += value > 9 ? value - 9 : value;
  }
  return sum % 10 === 0;
}
