import type { Answer } from '../domain/answer.ts';
import type { LedgerState } from '../domain/ledger-state.ts';
import type { ResolutionOption } from '../domain/resolutions.ts';
import type {
  ChargeRequest,
  Instant,
  JsonObject,
  Resolution,
  Transaction,
} from '../domain/transaction.ts';
import type {
  AuditEntry,
  AuditVerification,
  LedgerMove,
  ListFilter,
  MoveProgress,
  Notification,
  NotificationState,
  PassReport,
  PassRow,
  UnsentCounts,
  Waiting,
} from './ports.ts';

/*
 * What payrecon does, as its callers (command line, daemon, library) see it. wire.ts makes one.
 * Expected failures are thrown as PayreconError; its `kind` decides the exit code and its
 * `transaction`, where set, is still shown.
 */

export interface ChargeOptions {
  /** How long to wait while another process advances the same transaction. */
  readonly waitMs: number;
  /** True when the caller asked to wait: then also keep asking Stripe for that long while the outcome is unknown. */
  readonly waitForOutcome: boolean;
  readonly allowDuplicate: boolean;
  readonly signal?: AbortSignal;
}

/** Why a charge stopped where it did; `settled` for succeeded, failed and canceled. */
export type ChargeSituation =
  | 'settled'
  | 'stuck'
  /** Another process is advancing it. */
  | 'in_progress'
  /** An answer was lost or proves nothing. */
  | 'unknown'
  /** Stripe was provably not reached: nothing can have been charged. */
  | 'not_sent'
  | 'processing'
  | 'requires_action'
  /** A signal arrived. */
  | 'interrupted';

export interface ChargeOutcome {
  readonly transaction: Transaction;
  /** True when the key was known before: nothing new was started. */
  readonly repeated: boolean;
  readonly situation: ChargeSituation;
  /** What was last heard from Stripe, as a plain sentence; null when nothing was asked. */
  readonly note: string | null;
  /** It waited in our own queue: that says nothing about Stripe. */
  readonly ownLimit: boolean;
  /** Of an on-session charge that waits for its customer: what the page needs. Never stored, never logged. */
  readonly clientSecret: string | null;
  readonly nextAction: JsonObject | null;
}

export interface ReconcileOptions {
  readonly limit: number | null;
  readonly dryRun: boolean;
  /** Ids or keys: only these are asked about, whatever their age and their next time. */
  readonly only?: readonly string[];
  readonly signal?: AbortSignal;
  /** Called for every row as its verdict falls. */
  readonly onRow?: (row: ReconciledRow) => void;
}

export interface ReconciledRow {
  readonly before: Transaction;
  /** As recorded; on a dry run as it would be asked now: equal to `before`. */
  readonly after: Transaction;
  /** Plain words: `succeeded`, `canceled at Stripe, then recorded`, `no answer (timeout)`, .. */
  readonly verdict: string;
}

export interface PassOutcome {
  /** Null on a dry run and where transactions were named: neither says that a reconciler is alive. */
  readonly passId: string | null;
  /** The database's clock. */
  readonly startedAt: Instant;
  readonly report: PassReport;
  /** In the whole ledger after the pass, for the exit code: anything above 0 needs a person. */
  readonly stuckTotal: number;
  readonly overdueTotal: number;
  readonly changedTotal: number;
  /** Stripe shows payments of this ledger that it does not have: charging is stopped. */
  readonly rolledBack: boolean;
  readonly interrupted: boolean;
  /** Milliseconds until due rows that another process holds are free, should it have died; null when there are none. */
  readonly takeOverInMs: number | null;
  readonly waiting: Waiting;
  /** Null where none were named. */
  readonly named: NamedOutcome | null;
}

/** What became of the transactions that were named. */
export interface NamedOutcome {
  /** Worked on by another process: not asked about. */
  readonly held: readonly Transaction[];
  /** Stuck or overdue. */
  readonly needPerson: number;
  readonly pending: number;
}

export interface TransactionPage {
  readonly data: readonly Transaction[];
  readonly hasMore: boolean;
  readonly nextCursor: string | null;
}

export interface ShownTransaction {
  readonly transaction: Transaction;
  readonly audit: readonly AuditEntry[];
  readonly notifications: readonly Notification[];
  /** A plain sentence: why it is in its state and what happens next. */
  readonly why: string;
}

export type ResolveTarget = Resolution['as'];

/** A stuck or overdue transaction, asked about at Stripe just now. */
export interface StuckCase {
  readonly transaction: Transaction;
  readonly seen: Answer;
  /** What Stripe says, in a sentence. */
  readonly evidence: string;
  readonly targets: readonly ResolutionOption[];
}

