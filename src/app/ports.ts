import type { Answer, IntentSnapshot } from '../domain/answer.ts';
import type { LedgerMarks } from '../domain/decide/decision.ts';
import type { Turns, Wanted } from '../domain/rate-limit/budget.ts';
import type { Status } from '../domain/statuses.ts';
import type {
  ChargeRequest,
  Instant,
  JsonObject,
  Step,
  Transaction,
} from '../domain/transaction.ts';
import type { Action, NotificationKind, Transition } from '../domain/transition.ts';

/*
 * The outside world on one page. `storage/` implements Ledger, History, Outbox, Passes and
 * Budgets, `stripe/` the Gateway, `email/` the Mailer; compose/ puts them together. Nothing here knows a vendor.
 */

// ---- time, chance, identity ------------------------------------------------------------------

export interface Clock {
  /** Milliseconds that never jump; for durations and deadlines only. */
  monotonicMs(): number;
  /** Resolves after `ms`, or at once when the signal aborts (it never rejects). */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface Chance {
  /** Uniform in [0, 1). */
  uniform(): number;
  /** A lease token: unguessable, unique. */
  token(): string;
}

/** Who acts, for the audit trail. */
export interface Actor {
  /** `charge`, `reconcile`, `resolve`, `notify`. */
  readonly role: string;
  /** PAYRECON_OPERATOR, else the system user. */
  readonly operator: string;
  readonly systemUser: string;
  readonly host: string;
  readonly pid: number;
}

// ---- the ledger ------------------------------------------------------------------------------

/** A right to advance one transaction. Writes carry the token: once it is lost they change nothing. */
export interface Lease {
  readonly transactionId: string;
  readonly token: string;
  /** Monotonic milliseconds, counted from *before* the claim was sent: begin no call past it. */
  readonly deadlineMs: number;
}

export interface Claimed {
  readonly transaction: Transaction;
  readonly lease: Lease;
  /** The database's clock when it was claimed. */
  readonly now: Instant;
}

export interface DuplicateGuard {
  readonly windowMs: number;
  readonly allow: boolean;
}

export type OpenResult =
  /** A new row, at step `create_sent`, leased to the caller. */
  | ({ readonly kind: 'opened' } & Claimed)
  /** The key exists, whatever its parameters. Not leased. */
  | { readonly kind: 'exists'; readonly transaction: Transaction; readonly now: Instant }
  /** Another transaction holds the reference (pending, succeeded or stuck). */
  | { readonly kind: 'reference_taken'; readonly other: Transaction }
  /** Looks like the same payment under another key. */
  | {
      readonly kind: 'duplicate_suspected';
      readonly other: Transaction;
      readonly matched: readonly ('customer' | 'email' | 'payment_method')[];
    };

export type Conflict = Exclude<OpenResult, { readonly kind: 'opened' }>;

export interface Reopening {
  readonly request: ChargeRequest;
  readonly fingerprint: string;
  readonly guard: DuplicateGuard;
}

export type ReopenResult =
  | Extract<OpenResult, { kind: 'opened' | 'reference_taken' | 'duplicate_suspected' }>
  | { readonly kind: 'stale' };

export type RecordResult =
  | { readonly kind: 'recorded'; readonly transaction: Transaction; readonly now: Instant }
  /** The version or the lease was not ours any more: nothing was changed. */
  | { readonly kind: 'stale' };

export interface DueQuery {
  readonly limit: number;
  /** Only rows created at least this long ago. */
  readonly pendingAfterMs: number;
  /** Only rows due at or before this instant (the pass's start), so that no pass meets a row twice. */
  readonly dueBy: Instant;
  /** How long the pass has been running, on a clock that never jumps: the database's may have been set back since. */
  readonly sinceMs?: number;
  /** Rows whose time lies further ahead than this are due now: no backoff puts one there. */
  readonly furthestAheadMs?: number;
}

/** Every failure to reach the database is a PayreconError of kind `unreachable`. */
export interface Ledger {
  /**
   * Inserts the transaction (step `create_sent`, lease held, audit entry `opened`) or says why not;
   * one SQL transaction, safe against any number of simultaneous callers.
   */
  open(
    request: ChargeRequest,
    fingerprint: string,
    guard: DuplicateGuard,
    actor: Actor,
  ): Promise<OpenResult>;
  /** Takes the lease of one transaction; null when somebody holds it (or it does not exist). */
  claim(id: string, actor: Actor): Promise<Claimed | null>;
  /** Takes the leases of due rows (`next_attempt_at` reached, lease free), oldest due first. */
  claimDue(query: DueQuery, actor: Actor): Promise<readonly Claimed[]>;
  /** Milliseconds until the first lease on a due row runs out, unless it is renewed; null when none is held. */
  takeOverInMs(pendingAfterMs: number): Promise<number | null>;
  /** The same rows as claimDue, without taking anything: for a dry run. */
  due(query: DueQuery): Promise<readonly Transaction[]>;
  /** Extends leases that are still ours; returns the ones that are. */
  renew(leases: readonly Lease[]): Promise<readonly Lease[]>;
  release(leases: readonly Lease[]): Promise<void>;
  /** The one door for writes: compare-and-set on version and lease token, audit entry, e-mails. */
  record(
    current: Transaction,
    lease: Lease,
    transition: Transition,
    actor: Actor,
  ): Promise<RecordResult>;
  /**
   * Begins a new attempt on a row whose last one is dead (domain/attempts.ts): step `create_sent`, the
   * request as it is asked for now, under a lease of the caller's. `reference_taken` and
   * `duplicate_suspected` as `open`; `stale` when the row is no longer what was seen.
   */
  reopen(current: Transaction, opening: Reopening, actor: Actor): Promise<ReopenResult>;
  /**
   * What `open` would answer without opening, read and not locked; null when it would open. With
   * `except`, what `reopen` of that row would meet.
   */
  conflict(
    request: ChargeRequest,
    guard: DuplicateGuard,
    except: string | null,
  ): Promise<Conflict | null>;
  /** By id or by key. */
  find(idOrKey: string): Promise<Transaction | null>;
  /** The database's clock. */
  now(): Promise<Instant>;
}

// ---- whose ledger it is ------------------------------------------------------------------------

export interface LedgerIdentity {
  /** `led_` and 26 characters. */
  readonly id: string;
  /** Stripe's account; null until it is bound, and for a key that may not read its account. */
  readonly account: string | null;
  /** Null until it is bound. */
  readonly livemode: boolean | null;
  readonly namespace: string;
  readonly createdAt: Instant;
  readonly boundAt: Instant | null;
  /** Where it was taken by `migrate --from`; nothing may be charged here any more. */
  readonly movedTo: string | null;
  /** When that ended; null while it goes on, or was cut short. */
  readonly movedAt: Instant | null;
  readonly rolledBackAt: Instant | null;
  readonly rolledBackEvidence: JsonObject | null;
  /** When Stripe's newest intents were last all found here, and in which storage. */
  readonly wholeCheckedAt: Instant | null;
  readonly wholeWitness: string | null;
}

/** How far a move is; `done` rows of `rows` in this part of it. */
export interface MoveProgress {
  readonly part: 'copying' | 'comparing' | 'verifying';
  readonly done: number;
  readonly rows: number;
}

/** A ledger that was taken along by `migrate --from`; counts are of what it held then. */
export interface LedgerMove {
  readonly from: string;
  readonly to: string;
  readonly transactions: number;
  readonly auditEntries: number;
  readonly notifications: number;
  /** Run at the new place. */
  readonly migrations: readonly string[];
  /** An earlier run had committed the copy. */
  readonly alreadyThere: boolean;
}

export interface KeyAccount {
  readonly account: string | null;
  readonly livemode: boolean;
}

/** What a row says of its attempt, to be held against the intents on the account. */
export interface Standing {
  readonly id: string;
  readonly step: string;
  readonly attempt: number;
  readonly paymentIntent: string | null;
}

export interface Identity {
  /** Null before the ledger is given one (a ledger of an older version gets its at the next use). */
  read(): Promise<LedgerIdentity | null>;
  /** Gives it an id unless it has one; whoever comes second gets the first one's. */
  create(namespace: string): Promise<LedgerIdentity>;
  /** Account and mode are set once; a second binding with others changes nothing and returns the first. */
  bind(owner: KeyAccount): Promise<LedgerIdentity>;
  keyAccount(keyHash: string): Promise<KeyAccount | null>;
  rememberKey(keyHash: string, owner: KeyAccount): Promise<void>;
  /** What the storage is made of: it differs after a restore or a failover. */
  witness(): Promise<string>;
  markWhole(witness: string): Promise<void>;
  markRolledBack(evidence: JsonObject): Promise<boolean>;
  clearRolledBack(): Promise<void>;
  standings(transactionIds: readonly string[]): Promise<readonly Standing[]>;
  /** Whether any transaction is recorded here. */
  isEmpty(): Promise<boolean>;
}

// ---- the ledger as people read it -------------------------------------------------------------

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
  /** By partial indexes: cheap however long the history. */
  needsPerson(): Promise<NeedsPerson>;
  /** Pending rows of which nothing was ever sent. */
  notSent(): Promise<number>;
  /** Pending rows of which something was sent and that no pass asks about at this moment. */
  waiting(pendingAfterMs: number): Promise<Waiting>;
  openCounts(): Promise<{
    readonly pending: number;
    readonly stuck: number;
    readonly overdue: number;
    readonly changed: number;
    readonly oldestPendingAt: Instant | null;
  }>;
}

