import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock, LookUp } from '../../src/app/ports.ts';
import type { Transaction } from '../../src/domain/transaction.ts';
import { openGateway, type GatewayOptions } from '../../src/stripe/gateway.ts';

export const SECRET = 'sk_test_51Secret0123456789abcdef';

export const realClock: Clock = {
  monotonicMs: () => performance.now(),
  sleep: async (ms, signal) => {
    await sleep(ms, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
  },
};

export function gatewayAt(
  apiBase: string,
  more: Partial<GatewayOptions> = {},
): ReturnType<typeof openGateway> {
  return openGateway({
    secretKey: SECRET,
    apiBase,
    deadlineMs: 5_000,
    requestsPerSecond: 10_000,
    endpointRequestsPerSecond: 10_000,
    clock: realClock,
    ...more,
  });
}

export function transaction(more: Partial<Transaction> = {}): Transaction {
  return {
    id: 'txn_01HZX5J4E9K4M2N8P0Q6R7S8T9',
    key: 'order-1',
    reference: null,
    amount: 4999,
    currency: 'usd',
    customer: 'cus_1',
    paymentMethod: 'pm_card_visa',
    methodTypes: ['card'],
    email: 'ann@example.com',
    description: 'Two chairs',
    metadata: { shop: 'north' },
    onSession: false,
    attempt: 1,
    intents: 0,
    absentAttempts: 0,
    // As rows of the first versions send: what goes out for them may never change.
    paramsVersion: 1,
    session: null,
    failureKind: null,
    canceledBy: null,
    amountReceived: null,
    currencyReceived: null,
    keyConflictAt: null,
    fingerprint: 'f'.repeat(64),
    status: 'pending',
    step: 'created',
    paymentIntent: 'pi_1',
    stripeStatus: null,
    failureCode: null,
    failureMessage: null,
    createSentAt: null,
    confirmSentAt: null,
    cancelSentAt: null,
    attempts: 0,
    lookups: 0,
    absentSince: null,
    expectedBy: null,
    nextAttemptAt: null,
    review: null,
    version: 3,
    createdAt: 0,
    updatedAt: 0,
    settledAt: null,
    ...more,
  };
}

export function intent(more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    id: 'pi_1',
    object: 'payment_intent',
    status: 'succeeded',
    amount: 4999,
    amount_received: 4999,
    currency: 'usd',
    livemode: false,
    client_secret: 'pi_1_secret_x',
    created: 1_700_000_000,
    customer: 'cus_1',
    payment_method: 'pm_1',
    payment_method_types: ['card'],
    metadata: { shop: 'north', payrecon_transaction: 'txn_01HZX5J4E9K4M2N8P0Q6R7S8T9' },
    last_payment_error: null,
    cancellation_reason: null,
    latest_charge: 'ch_1',
    ...more,
  };
}

export function query(more: Partial<LookUp> = {}): LookUp {
  return {
    transactionId: 'txn_01HZX5J4E9K4M2N8P0Q6R7S8T9',
    paymentIntent: 'pi_1',
    customer: null,
    createdFrom: 1_700_000_000_000,
    createdTo: 1_700_000_060_000,
    ...more,
  };
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
