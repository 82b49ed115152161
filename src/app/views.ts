import type { Action, NotificationKind } from '../domain/transition.ts';
import type { Status } from '../domain/statuses.ts';
import type { Instant, JsonObject, Step, Transaction } from '../domain/transaction.ts';

/*
 * The ledger as people read it, the other half of ports.ts: nothing here decides about a payment.
 */

export interface ListFilter {
  readonly statuses: readonly Status[];
  readonly since: Instant | null;
  readonly until: Instant | null;
  readonly customer: string | null;
  readonly reference: string | null;
  /** Pending past `expectedBy` counts as needing a person; used by `stuck list`. */
  readonly needsPerson: boolean;
}

/** Newest first by (created_at, id); `after` is the last row of the page before. */
export interface PagePosition {
  readonly createdAt: Instant;
  readonly id: string;
}

export interface AuditEntry {
  readonly transactionId: string;
  readonly seq: number;
  readonly at: Instant;
  readonly actor: JsonObject;
  readonly action: Action;
  readonly from: { readonly status: Status; readonly step: Step } | null;
  readonly to: { readonly status: Status; readonly step: Step };
  readonly detail: JsonObject;
  readonly requestId: string | null;
  readonly hash: string;
}

export interface AuditVerification {
  readonly transactions: number;
  readonly entries: number;
  /** Transactions of an older version that this one has not written to: their rows are held against their entries in part. */
  readonly partly: number;
  /** The first one by creation of its transaction, then whatever belongs to none; or null. */
  readonly firstBad: AuditFinding | null;
}

/** Something that was changed, added or taken away outside payrecon. */
export interface AuditFinding {
  /** The table it is in, or `triggers`. */
  readonly table: string;
  /** Of the row, where it is one: for an audit entry that of its transaction. */
  readonly id: string | null;
  readonly transactionId: string | null;
  /** The audit entry, where it is one. */
  readonly seq: number | null;
  readonly problem: string;
}

/** Reads for people; never used to decide about a payment. */
export interface History {
  page(
    filter: ListFilter,
    limit: number,
    after: PagePosition | null,
  ): Promise<readonly Transaction[]>;
  audit(transactionId: string): Promise<readonly AuditEntry[]>;
  notifications(transactionId: string): Promise<readonly Notification[]>;
  /** Recomputes the chains of one transaction or of all, streamed; memory does not grow with history. */
  verifyAudit(transactionId: string | null): Promise<AuditVerification>;
  /** Open rows only (pending, stuck): cheap however long the history. */
  needsPerson(): Promise<{ readonly stuck: number; readonly overdue: number }>;
  /** Pending rows of which nothing was ever sent. */
  notSent(): Promise<number>;
  openCounts(): Promise<{
    readonly pending: number;
    readonly stuck: number;
    readonly overdue: number;
    readonly oldestPendingAt: Instant | null;
  }>;
}

export type NotificationState = 'queued' | 'sending' | 'sent' | 'failed';

/** Not of those that were sent: they are the whole history, and counting them would cost more every day. */
export type UnsentCounts = Readonly<Record<Exclude<NotificationState, 'sent'>, number>>;

export interface Notification {
  readonly id: string;
  readonly transactionId: string | null;
  readonly kind: NotificationKind;
  /** Null on operator mails: the address of the configuration is used when it is sent. */
  readonly to: string | null;
  readonly state: NotificationState;
  readonly attempts: number;
  readonly createdAt: Instant;
  readonly nextAttemptAt: Instant | null;
  readonly sentAt: Instant | null;
  /** SendGrid's X-Message-Id. */
  readonly messageId: string | null;
  readonly lastError: string | null;
  /** What the message is made of (amount, currency, key, ..), as it was when it was queued. */
  readonly data: JsonObject;
}