export interface NeedsPerson {
  readonly stuck: number;
  readonly overdue: number;
  /** Settled, and Stripe showed something else later: not acknowledged yet. */
  readonly changed: number;
}

/** Times are those of the first row of each kind; null where there is none. */
export interface Waiting {
  /** Made less than the age ago at which a pass asks. */
  readonly tooYoung: number;
  readonly tooYoungUntil: Instant | null;
  /** Asked about before, and again only when their time has come. */
  readonly later: number;
  readonly laterFrom: Instant | null;
}

// ---- the outbox ------------------------------------------------------------------------------

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

export interface ClaimedNotification {
  readonly notification: Notification;
  readonly token: string;
  /** Monotonic, as a lease's: from then on somebody else may have it. */
  readonly deadlineMs: number;
}

/** Whose e-mails are claimed: those to the operator alone, or whatever is due. */
export type Addressees = 'operator' | 'anybody';

/** How the claim of one e-mail ends. Whatever was tried is counted, and nothing else. */
export type SendEnd =
  | { readonly kind: 'sent'; readonly messageId: string | null }
  /** Back to the queue, due again after `inMs`. */
  | { readonly kind: 'again'; readonly error: string; readonly inMs: number }
  /** The same of one that nobody tried to send; null keeps what was last said of it. */
  | { readonly kind: 'not_tried'; readonly error: string | null; readonly inMs: number }
  /** Refused for good. */
  | { readonly kind: 'failed'; readonly error: string };

