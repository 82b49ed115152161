import type { ChargeOutcome, PassOutcome, ShownTransaction } from '../../../src/app/service.ts';
import type { AuditEntry, Notification } from '../../../src/app/ports.ts';
import type { Transaction } from '../../../src/domain/transaction.ts';

/** 2026-11-22 06:11:05.123 UTC, and three minutes and a bit later. */
export const createdAt = Date.UTC(2026, 10, 22, 6, 11, 5, 123);
export const now = createdAt + 200_000;

export const succeeded: Transaction = {
  id: 'txn_01JDA0B1C2D3E4F5G6H7J8K9MN',
  key: 'order-1001',
  reference: 'order-1001-ref',
  fingerprint: 'f'.repeat(64),
  status: 'succeeded',
  step: 'settled',
  amount: 4999,
  currency: 'usd',
  customer: 'cus_NffrFeUfNV2Hib',
  paymentMethod: 'pm_card_visa',
  methodTypes: ['card'],
  email: 'ada@example.com',
  description: 'Two books',
  metadata: { cart: '17', note: 'gift' },
  onSession: false,
  attempt: 1,
  intents: 0,
  absentAttempts: 0,
  paramsVersion: 2,
  session: 'off_session',
  failureKind: null,
  canceledBy: null,
  amountReceived: 4999,
  currencyReceived: 'usd',
  keyConflictAt: null,
  paymentIntent: 'pi_3MtwBwLkdIwHu7ix28a3tqPa',
  stripeStatus: 'succeeded',
  failureCode: null,
  failureMessage: null,
  createSentAt: createdAt,
  confirmSentAt: createdAt + 400,
  cancelSentAt: null,
  attempts: 1,
  lookups: 0,
  absentSince: null,
  expectedBy: null,
  nextAttemptAt: null,
  review: null,
  version: 4,
  createdAt,
  updatedAt: createdAt + 1_000,
  settledAt: createdAt + 1_000,
};

export const pending: Transaction = {
  ...succeeded,
  amountReceived: null,
  currencyReceived: null,
  status: 'pending',
  step: 'confirm_sent',
  stripeStatus: 'requires_confirmation',
  settledAt: null,
  nextAttemptAt: createdAt + 300_000,
};

const unpaid: Transaction = { ...succeeded, amountReceived: null, currencyReceived: null };

export const failed: Transaction = {
  ...unpaid,
  status: 'failed',
  failureKind: 'declined',
  stripeStatus: 'canceled',
  failureCode: 'insufficient_funds',
  failureMessage: 'Your card has insufficient funds.',
};

/** Stripe refused what was sent: no intent was made, no bank was asked. */
export const requestRefused: Transaction = {
  ...unpaid,
  status: 'failed',
  paymentIntent: null,
  stripeStatus: null,
  failureKind: 'request',
  failureCode: 'resource_missing',
  failureMessage: "No such PaymentMethod: 'pm_card_visa'",
  confirmSentAt: null,
};

export const authenticationNeeded: Transaction = {
  ...failed,
  failureKind: 'authentication',
  failureCode: 'authentication_required',
  failureMessage: 'Your card was declined. This transaction requires authentication.',
};

export const canceled: Transaction = {
  ...unpaid,
  status: 'canceled',
  stripeStatus: 'canceled',
  canceledBy: 'person',
};

/** Made at Stripe, never confirmed, canceled by the reconciler. */
export const fenced: Transaction = { ...canceled, canceledBy: 'fence', confirmSentAt: null };

export const stuck: Transaction = {
  ...pending,
  status: 'stuck',
  attempts: 5,
  nextAttemptAt: null,
  review: {
    reason: 'amount_mismatch',
    message: 'Stripe shows $50.00 where $49.99 was asked for',
    at: createdAt + 120_000,
    evidence: { expected_amount: 4999, seen_amount: 5000 },
    resolution: null,
  },
};

/** A mismatch that a person has accepted: $240.00 of $420.00. */
export const paidLess: Transaction = {
  ...succeeded,
  amount: 42_000,
  amountReceived: 24_000,
  review: {
    reason: 'resolved_by_hand',
    message: 'resolved as succeeded by Jane Doe: ok',
    at: createdAt + 150_000,
    evidence: {
      asked: 'retrieve',
      stripe_status: 'succeeded',
      amount: 42_000,
      amount_received: 24_000,
      currency: 'usd',
    },
    resolution: { as: 'succeeded', reason: 'ok', operator: 'Jane Doe', at: createdAt + 150_000 },
  },
};

export const paidOtherwise: Transaction = {
  ...paidLess,
  amountReceived: 42_002,
  currencyReceived: 'eur',
};

