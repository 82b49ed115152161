import { randomUUID } from 'node:crypto';
import type { Actor, Claimed, OpenResult, RecordResult } from '../../src/app/ports.ts';
import type { ChargeRequest, Transaction } from '../../src/domain/transaction.ts';
import type { Transition } from '../../src/domain/transition.ts';
import type { Storage } from '../../src/storage/open.ts';

export const actor: Actor = {
  role: 'charge',
  operator: 'ada',
  systemUser: 'root',
  host: 'host-a',
  pid: 4711,
};
export const reconciler: Actor = { ...actor, role: 'reconcile', host: 'host-b', pid: 4712 };

/** Off, so that a test which is about something else may repeat itself. */
export const noGuard = { windowMs: 0, allow: false };
export const guard = { windowMs: 600_000, allow: false };

export function aRequest(changes: Partial<ChargeRequest> = {}): ChargeRequest {
  return {
    key: `key-${randomUUID()}`,
    reference: null,
    amount: 4999,
    currency: 'usd',
    customer: null,
    paymentMethod: `pm_${randomUUID()}`,
    methodTypes: ['card'],
    email: 'ada@example.com',
    description: 'A thing',
    metadata: { order: '17', basket: 'b' },
    onSession: false,
    ...changes,
  };
}

export function aTransition(changes: Partial<Transition> = {}): Transition {
  return {
    action: 'observed',
    changes: {},
    stamps: {},
    detail: {},
    requestId: null,
    notifications: [],
    release: false,
    ...changes,
  };
}

export async function openOne(
  storage: Pick<Storage, 'ledger'>,
  request: ChargeRequest = aRequest(),
): Promise<Claimed> {
  const result = await storage.ledger.open(request, 'f'.repeat(64), noGuard, actor);
  if (result.kind !== 'opened') throw new Error(`not opened: ${result.kind}`);
  return result;
}

export async function recordOne(
  storage: Pick<Storage, 'ledger'>,
  claimed: Pick<Claimed, 'transaction' | 'lease'>,
  transition: Transition,
): Promise<Transaction> {
  return recorded(
    await storage.ledger.record(claimed.transaction, claimed.lease, transition, actor),
  ).transaction;
}

export function recorded(result: RecordResult): Extract<RecordResult, { kind: 'recorded' }> {
  if (result.kind !== 'recorded') throw new Error(`not recorded: ${result.kind}`);
  return result;
}

export function opened(result: OpenResult): Extract<OpenResult, { kind: 'opened' }> {
  if (result.kind !== 'opened') throw new Error(`not opened: ${result.kind}`);
  return result;
}

export const succeeded: Transition = aTransition({
  action: 'settled',
  changes: { status: 'succeeded', step: 'settled' },
  stamps: { settledAt: 'now', nextAttempt: 'never' },
  release: true,
});

export const failed: Transition = aTransition({
  action: 'settled',
  changes: {
    status: 'failed',
    step: 'settled',
    failureCode: 'insufficient_funds',
    failureMessage: 'Your card has insufficient funds.',
  },
  stamps: { settledAt: 'now', nextAttempt: 'never' },
  release: true,
});

export const stuck: Transition = aTransition({
  action: 'marked_stuck',
  changes: {
    status: 'stuck',
    review: {
      reason: 'undecided',
      message: 'Five answers, none of them final.',
      at: 5,
      evidence: { statuses: ['processing'] },
      resolution: null,
    },
  },
  stamps: { nextAttempt: 'never' },
  notifications: ['operator_stuck'],
  release: true,
});