export interface EndedSend {
  readonly claimed: ClaimedNotification;
  readonly end: SendEnd;
}

export interface Outbox {
  /** Takes due e-mails (queued, or sending with an expired claim), oldest first. */
  claim(
    limit: number,
    actor: Actor,
    addressees?: Addressees,
  ): Promise<readonly ClaimedNotification[]>;
  /** Ends claims, all in one SQL transaction; one that somebody else has taken over is left alone. */
  end(sends: readonly EndedSend[]): Promise<void>;
  list(states: readonly NotificationState[], limit: number): Promise<readonly Notification[]>;
  /** Queues the same message again, as a new e-mail; null when there is no such e-mail. */
  requeue(id: string): Promise<Notification | null>;
  counts(): Promise<UnsentCounts>;
  /** The one that waits longest of those that are neither sent nor given up; null when none waits. */
  oldestUnsent(): Promise<Notification | null>;
}

// ---- passes and outages ----------------------------------------------------------------------

export interface PassReport {
  readonly due: number;
  readonly settled: {
    readonly succeeded: number;
    readonly failed: number;
    readonly canceled: number;
  };
  readonly pending: number;
  readonly stuck: number;
  /** Recorded and never sent: left to whoever charges again. */
  readonly notSent: number;
  readonly stripeCalls: {
    readonly list: number;
    readonly retrieve: number;
    readonly other: number;
  };
  readonly outage: boolean;
  /** Why the pass ended before everything due was asked about; null when it did not. */
  readonly stoppedBy: string | null;
  readonly durationMs: number;
}