/** The same as a version recorded it that did not store what was received. */
export const acceptedLongAgo: Transaction = {
  ...paidLess,
  amountReceived: null,
  currencyReceived: null,
  review: {
    ...paidLess.review!,
    evidence: { asked: 'retrieve', stripe_status: 'succeeded', amount: 24_000, currency: 'eur' },
  },
};

/** Another ledger has used its key. */
export const keyConflict: Transaction = {
  ...pending,
  status: 'stuck',
  step: 'create_sent',
  paymentIntent: null,
  stripeStatus: null,
  confirmSentAt: null,
  keyConflictAt: createdAt + 1_000,
  review: {
    reason: 'key_used_elsewhere',
    message: 'Stripe knows this key with other parameters: another ledger or program has used it',
    at: createdAt + 1_000,
    evidence: {
      asked: 'create',
      http_status: 400,
      code: 'idempotency_error',
      other_intents: [
        {
          id: 'pi_3OtherOtherOtherOther',
          status: 'succeeded',
          amount: 5500,
          amount_received: 5500,
          currency: 'eur',
          created: createdAt - 3_600_000,
          matched_by: 'idempotency_key',
        },
        {
          id: 'pi_3LikeLikeLikeLikeLike',
          status: 'canceled',
          amount: 4999,
          amount_received: 0,
          currency: 'usd',
          created: createdAt - 60_000,
          matched_by: 'looks_alike',
        },
      ],
    },
    resolution: null,
  },
};

export const unknown: Transaction = {
  ...pending,
  id: 'txn_01JDA0B1C2D3E4F5G6H7J8K9MP',
  key: 'order-1002',
  reference: null,
  customer: null,
  email: null,
  description: null,
  metadata: {},
  onSession: false,
  step: 'create_sent',
  paymentIntent: null,
  stripeStatus: null,
  confirmSentAt: null,
};

export function charged(
  transaction: Transaction,
  more: Partial<ChargeOutcome> = {},
): ChargeOutcome {
  const known = transaction.status === 'stuck' ? 'stuck' : 'settled';
  const situation = transaction.status === 'pending' ? 'unknown' : known;
  return {
    transaction,
    repeated: false,
    situation,
    note: null,
    ownLimit: false,
    clientSecret: null,
    nextAction: null,
    ...more,
  };
}

export const audit: readonly AuditEntry[] = [
  {
    transactionId: succeeded.id,
    seq: 1,
    at: createdAt,
    actor: { role: 'charge', operator: 'ada', system_user: 'ada', host: 'till-1', pid: 4711 },
    action: 'opened',
    from: null,
    to: { status: 'pending', step: 'create_sent' },
    detail: { asked: 'create' },
    requestId: null,
    hash: 'a'.repeat(64),
  },
  {
    transactionId: succeeded.id,
    seq: 2,
    at: createdAt + 1_000,
    actor: { role: 'charge', operator: 'ada', system_user: 'ada', host: 'till-1', pid: 4711 },
    action: 'settled',
    from: { status: 'pending', step: 'confirm_sent' },
    to: { status: 'succeeded', step: 'settled' },
    detail: { asked: 'confirm', seen: 'succeeded', amount: 4999 },
    requestId: 'req_8dxKLKxZGVpQhB',
    hash: 'b'.repeat(64),
  },
];

export const email: Notification = {
  id: 'ntf_01JDA0B1C2D3E4F5G6H7J8K9MQ',
  transactionId: succeeded.id,
  kind: 'customer_succeeded',
  to: 'ada@example.com',
  state: 'sent',
  attempts: 1,
  createdAt: createdAt + 1_000,
  nextAttemptAt: null,
  sentAt: createdAt + 2_500,
  messageId: 'sg-1',
  lastError: null,
  data: { amount: 4999, currency: 'usd' },
};

export const shown: ShownTransaction = {
  transaction: succeeded,
  audit,
  notifications: [email],
  why: 'Stripe shows pi_3MtwBwLkdIwHu7ix28a3tqPa succeeded with this amount and currency: the customer was charged once.',
};

export const pass: PassOutcome = {
  passId: 'pas_01JDA0B1C2D3E4F5G6H7J8K9MR',
  startedAt: createdAt,
  report: {
    due: 4,
    settled: { succeeded: 2, failed: 1, canceled: 0 },
    pending: 1,
    stuck: 0,
    stripeCalls: { list: 0, retrieve: 4, other: 1 },
    notSent: 0,
    outage: false,
    stoppedBy: null,
    durationMs: 1_234,
  },
  stuckTotal: 0,
  overdueTotal: 0,
  changedTotal: 0,
  rolledBack: false,
  takeOverInMs: null,
  waiting: { tooYoung: 0, tooYoungUntil: null, later: 0, laterFrom: null },
  named: null,
  interrupted: false,
};
