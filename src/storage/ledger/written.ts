import type { Lease } from '../../app/ports.ts';
import type { JsonObject, Transaction } from '../../domain/transaction.ts';
import type { Transition } from '../../domain/transition.ts';
import type { QueuedNotification } from './notification-insert.ts';

/** One transition on its way into the ledger. */
export interface Recording {
  readonly current: Transaction;
  readonly lease: Lease;
  readonly transition: Transition;
  readonly actor: JsonObject;
  /** The row as it will be, but for what the database's clock sets. */
  readonly next: Transaction;
  readonly detail: JsonObject;
  readonly mails: readonly QueuedNotification[];
  /** The reference is held by another row; see the index transactions_reference_held. */
  readonly referenceShared: boolean;
}
