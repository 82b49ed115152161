import { formatDuration, parseDuration } from '../domain/duration.ts';
import { readMailbox } from '../domain/mailbox.ts';
import { emailProblem, nameProblem } from '../domain/request/field-rules.ts';

/*
 * From the text of a variable to a value. Plain functions instead of zod: `list` and every charge read
 * the settings first, and importing zod alone takes as long as half an empty Node program.
 */

export type Parsed<Value> =
  { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly message: string };
export type Parser<Value> = (text: string) => Parsed<Value>;

function good<Value>(value: Value): Parsed<Value> {
  return { ok: true, value };
}

function bad(message: string): { readonly ok: false; readonly message: string } {
  return { ok: false, message };
}

export function duration(minMs: number, maxMs: number): Parser<number> {
  return (text) => {
    const read = parseDuration(text);
    if (!read.ok) return read;
    if (read.ms < minMs || read.ms > maxMs)
      return bad(`it must be from ${formatDuration(minMs)} to ${formatDuration(maxMs)}`);
    return good(read.ms);
  };
}

export function wholeNumber(min: number, max: number): Parser<number> {
  return (text) => {
    const value = /^[0-9]{1,9}$/.test(text) ? Number(text) : Number.NaN;
    return value >= min && value <= max
      ? good(value)
      : bad(`it must be a whole number from ${String(min)} to ${String(max)}`);
  };
}

/** How often something may happen in a second; decimals are fine. */
export function rate(min: number, max: number): Parser<number> {
  return (text) => {
    const value = /^[0-9]{1,9}(\.[0-9]{1,6})?$/.test(text) ? Number(text) : Number.NaN;
    return value >= min && value <= max
      ? good(value)
      : bad(`it must be a number from ${String(min)} to ${String(max)}, such as 25`);
  };
}

/** 1 or 0 and nothing else: what allows real money must not hang on how somebody spells yes. */
export const yesOrNo: Parser<boolean> = (text) =>
  text === '1' || text === '0' ? good(text === '1') : bad('write 1 for yes, or leave it out');

export const emailAddress: Parser<string> = (text) => {
  const problem = emailProblem(text);
  return problem === null ? good(text) : bad(problem);
};

/** Kept as it was written; `readMailbox` takes it apart where it is used. */
export const mailbox: Parser<string> = (text) => {
  const read = readMailbox(text);
  return read.ok ? good(text) : bad(read.message);
};

const MAX_OPERATOR = 200;

export const operatorName: Parser<string> = (text) => {
  const problem = nameProblem(text, MAX_OPERATOR);
  return problem === null ? good(text) : bad(problem);
};

/** It becomes a part of Stripe's metadata and of the idempotency keys. Empty is the namespace of those who need none. */
export const namespaceName: Parser<string> = (text) =>
  /^[A-Za-z0-9._-]{0,40}$/.test(text)
    ? good(text)
    : bad('it must have 1 to 40 characters of A-Z a-z 0-9 . _ -');

export const filePath: Parser<string> = (text) =>
  /\p{Cc}/u.test(text) ? bad('it contains a control character') : good(text);

/** Only the shape; node-cron judges the rest when a daemon starts, so that nothing else has to load it. */
export const cronExpression: Parser<string> = (text) => {
  const fields = text.trim().split(/\s+/);
  const known = fields.every((field) => /^[0-9A-Za-z*/,#-]+$/.test(field));
  if (known && (fields.length === 5 || fields.length === 6)) return good(fields.join(' '));
  return bad(
    'it must be a cron expression of 5 fields (minute hour day month weekday), or 6 with seconds first, such as "*/5 * * * *"',
  );
};

/** An IANA name. An offset is none: it knows nothing of the changes of a clock. */
export const timeZoneName: Parser<string> = (text) =>
  /^[A-Za-z][A-Za-z0-9_+-]*(\/[A-Za-z0-9_+-]+){0,2}$/.test(text) && isZone(text)
    ? good(text)
    : bad('it must be the name of a time zone, such as UTC or Europe/Berlin');

function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** Where a key may travel: encrypted, or not leaving this machine. A path is refused, because the libraries would drop it. */
export const apiBase: Parser<string> = (text) => {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:'))
    return bad('it must be a URL such as https://localhost:12111');
  if (url.username !== '' || url.password !== '')
    return bad('it must not hold a user name or a password');
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '')
    return bad(`it must end after the host and port, as in ${url.origin}`);
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
    return bad(
      'plain http would show the key to the network: use https, or http to this machine (localhost, 127.0.0.1, [::1])',
    );
  }
  return good(url.origin);
};

/** A host name as `URL` writes it. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

/** It goes into a header, which servers bound to a few kilobytes; the keys there are have some 30 to 200 characters. */
const MAX_KEY_CHARS = 500;

/** A message never repeats the key, not even its beginning. */
export const stripeKey: Parser<string> = (text) => {
  if (text.length > MAX_KEY_CHARS) return bad('it is longer than any key');
  if (/^(sk|rk)_(test|live)_[A-Za-z0-9_]+$/.test(text)) return good(text);
  if (text.startsWith('pk_'))
    return bad(
      'it is the publishable key (pk_), which cannot charge: take the secret key (sk_) or a restricted one (rk_) from the same page',
    );
  return bad(
    "it is not one of Stripe's secret keys: they begin with sk_test_, sk_live_, rk_test_ or rk_live_, and hold letters and digits alone",
  );
};

/** Goes into a header, so nothing but visible ASCII. */
export const sendgridKey: Parser<string> = (text) => {
  if (text.length > MAX_KEY_CHARS) return bad('it is longer than any key');
  return /^[\x21-\x7e]+$/.test(text)
    ? good(text)
    : bad('it contains a space or another character that no key has');
};
