/** What an id of Stripe's begins with, by what it names. */
export type StripeIdPrefix =
  'acct' | 'ba' | 'card' | 'ch' | 'cus' | 'evt' | 'pi' | 'pm' | 're' | 'src';

/** Stripe's own limit is 255 characters with the prefix; ours leaves room for the longest one. */
const MAX_TAIL = 250;
const TAIL = /^[A-Za-z0-9_]+$/;

/**
 * Whether a text is an id of this kind. An id goes into the path of a request and into an indexed
 * column: a slash or a dot in it would name another object, and without a limit it may not fit.
 */
export function isStripeId(prefix: StripeIdPrefix, text: string): boolean {
  const begins = `${prefix}_`;
  if (!text.startsWith(begins) || text.length > begins.length + MAX_TAIL) return false;
  return TAIL.test(text.slice(begins.length));
}
