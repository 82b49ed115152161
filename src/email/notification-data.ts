import type { Notification } from '../app/ports.ts';
import { formatMoney } from '../domain/money/money.ts';
import { type NamedIntent, otherIntentsIn } from '../domain/other-intents.ts';
import type { Instant, Json, JsonObject } from '../domain/transaction.ts';

/** Whose letters these are, as the settings say when one is made. */
export interface Sender {
  /** The name that customers know; null where the sender has none. */
  readonly shop: string | null;
  /** Somebody reads what is answered to a letter. */
  readonly takesAnswers: boolean;
  /** Whose calendar the date of a letter is of; UTC where it is left out. */
  readonly timeZone?: string;
}

/**
 * Reads what a notification carries. It was written when the e-mail was queued, perhaps by an older
 * version, so every field may be missing: an e-mail with less in it is better than none.
 */
export interface Facts extends Sender {
  readonly transactionId: string | null;
  /** What was asked for: `$49.99`; null when the notification does not say. */
  readonly money: string | null;
  /** What Stripe received; null where nobody has seen it. */
  readonly received: string | null;
  /** Stripe received another amount or currency than was asked for. */
  readonly receivedDiffers: boolean;
  /** Of a key that was used elsewhere: what Stripe shows under it. */
  readonly otherIntents: readonly NamedIntent[];
  /** When it was decided: `22 November 2026`, by the sender's calendar. */
  readonly date: string;
  /** The same to the second: `2026-11-22T12:00:00Z`. */
  readonly time: string;
  text(name: string): string | null;
  number(name: string): number | null;
  /** How many entries an object has; null when there is none. */
  count(name: string): string | null;
}

export function factsOf(notification: Notification, sender: Sender): Facts {
  const { data, createdAt, transactionId } = notification;
  const money = moneyOf(data['amount'], data['currency']);
  const received = receivedOf(data, money);
  return {
    ...sender,
    transactionId,
    money,
    received,
    receivedDiffers: received !== null && money !== null && received !== money,
    otherIntents: otherIntentsIn(data),
    date: dateIn(sender.timeZone ?? 'UTC', createdAt),
    time: new Date(createdAt).toISOString().replace(/\.\d+Z$/, 'Z'),
    text: (name) => textOf(data[name]),
    number: (name) => numberOf(data[name]),
    count: (name) => countOf(data[name]),
  };
}

function dateIn(timeZone: string, instant: Instant): string {
  return new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone }).format(instant);
}

/** Older versions named no received amount, and queued no letter of success where it was another one. */
function receivedOf(data: JsonObject, money: string | null): string | null {
  if (data['amount_received'] === undefined) return data['status'] === 'succeeded' ? money : null;
  return moneyOf(data['amount_received'], data['currency_received']);
}

function moneyOf(amount: Json | undefined, currency: Json | undefined): string | null {
  const number = numberOf(amount);
  const code = textOf(currency);
  return number === null || code === null ? null : formatMoney(number, code);
}

function textOf(value: Json | undefined): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

function countOf(value: Json | undefined): string | null {
  return typeof value === 'object' && value !== null ? String(Object.keys(value).length) : null;
}

function numberOf(value: Json | undefined): number | null {
  return typeof value === 'number' ? value : null;
}
