import type { MailDataRequired } from '@sendgrid/mail';
import type { Mailer, Notification, SendOutcome } from '../app/ports.ts';
import { readMailbox, type Mailbox } from '../domain/mailbox.ts';
import type { Proxy } from '../proxy/choose.ts';
import { tunnelFailure } from '../proxy/tunnel.ts';
import { messageFor, type Sender } from './messages.ts';
import { outcomeOfAnswer, outcomeOfNetworkError } from './send-outcome.ts';
import { postMail } from './sendgrid.ts';

export interface MailerOptions {
  readonly apiKey: string | null;
  /** Base URL of a local mail service; null: SendGrid's own. */
  readonly apiBase: string | null;
  /** What stands between; absent or null: nothing. */
  readonly proxy?: Proxy | null;
  /** `pay@example.com` or `The Shop <pay@example.com>`. */
  readonly from: string | null;
  /** Where a customer's answer goes, written the same way; null: to the sender. */
  readonly replyTo?: string | null;
  readonly operatorEmail: string | null;
  /** Of the dates in customers' letters; UTC where it is left out. */
  readonly timeZone?: string;
  /** Every send ends by then, answered or not; 10 s by default. */
  readonly deadlineMs?: number;
}

/** The same name in SendGrid's events (custom argument) and in the e-mail's own header: copies of one e-mail can be told. */
const IDENTITY_ARGUMENT = 'payrecon_notification';
const IDENTITY_HEADER = 'X-Payrecon-Notification';

const DEFAULT_DEADLINE_MS = 10_000;
const SENDGRID = 'https://api.sendgrid.com/';

/** Loads nothing yet: the package is imported by the first send. */
export function openMailer(options: MailerOptions): Mailer {
  return {
    configured: options.apiKey !== null && options.from !== null,
    send: async (notification) => await send(options, notification),
  };
}

async function send(options: MailerOptions, notification: Notification): Promise<SendOutcome> {
  const { apiKey, from, operatorEmail } = options;
  if (apiKey === null || from === null) {
    return {
      kind: 'not_tried',
      message: 'e-mail is not set up: set SENDGRID_API_KEY and PAYRECON_MAIL_FROM',
    };
  }
  const forOperator = notification.kind.startsWith('operator_');
  const to = notification.to ?? (forOperator ? operatorEmail : null);
  if (to === null) {
    if (!forOperator) return { kind: 'rejected', message: 'the customer has no e-mail address' };
    return { kind: 'not_tried', message: 'nobody to send it to: set PAYRECON_OPERATOR_EMAIL' };
  }
  return deliver(options, mailData(notification, to, options), apiKey);
}

async function deliver(
  options: MailerOptions,
  mail: MailDataRequired,
  apiKey: string,
): Promise<SendOutcome> {
  const { deadlineMs = DEFAULT_DEADLINE_MS, proxy = null } = options;
  const apiBase = options.apiBase ?? SENDGRID;
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), deadlineMs);
  try {
    return outcomeOfAnswer(
      await postMail(mail, { apiKey, apiBase, proxy, deadlineMs, signal: over.signal }),
      apiKey,
    );
  } catch (error) {
    if (over.signal.aborted) {
      return {
        kind: 'unknown',
        message: `SendGrid did not answer within ${deadlineMs} ms; it may have been sent`,
      };
    }
    return outcomeOfNetworkError({ code: codeOf(error), proxyFailure: tunnelFailure(error) });
  } finally {
    clearTimeout(timer);
  }
}

/** Who the letters name as the shop, and whether they ask for an answer. */
export function senderOf({
  from,
  replyTo = null,
  timeZone = 'UTC',
}: Pick<MailerOptions, 'from' | 'replyTo' | 'timeZone'>): Sender {
  return { shop: mailboxOf(from)?.name ?? null, takesAnswers: replyTo !== null, timeZone };
}

/** The settings have refused what cannot be read. */
function mailboxOf(text: string | null): Mailbox | null {
  const read = text === null ? null : readMailbox(text);
  return read?.ok === true ? read.mailbox : null;
}

function mailData(
  notification: Notification,
  to: string,
  options: MailerOptions,
): MailDataRequired {
  const { subject, text, html } = messageFor(notification, senderOf(options));
  const from = addressOf(options.from);
  const replyTo = notification.kind.startsWith('operator_')
    ? undefined
    : addressOf(options.replyTo ?? null);
  return {
    // As an object: the package would read a `<` in a string as the beginning of another address.
    to: { email: to },
    from: from ?? { email: '' },
    ...(replyTo === undefined ? {} : { replyTo }),
    subject,
    text,
    html,
    customArgs: { [IDENTITY_ARGUMENT]: notification.id },
    headers: { [IDENTITY_HEADER]: notification.id },
    // A receipt is nothing to follow people with; and rewritten links look like fraud.
    trackingSettings: {
      clickTracking: { enable: false, enableText: false },
      openTracking: { enable: false },
    },
  };
}

function addressOf(
  text: string | null,
): { readonly email: string; readonly name?: string } | undefined {
  const mailbox = mailboxOf(text);
  if (mailbox === null) return undefined;
  const { name, address: email } = mailbox;
  return name === null ? { email } : { email, name };
}

/** The only part of a network error that is ever looked at. */
function codeOf(error: unknown): string | null {
  return typeof error === 'object' &&
    error !== null &&
    'code' in error &&
    typeof error.code === 'string'
    ? error.code
    : null;
}
