import { createHash, randomBytes } from 'node:crypto';
import type { Instant } from '../domain/transaction.ts';

/** Crockford's digits: no I, L, O or U, and in the order of their values. */
const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const TIME_DIGITS = 10;
const RANDOM_BYTES = 10;

/** Whole bytes to 5-bit digits; 10 bytes are 16 digits exactly. */
function base32(bytes: Uint8Array): string {
  let bits = 0;
  let value = 0;
  let digits = '';
  for (const byte of bytes) {
    value = (value << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      digits += DIGITS.charAt((value >> bits) & 31);
    }
    value &= (1 << bits) - 1;
  }
  return digits;
}

function timeDigits(at: Instant): string {
  let digits = '';
  let rest = at;
  for (let index = 0; index < TIME_DIGITS; index += 1) {
    digits = DIGITS.charAt(rest % 32) + digits;
    rest = Math.floor(rest / 32);
  }
  return digits;
}

/** A ULID behind a prefix: 10 digits of the database's time and 16 of chance, so it sorts by creation. */
export function newId(prefix: 'txn' | 'pass' | 'out' | 'led', at: Instant): string {
  return `${prefix}_${timeDigits(at)}${base32(randomBytes(RANDOM_BYTES))}`;
}

/** The identity of something that is told once a day. */
export function causeId(cause: string, day: number): string {
  const digest = createHash('sha256')
    .update(`${String(day)}\n${cause}`)
    .digest();
  return `out_${base32(digest).slice(0, 26)}`;
}

/**
 * The identity of an e-mail follows from what it is about, so that whoever queues it twice queues it
 * once. `subject` is a transaction or an outage, `version` the transaction's when it was queued.
 */
export function notificationId(
  subject: string,
  kind: string,
  version: number,
  resend: number,
): string {
  const digest = createHash('sha256')
    .update(`${subject}\n${kind}\n${String(version)}\n${String(resend)}`)
    .digest();
  return `ntf_${base32(digest).slice(0, 26)}`;
}
