import { type Notification } from '../app/views.ts';
import { formatMoney } from '../domain/money.ts';
import { type Json } from '../domain/transaction.ts';

/**
 * Reads what a notification carries. It was written when the e-mail was queued, perhaps by an older
 * version, so every field may be missing: an e-mail with less in it is better than none.
 */
export interface Facts {
  readonly transactionId: string | null;
  /** `$49.99`; null when the notification does not say. */
  readonly money: string | null;
  /** When it was decided: `22 November 2026`, in UTC. */
  readonly date: string;
  /** The same to the second: `2026-11-22T12:00:00Z`. */
  readonly time: string;
  text(name: string): string | null;
  number(name: string): number | null;
}

export function factsOf(notification: Notification): Facts {
  const { data, createdAt, transactionId } = notification;
  const amount = numberOf(data['amount']);
  const currency = textOf(data['currency']);
  return {
    transactionId,
    money: amount === null || currency === null ? null : formatMoney(amount, currency),
    date: DATE.format(createdAt),
    time: new Date(createdAt).toISOString().replace(/\.\d+Z$/, 'Z'),
    text: (name) => textOf(data[name]),
    number: (name) => numberOf(data[name]),
  };
}

const DATE = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' });

function textOf(value: Json | undefined): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

function numberOf(value: Json | undefined): number | null {
  return typeof value === 'number' ? value : null;
}
