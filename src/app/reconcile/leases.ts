import { BugError, PayreconError } from '../../domain/errors.ts';
import type { Claimed, Clock, Lease, Ledger } from '../ports.ts';

/** A third of the lease: two renewals may fail before it is lost. */
export const RENEW_EVERY_MS = 30_000;

/** The leases a pass holds at one time, renewed in the background until each is let go. */
export interface HeldLeases {
  leaseOf(transactionId: string): Lease;
  /** Its last write gave the lease back. */
  forget(transactionId: string): void;
  /** Gives back what is still held and stops renewing. */
  close(): Promise<void>;
}

export function holdLeases(ledger: Ledger, clock: Clock, claims: readonly Claimed[]): HeldLeases {
  const held = new Map(claims.map((claimed) => [claimed.transaction.id, claimed.lease]));
  const last = new Map(held);
  const ending = new AbortController();
  const renewing = renewUntil(ending.signal);

  async function renewUntil(signal: AbortSignal): Promise<void> {
    for (;;) {
      await clock.sleep(RENEW_EVERY_MS, signal);
      if (signal.aborted) return;
      for (const lease of await renewed()) {
        if (held.has(lease.transactionId)) held.set(lease.transactionId, lease);
        last.set(lease.transactionId, lease);
      }
    }
  }

  /** A database that is away for a moment costs one renewal; the lease lasts for three. */
  async function renewed(): Promise<readonly Lease[]> {
    try {
      return await ledger.renew([...held.values()]);
    } catch (error) {
      if (error instanceof PayreconError) return [];
      throw error;
    }
  }

  return {
    leaseOf(transactionId) {
      const lease = last.get(transactionId);
      if (lease === undefined) throw new BugError(`no lease was claimed for ${transactionId}`);
      return lease;
    },
    forget(transactionId) {
      held.delete(transactionId);
    },
    async close() {
      ending.abort();
      await renewing;
      if (held.size > 0) await ledger.release([...held.values()]);
      held.clear();
    },
  };
}