/** The e-mail that a decision would send to the customer. */
export interface LetterPreview {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

export interface ResolveRequest {
  readonly as: ResolveTarget;
  readonly reason: string;
  readonly cancelAtStripe: boolean;
  /** True: the customer is not written to. */
  readonly noEmail?: boolean;
  /** Who decides, where it is not the operator of the settings. */
  readonly operator?: string;
}

export interface CancelRequest {
  /** For the audit trail; null where nobody gave one. */
  readonly reason: string | null;
  /** Who cancels, where it is not the operator of the settings. */
  readonly operator?: string;
  readonly signal?: AbortSignal;
}

export interface CancelOutcome {
  /** Canceled or failed; pending or stuck where Stripe did not say that it is canceled. */
  readonly transaction: Transaction;
  /** What was last seen, as a plain sentence; null when nothing was asked. */
  readonly note: string | null;
  /** It had ended before: nothing was asked or changed. */
  readonly isKnown: boolean;
}

export interface DispatchReport {
  /** False without a SendGrid key or sender: nothing was tried. */
  readonly configured: boolean;
  readonly sent: number;
  readonly retried: number;
  readonly failed: number;
  readonly queued: number;
  /** Set when the mail service refused the key: nothing further was tried. */
  readonly refused: string | null;
}

export interface DoctorCheck {
  /** `configuration`, `database`, `schema`, `ledger`, `stripe`, `clock`, `sendgrid`, `last_pass`, `stuck`. */
  readonly name: string;
  readonly state: 'ok' | 'warning' | 'failed';
  readonly message: string;
  /** The exit code class of a failure. */
  readonly failure: 'configuration' | 'unreachable' | null;
}

/** The one-screen state; open rows only, so it is cheap however long the history. */
export interface LedgerStatus {
  readonly pending: number;
  readonly stuck: number;
  readonly overdue: number;
  readonly changed: number;
  readonly oldestPendingAt: Instant | null;
  readonly waiting: Waiting;
  /** Pending, and nothing was ever sent. */
  readonly notSent: number;
  readonly lastPass: PassRow | null;
  readonly emails: UnsentCounts;
  readonly state: LedgerState;
}

export interface Payrecon {
  charge(request: ChargeRequest, options: ChargeOptions): Promise<ChargeOutcome>;
  /** One pass; also sends due e-mails at its end. */
  reconcile(options: ReconcileOptions): Promise<PassOutcome>;
  list(filter: ListFilter, limit: number, cursor: string | null): Promise<TransactionPage>;
  show(idOrKey: string): Promise<ShownTransaction>;
  stuck(limit: number, cursor: string | null): Promise<TransactionPage>;
  /** Asks Stripe; takes no lease and changes nothing. */
  inspect(idOrKey: string): Promise<StuckCase>;
  /** What the customer would be told of a decision; null where nothing is. Asks nobody. */
  preview(stuck: StuckCase, as: ResolveTarget, reason: string): Promise<LetterPreview | null>;
  /** Asks Stripe again under a lease, and records only a target that is legal then. */
  resolve(idOrKey: string, request: ResolveRequest): Promise<Transaction>;
  /** Canceled at Stripe first, as a fence, then recorded. */
  cancel(idOrKey: string, request: CancelRequest): Promise<CancelOutcome>;
  sendNotifications(limit: number | null, signal?: AbortSignal): Promise<DispatchReport>;
  notifications(
    states: readonly NotificationState[],
    limit: number,
  ): Promise<readonly Notification[]>;
  resendNotification(id: string): Promise<Notification>;
  verifyAudit(idOrKey: string | null): Promise<AuditVerification>;
  status(): Promise<LedgerStatus>;
  doctor(): Promise<readonly DoctorCheck[]>;
  migrate(direction: 'up' | 'down'): Promise<readonly string[]>;
  /** Takes the SQLite ledger of that address to the PostgreSQL database of the settings, and marks it as moved. */
  move(from: string, onProgress?: (progress: MoveProgress) => void): Promise<LedgerMove>;
  migrationStatus(): Promise<{
    readonly applied: readonly string[];
    readonly pending: readonly string[];
    readonly unknown: readonly string[];
  }>;
  /** Mode and account for the banner; asks nothing of Stripe. */
  readonly mode: 'test' | 'live' | 'none';
  /** An IANA name: whose clock people are shown. */
  readonly timeZone: string;
  readonly ledger: string;
  /** Stripe's limits as they are set: calls a second, in all and for each endpoint. */
  readonly limits: {
    readonly requestsPerSecond: number;
    readonly endpointRequestsPerSecond: number;
  };
  /** About the settings, for a person: a secret file that others can read, a live key that goes elsewhere. */
  readonly warnings: readonly string[];
  close(): Promise<void>;
}