export interface PassRow extends PassReport {
  readonly id: string;
  readonly host: string;
  readonly startedAt: Instant;
  readonly finishedAt: Instant | null;
}

export interface Passes {
  /** A heartbeat row; returns its id and the database's clock. */
  begin(
    actor: Actor,
  ): Promise<{ readonly id: string; readonly startedAt: Instant; readonly outageOpen: boolean }>;
  finish(id: string, report: PassReport): Promise<void>;
  /** What `begin` answers, without leaving a row: whether a reconciler is alive is read from those. */
  look(): Promise<{ readonly startedAt: Instant; readonly outageOpen: boolean }>;
  last(): Promise<PassRow | null>;
  /** Opens an outage unless one is open, and queues one operator e-mail with it; true if it was opened now. */
  openOutage(evidence: JsonObject): Promise<boolean>;
  closeOutage(): Promise<boolean>;
  /** Queues one operator e-mail for a cause that concerns no single payment, at most once a day; true if it was queued now. */
  tellCause(kind: CauseKind, cause: string, evidence: JsonObject): Promise<boolean>;
}

/** What an operator is told once, however many payments it meets. */
export type CauseKind = 'operator_request_refused' | 'operator_rolled_back';

// ---- Stripe ----------------------------------------------------------------------------------

export interface LookUp {
  readonly transactionId: string;
  /** Known id: it is retrieved. Null: it is searched for in the list, by our metadata. */
  readonly paymentIntent: string | null;
  readonly customer: string | null;
  /** Where to look when no id is known: [from, to] in database time; widened by the gateway for clock difference. */
  readonly createdFrom: Instant;
  readonly createdTo: Instant;
  /** The database's clock just now. Where Stripe's differs, the list is also read in Stripe's time; absent: it is not. */
  readonly askedAt?: Instant;
  /** Which of several intents that bear the transaction's id is the row's own; absent: the one that matters most. */
  readonly row?: LookedUpRow;
}

/** What a row knows of its intent, where the list shows several that bear its id. */
export interface LookedUpRow extends Pick<
  Transaction,
  'attempt' | 'paymentIntent' | 'paramsVersion'
> {
  /** Whose marks an intent must bear; null before the ledger is bound. */
  readonly ledger: LedgerMarks | null;
}

export interface CallCounts {
  readonly list: number;
  readonly retrieve: number;
  readonly other: number;
}

/**
 * Every call ends within the configured deadline, never throws for what Stripe or the network does,
 * and never retries on its own beyond what the library hides (which it counts as wire attempts).
 */
export interface Gateway extends AccountReader {
  /** Unconfirmed. Same transaction, same parameters, same idempotency key, whenever it is called. */
  create(transaction: Transaction): Promise<Answer>;
  confirm(transaction: Transaction): Promise<Answer>;
  cancel(transaction: Transaction): Promise<Answer>;
  /** Many at once; answers come in any order, exactly one each unless the signal aborts. */
  lookUp(
    queries: readonly LookUp[],
    signal?: AbortSignal,
  ): AsyncIterable<{ readonly query: LookUp; readonly answer: Answer }>;
  /** One cheap call that tells whether Stripe answers, and for whom. */
  account(): Promise<AccountAnswer>;
  /** What the key may do of what can be tried without changing anything; a few cheap calls. */
  rights(): Promise<readonly RightAnswer[]>;
  /**
   * How far Stripe's clock is ahead of the database's, in ms, where the database's shows `now`: by Stripe's last answer.
   * 0 within a minute; null before its first answer.
   */
  aheadMs(now: Instant): number | null;
  /** Calls on the wire since the gateway was made. */
  calls(): CallCounts;
}

