import type { DispatchReport } from '../../../app/service.ts';
import type { Notification } from '../../../app/ports.ts';
import type { JsonObject } from '../../../domain/transaction.ts';
import type { CommandContext } from '../../context.ts';
import { block } from '../parts/details.ts';
import type { Column } from '../parts/columns.ts';
import { type Hint, hints } from '../parts/next-steps.ts';
import { timeJson, timeOrNull, writeJson } from '../parts/json.ts';
import { table } from '../parts/table.ts';
import { createTheme } from '../parts/theme.ts';
import { relativeTime } from '../parts/time.ts';

function notificationJson(each: Notification): JsonObject {
  return {
    id: each.id,
    transaction_id: each.transactionId,
    kind: each.kind,
    to: each.to,
    state: each.state,
    attempts: each.attempts,
    created_at: timeJson(each.createdAt),
    next_attempt_at: timeOrNull(each.nextAttemptAt),
    sent_at: timeOrNull(each.sentAt),
    message_id: each.messageId,
    last_error: each.lastError,
  };
}

const columns: readonly Column[] = [
  { title: 'STATE', least: 'whole', rank: 9 },
  { title: 'KIND', least: 'whole', rank: 8 },
  { title: 'TO', least: 12, rank: 7, shorten: 'middle' },
  { title: 'TRIES', least: 'whole', rank: 2, align: 'right' },
  { title: 'CREATED', least: 'whole', rank: 5 },
  { title: 'ID', least: 'whole', rank: 6 },
  { title: 'TRANSACTION', least: 'whole', rank: 3 },
  { title: 'LAST ERROR', least: 12, rank: 4 },
];

export function writeNotifications(
  notifications: readonly Notification[],
  { json, out, err, services }: CommandContext,
): void {
  if (json) {
    writeJson(out, { data: notifications.map(notificationJson) });
    return;
  }
  if (notifications.length === 0) {
    err.write(hints([{ text: 'No e-mails.' }], err));
    return;
  }
  const theme = createTheme(out);
  const paints = { queued: theme.warn, sending: theme.warn, sent: theme.good, failed: theme.bad };
  const rows = notifications.map((each) => [
    { text: each.state, paint: paints[each.state] },
    { text: each.kind },
    { text: each.to ?? 'the operator' },
    { text: String(each.attempts) },
    { text: relativeTime(each.createdAt, services.now()) },
    { text: each.id, paint: theme.faint },
    { text: each.transactionId ?? '', paint: theme.faint },
    { text: each.lastError ?? '' },
  ]);
  out.write(table(columns, rows, out.columns, theme));
}

export function writeNotification(notification: Notification, { json, out }: CommandContext): void {
  if (json) {
    writeJson(out, notificationJson(notification));
    return;
  }
  const theme = createTheme(out);
  const lines = [
    { label: 'id', value: notification.id },
    { label: 'kind', value: notification.kind },
    { label: 'to', value: notification.to ?? 'the operator' },
    { label: 'state', value: notification.state },
  ];
  out.write(`${theme.strong('Queued')}\n${block(lines, theme, out)}`);
}

export function writeDispatch(report: DispatchReport, { json, out, err }: CommandContext): void {
  const { configured, sent, retried, failed, queued, refused } = report;
  if (json) {
    writeJson(out, { configured, sent, retried, failed, queued, refused });
    return;
  }
  const theme = createTheme(out);
  const lines = [
    { label: 'sent', value: String(sent) },
    { label: 'to retry', value: String(retried) },
    { label: 'failed', value: String(failed), ...(failed > 0 ? { paint: theme.bad } : {}) },
    { label: 'queued', value: String(queued) },
  ];
  out.write(`${theme.strong('E-mails')}\n${block(lines, theme, out)}`);
  err.write(hints(dispatchHints(report), err));
}

function dispatchHints({ configured, failed, refused }: DispatchReport): readonly Hint[] {
  if (!configured)
    return [
      {
        text: 'E-mails stay queued: set SENDGRID_API_KEY and PAYRECON_MAIL_FROM, then run it again.',
        command: ['payrecon', 'doctor'],
      },
    ];
  const all: Hint[] = [];
  if (refused !== null)
    all.push({
      text: `SendGrid refused the key or the sender, so nothing more was tried: ${refused}`,
      command: ['payrecon', 'doctor'],
    });
  if (failed > 0)
    all.push({
      text: 'Failed e-mails are not tried again by themselves:',
      command: ['payrecon', 'notifications', 'list', '--state', 'failed'],
    });
  return all;
}
