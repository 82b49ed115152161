import type { Answer, IntentSnapshot } from '../../src/domain/answer.ts';
import type { Context, Limits } from '../../src/domain/decide/decision.ts';
import type { Transaction } from '../../src/domain/transaction.ts';

/** A fixed instant, so that failures read the same on every day. */
export const NOW = Date.UTC(2026, 0, 15, 12, 0, 0);

export const LEDGER = { id: 'led_01KF0000000000000000000000', livemode: false };

export const LIMITS: Limits = {
  maxAttempts: 5,
  backoffBaseMs: 60_000,
  backoffCapMs: 3_600_000,
  stuckAfterMs: 86_400_000,
  deadlineMs: 20_000,
};

export function aTransaction(changes: Partial<Transaction> = {}): Transaction {
  return {
    id: 'txn_01KF0000000000000000000000',
    key: 'order-1',
    fingerprint: 'f'.repeat(64),
    reference: null,
    amount: 4999,
    currency: 'usd',
    customer: null,
    paymentMethod: 'pm_card_visa',
    methodTypes: ['card'],
    email: 'ada@example.com',
    description: null,
    metadata: {},
    onSession: false,
    attempt: 1,
    intents: 0,
    absentAttempts: 0,
    paramsVersion: 2,
    session: 'off_session',
    failureKind: null,
    canceledBy: null,
    amountReceived: null,
    currencyReceived: null,
    keyConflictAt: null,
    status: 'pending',
    step: 'create_sent',
    paymentIntent: null,
    stripeStatus: null,
    failureCode: null,
    failureMessage: null,
    createSentAt: NOW - 600_000,
    confirmSentAt: null,
    cancelSentAt: null,
    attempts: 0,
    lookups: 0,
    absentSince: null,
    expectedBy: null,
    nextAttemptAt: NOW - 600_000,
    review: null,
    version: 1,
    createdAt: NOW - 600_000,
    updatedAt: NOW - 600_000,
    settledAt: null,
    ...changes,
  };
}

/** A row whose confirm was sent and whose answer was lost. */
export function aConfirmSent(changes: Partial<Transaction> = {}): Transaction {
  return aTransaction({
    step: 'confirm_sent',
    paymentIntent: 'pi_1',
    stripeStatus: 'requires_confirmation',
    confirmSentAt: NOW - 600_000,
    version: 2,
    ...changes,
  });
}

export function anIntent(changes: Partial<IntentSnapshot> = {}): IntentSnapshot {
  return {
    id: 'pi_1',
    status: 'requires_confirmation',
    amount: 4999,
    currency: 'usd',
    created: (NOW - 600_000) / 1000,
    customer: null,
    paymentMethod: 'pm_card_visa',
    paymentMethodTypes: ['card'],
    metadata: {
      payrecon_transaction: 'txn_01KF0000000000000000000000',
      payrecon_ledger: LEDGER.id,
      payrecon_attempt: '1',
    },
    lastError: null,
    cancellationReason: null,
    latestCharge: null,
    amountReceived: changes.status === 'succeeded' ? (changes.amount ?? 4999) : 0,
    livemode: false,
    clientSecret: null,
    nextAction: null,
    ...changes,
  };
}

export function sawIntent(
  changes: Partial<IntentSnapshot> = {},
  replayed = false,
): Extract<Answer, { kind: 'intent' }> {
  return { kind: 'intent', intent: anIntent(changes), requestId: 'req_1', replayed };
}

export function sawUnknown(
  changes: Partial<Extract<Answer, { kind: 'unknown' }>> = {},
): Extract<Answer, { kind: 'unknown' }> {
  return {
    kind: 'unknown',
    reason: 'timeout',
    effect: 'unknown',
    answered: false,
    httpStatus: null,
    rateLimitedReason: null,
    shouldRetry: null,
    requestId: null,
    message: 'timed out',
    ...changes,
  };
}

export function aContext(changes: Partial<Context> = {}): Context {
  return {
    purpose: 'reconcile',
    resolution: null,
    cancelReason: null,
    now: NOW,
    limits: LIMITS,
    uniform: 0.5,
    justOpened: false,
    begunHere: false,
    made: [],
    ledger: LEDGER,
    doubted: false,
    stripeAheadMs: 0,
    stopping: false,
    ...changes,
  };
}