/** Another program's use of our key, looked for where a create was answered `idempotency_error`. */
export interface OtherQuery {
  readonly transaction: Transaction;
  readonly from: Instant;
  readonly to: Instant;
}

export interface OtherIntent {
  readonly intent: IntentSnapshot;
  /** By the event that our idempotency key caused, by our key's hash in its metadata, or only by what it looks like. */
  readonly matchedBy: 'idempotency_key' | 'metadata' | 'looks_alike';
}

/** What is asked about the account as a whole. Bounded: a few pages each. */
export interface AccountReader {
  /**
   * The newest intents on the account, at most 100, and those that are looked for: one call where the
   * newest 100 show one of them, or there are no more; one search besides where others have filled that page.
   */
  newestIntents(query: NewestQuery): Promise<NewestIntents>;
  findOther(query: OtherQuery): Promise<readonly OtherIntent[]>;
}

/** The intents of this ledger, or those that other ledgers of its namespace have made. */
export type NewestQuery =
  | { readonly of: 'ledger'; readonly ledger: string }
  | { readonly of: 'others'; readonly ledger: string; readonly namespace: string };

export type NewestIntents =
  | { readonly kind: 'intents'; readonly intents: readonly IntentSnapshot[] }
  | { readonly kind: 'unauthorized'; readonly httpStatus: number; readonly message: string }
  | { readonly kind: 'unknown'; readonly message: string };

/** To list, retrieve and search payment intents, and to read events. */
export type Right = 'list' | 'retrieve' | 'search' | 'events';

export type RightAnswer =
  | { readonly right: Right; readonly kind: 'granted' }
  /** Stripe said that the key may not. */
  | { readonly right: Right; readonly kind: 'missing'; readonly message: string }
  | { readonly right: Right; readonly kind: 'unknown'; readonly message: string };

export type AccountAnswer =
  | {
      readonly kind: 'account';
      readonly id: string;
      readonly name: string | null;
      readonly country: string | null;
      readonly dateHeader: Instant | null;
    }
  /** The key is good, and may not read its account (a restricted key). */
  | { readonly kind: 'forbidden'; readonly message: string }
  /** Something answers at Stripe's address and has no accounts (404): a local double of Stripe. */
  | { readonly kind: 'not_offered'; readonly message: string }
  | { readonly kind: 'unauthorized'; readonly httpStatus: number; readonly message: string }
  | { readonly kind: 'unreachable'; readonly message: string };

/** Calls a second that all processes on one ledger share; kept in the database. */
export interface Budgets {
  /** Turns in all of these at once. A pass gets none while others are waiting for longer than it may make a charge wait. */
  take(
    budgets: readonly { readonly name: string; readonly perSecond: number }[],
    wanted: Wanted,
  ): Promise<Turns>;
  /** Stripe has answered 429. */
  slowDown(names: readonly string[]): Promise<void>;
}

// ---- e-mail ----------------------------------------------------------------------------------

export type SendOutcome =
  | { readonly kind: 'sent'; readonly messageId: string | null }
  /** Nothing was tried, because a setting is missing. */
  | { readonly kind: 'not_tried'; readonly message: string }
  /** May or may not have gone out; send again (at least once). */
  | { readonly kind: 'unknown'; readonly message: string }
  /** Refused now, may work later (429, 5xx, not reached). */
  | { readonly kind: 'retry'; readonly message: string }
  /** Refused for good (400, bad address): keep it as failed. */
  | { readonly kind: 'rejected'; readonly message: string }
  /** The key or the sender is wrong: stop sending, keep everything queued. */
  | { readonly kind: 'unauthorized'; readonly message: string };

export interface Mailer {
  /** False without a key or a sender: e-mails stay queued. */
  readonly configured: boolean;
  send(notification: Notification): Promise<SendOutcome>;
}
