import type { Answer } from '../answer.ts';
import type { Instant, Resolution } from '../transaction.ts';
import type { Transition } from '../transition.ts';

/**
 * For so long after it was opened a row is believed when it says that nothing was sent. Later it may
 * come from a backup: Stripe's list is asked before anything is sent or concluded.
 */
export const BELIEVED_UNSENT_MS = 3_600_000;

/** `cancel`: a person wants that it never succeeds, whatever its state is; like a pass, but nothing is waited for. */
export type Purpose = 'charge' | 'reconcile' | 'resolve' | 'cancel';

/**
 * `cancel_stray`: another intent that bears this transaction's id, such as one that an earlier create left.
 * `scan_elsewhere`: the list, and where it does not show the intent, what another ledger made under the key.
 */
export type Call =
  'create' | 'confirm' | 'cancel' | 'retrieve' | 'scan' | 'scan_elsewhere' | 'cancel_stray';

/** The last call of this run and what came back. */
export interface LastCall {
  readonly call: Call;
  /** Nothing had been sent under this call's idempotency key before. */
  readonly firstSend: boolean;
  readonly answer: Answer;
}

export interface Limits {
  readonly maxAttempts: number;
  readonly backoffBaseMs: number;
  readonly backoffCapMs: number;
  /** Age ceiling: undecided for longer than this becomes a question to a person. */
  readonly stuckAfterMs: number;
  /** Time limit of one call to Stripe. */
  readonly deadlineMs: number;
}

/** What every intent of this ledger bears, or is read with. */
export interface LedgerMarks {
  readonly id: string;
  readonly livemode: boolean;
}

/** What a person wants recorded about a stuck or overdue transaction. */
export interface WantedResolution {
  readonly as: Resolution['as'];
  readonly reason: string;
  readonly operator: string;
  /** The intent may be canceled at Stripe for it. */
  readonly cancelAtStripe: boolean;
  /** True: the customer is not written to, whatever is recorded. */
  readonly noEmail?: boolean;
}

export interface Context {
  readonly purpose: Purpose;
  /** With the purpose `resolve`, and only then. */
  readonly resolution: WantedResolution | null;
  /** Why a person cancels it; with the purpose `cancel`, and only then. */
  readonly cancelReason: string | null;
  readonly now: Instant;
  readonly limits: Limits;
  /** Uniform in [0, 1), for the jitter. */
  readonly uniform: number;
  /** The row was inserted by this very run: its create has not been sent yet. */
  readonly justOpened: boolean;
  /** The row, or its attempt, was begun by this very process a moment ago: no other intent of it can exist. */
  readonly begunHere: boolean;
  /** Calls already made in this run, so that no refusal is met with the same call for ever. */
  readonly made: readonly Call[];
  /** Whose ledger it is, for the marks that an intent must bear; null before it is bound. */
  readonly ledger: LedgerMarks | null;
  /** The ledger was found rolled back: what it says was never sent is not believed. */
  readonly doubted: boolean;
  /** How far Stripe's clock is ahead of `now`, in ms; 0 where nobody knows. */
  readonly stripeAheadMs: number;
  /** A signal arrived: begin nothing that moves money. */
  readonly stopping: boolean;
}

export type StopReason =
  | 'settled'
  | 'stuck'
  | 'processing'
  | 'requires_action'
  | 'absent_once'
  /** Stripe answered and left it undecided: counted (in a reconcile pass). */
  | 'undecided'
  /** Nothing proven; counted by the pass only when others get through. */
  | 'unknown'
  | 'rate_limited'
  | 'not_sent'
  | 'unauthorized'
  | 'interrupted'
  /** What a person decided is recorded; of the next four nothing is. */
  | 'resolved'
  | 'not_stuck'
  | 'illegal_resolution'
  | 'cancel_needed'
  | 'cancel_failed';

export type Decision =
  | {
      readonly kind: 'ask';
      readonly record: Transition | null;
      readonly call: Call;
      readonly firstSend: boolean;
      /** The intent that the call is about, where it is not the row's own. */
      readonly target?: string;
    }
  | {
      readonly kind: 'stop';
      /** Null when the caller decides how it is recorded (an unknown in a pass), or nothing is to be. */
      readonly record: Transition | null;
      readonly reason: StopReason;
      /** For people: what was seen. */
      readonly summary: string;
    };
