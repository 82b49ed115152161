import { letterData } from '../../domain/letters.ts';
import type { Instant, Transaction } from '../../domain/transaction.ts';
import type { NotificationKind } from '../../domain/transition.ts';
import { canonicalJson } from './audit-chain.ts';
import type { Binding } from '../database.ts';
import { notificationId } from '../identifiers.ts';
import { sealOf, sealSql } from '../seals.ts';

/** An e-mail about to be queued with a recorded transition. */
export interface QueuedNotification {
  readonly id: string;
  readonly kind: NotificationKind;
  /** Null for the operator, whose address is the configuration's when it is sent. */
  readonly recipient: string | null;
  readonly data: string;
}

function isForCustomer(kind: NotificationKind): boolean {
  return kind.startsWith('customer_');
}

/** A customer without an address gets none. `next` still has the version before the transition. */
export function notificationsFor(
  next: Transaction,
  kinds: readonly NotificationKind[],
): readonly QueuedNotification[] {
  const data = kinds.length === 0 ? '' : canonicalJson(letterData(next));
  return kinds
    .filter((kind) => !isForCustomer(kind) || next.email !== null)
    .map((kind) => ({
      id: notificationId(next.id, kind, next.version + 1, 0),
      kind,
      recipient: isForCustomer(kind) ? next.email : null,
      data,
    }));
}

export const NOTIFICATION_COLUMNS =
  'id, transaction_id, kind, version, recipient, state, created_at, next_attempt_at, data, seal';

export interface MailSubject {
  readonly transactionId: string;
  readonly version: number;
}

/** The columns of an e-mail that is queued with a transition, in the order of NOTIFICATION_COLUMNS. */
export function queuedRow(
  subject: MailSubject,
  { id, kind, recipient, data }: QueuedNotification,
  now: Instant,
): Readonly<Record<string, Binding>> {
  const row = {
    id,
    transaction_id: subject.transactionId,
    kind,
    version: subject.version,
    recipient,
    state: 'queued',
    created_at: now,
    next_attempt_at: now,
    data,
  };
  return { ...row, seal: sealOf('notifications', { ...NEW_NOTIFICATION, ...row }) };
}

/** What a queued e-mail says where its insert says nothing. */
export const NEW_NOTIFICATION = {
  transaction_id: null,
  outage_id: null,
  resend: 0,
  recipient: null,
  attempts: 0,
  sent_at: null,
  message_id: null,
  last_error: null,
  claim_token: null,
};

/** The same for the one statement that PostgreSQL gets: columns of `mail` and of the updated row, `written`. */
export const QUEUED_SELECT = `mail.id, written.id, mail.kind, written.version, mail.recipient, 'queued', updated_at, updated_at, mail.data,
  ${sealSql('notifications', {
    id: 'mail.id',
    transaction_id: 'written.id',
    outage_id: 'null',
    kind: 'mail.kind',
    version: 'written.version',
    resend: '0',
    recipient: 'mail.recipient',
    state: `'queued'`,
    attempts: '0',
    created_at: 'updated_at',
    next_attempt_at: 'updated_at',
    sent_at: 'null',
    message_id: 'null',
    last_error: 'null',
    data: 'mail.data',
    claim_token: 'null',
  })}`;
