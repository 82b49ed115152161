import type { ShownTransaction } from '../../../app/service.ts';
import type { AuditEntry, Notification } from '../../../app/ports.ts';
import { formatMoney } from '../../../domain/money/money.ts';
import { receivedOf } from '../../../domain/money/received.ts';
import {
  type Instant,
  isOverdue,
  type Json,
  type JsonObject,
  type Transaction,
} from '../../../domain/transaction.ts';
import type { Output } from '../../streams.ts';
import { block, type Line } from '../parts/details.ts';
import { escapeText } from '../parts/escape.ts';
import type { Column } from '../parts/columns.ts';
import { table } from '../parts/table.ts';
import { createTheme, type Theme } from '../parts/theme.ts';
import { absoluteTime, fullTime } from '../parts/time.ts';
import {
  cancelerText,
  failureText,
  headline,
  otherIntentLines,
  stripeText,
} from './transaction.ts';
import { wrap } from '../parts/wrap.ts';

export function shownText(shown: ShownTransaction, output: Output, now: Instant): string {
  const theme = createTheme(output);
  const why = `  ${wrap(escapeText(shown.why), output.columns - 2, 2)}\n`;
  const parts = [
    headline(shown.transaction, theme) +
      block(lines(shown.transaction, now, output), theme, output),
    `${theme.strong('Why')}\n${why}`,
    `${theme.strong('Audit trail')}\n${indent(auditTable(shown.audit, output, theme))}`,
  ];
  if (shown.notifications.length > 0) {
    parts.push(
      `${theme.strong('E-mails')}\n${indent(emailTable(shown.notifications, output, theme))}`,
    );
  }
  return parts.join('\n');
}

function lines(transaction: Transaction, now: Instant, output: Output): readonly Line[] {
  const time = (instant: Instant | null): string | null =>
    instant === null ? null : fullTime(instant, now, output);
  const metadata = Object.entries(transaction.metadata).map(([name, value]) => ({
    label: '',
    value: `${name}=${value}`,
  }));
  return [
    { label: 'key', value: transaction.key },
    { label: 'id', value: transaction.id },
    { label: 'attempt', value: transaction.attempt === 1 ? null : String(transaction.attempt) },
    { label: 'reference', value: transaction.reference },
    { label: 'received', value: receivedText(transaction) },
    { label: 'Stripe', value: stripeText(transaction) },
    {
      label: 'method',
      value: `${transaction.paymentMethod} (${transaction.methodTypes.join(', ')})`,
    },
    {
      label: 'session',
      value: transaction.session === null ? null : sessions[transaction.session],
    },
    { label: 'customer', value: transaction.customer },
    { label: 'e-mail', value: transaction.email },
    { label: 'about', value: transaction.description },
    ...metadata.map((line, at) => (at === 0 ? { ...line, label: 'metadata' } : line)),
    { label: 'failure', value: failureText(transaction) },
    { label: 'canceled', value: cancelerText(transaction) },
    { label: 'step', value: transaction.step },
    { label: 'attempts', value: String(transaction.attempts) },
    { label: 'created', value: time(transaction.createdAt) },
    { label: 'updated', value: time(transaction.updatedAt) },
    { label: 'settled', value: time(transaction.settledAt) },
    { label: 'expected', value: expectedText(transaction, now, output) },
    { label: 'next', value: time(transaction.nextAttemptAt) },
    ...reviewLines(transaction, now, output),
  ];
}

const sessions = {
  off_session: 'without the customer (off-session)',
  on_session: 'with the customer (on-session)',
} as const;

function receivedText(transaction: Transaction): string | null {
  const received = receivedOf(transaction);
  return received === null ? null : formatMoney(received.amount, received.currency);
}

/** Until when it may take. */
function expectedText(transaction: Transaction, now: Instant, output: Output): string | null {
  const { status, expectedBy } = transaction;
  if (status !== 'pending' || expectedBy === null) return null;
  return `${fullTime(expectedBy, now, output)}${isOverdue(transaction, now) ? ', overdue' : ''}`;
}

function reviewLines(transaction: Transaction, now: Instant, output: Output): readonly Line[] {
  const { review } = transaction;
  if (review === null) return [];
  const { resolution } = review;
  // They have lines of their own.
  const { other_intents: _others, ...evidence } = review.evidence;
  return [
    {
      label: 'review',
      value: `${review.message} (${review.reason}, ${fullTime(review.at, now, output)})`,
    },
    { label: 'evidence', value: pairs(evidence) },
    ...otherIntentLines(transaction),
    {
      label: 'decision',
      value:
        resolution === null
          ? null
          : `${resolution.as} by ${resolution.operator}: ${resolution.reason}`,
    },
  ];
}

const auditColumns: readonly Column[] = [
  { title: '#', least: 'whole', rank: 9, align: 'right' },
  { title: 'AT', least: 'whole', rank: 8 },
  { title: 'ACTION', least: 'whole', rank: 7 },
  { title: 'STATUS', least: 'whole', rank: 6 },
  { title: 'BY', least: 7, rank: 4, shorten: 'middle' },
  { title: 'DETAIL', least: 20, rank: 5 },
  { title: 'REQUEST', least: 10, rank: 3, shorten: 'middle' },
  { title: 'HASH', least: 'whole', rank: 2 },
];

function auditTable(entries: readonly AuditEntry[], output: Output, theme: Theme): string {
  const rows = entries.map((entry) => [
    { text: String(entry.seq), paint: theme.faint },
    { text: absoluteTime(entry.at, output) },
    { text: entry.action },
    { text: entry.to.status, paint: theme.status(entry.to.status) },
    { text: actorText(entry.actor) },
    { text: pairs(entry.detail) },
    { text: entry.requestId ?? '', paint: theme.faint },
    { text: entry.hash.slice(0, 12), paint: theme.faint },
  ]);
  return table(auditColumns, rows, output.columns - 2, theme);
}

const emailColumns: readonly Column[] = [
  { title: 'KIND', least: 'whole', rank: 9 },
  { title: 'TO', least: 12, rank: 7, shorten: 'middle' },
  { title: 'STATE', least: 'whole', rank: 8 },
  { title: 'TRIES', least: 'whole', rank: 3, align: 'right' },
  { title: 'SENT', least: 'whole', rank: 5 },
  { title: 'ID', least: 12, rank: 4, shorten: 'middle' },
  { title: 'ERROR', least: 10, rank: 6 },
];

function emailTable(notifications: readonly Notification[], output: Output, theme: Theme): string {
  const rows = notifications.map((each) => [
    { text: each.kind },
    { text: each.to ?? 'the operator' },
    { text: each.state },
    { text: String(each.attempts) },
    { text: each.sentAt === null ? '' : absoluteTime(each.sentAt, output) },
    { text: each.id, paint: theme.faint },
    { text: each.lastError ?? '' },
  ]);
  return table(emailColumns, rows, output.columns - 2, theme);
}

function indent(text: string): string {
  return text.replace(/^(?=.)/gm, '  ');
}

/** `alice@host-1`, as far as it is recorded. */
export function actorText(actor: JsonObject): string {
  const part = (name: string): string => (typeof actor[name] === 'string' ? actor[name] : '');
  const at = part('host') === '' ? '' : `@${part('host')}`;
  return `${part('operator')}${at}`;
}

/** `asked=confirm http_status=402`: small objects on one line; what is not known is left out. */
function pairs(detail: JsonObject): string {
  return Object.entries(detail)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}=${scalarText(value)}`)
    .join(' ');
}

function scalarText(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
