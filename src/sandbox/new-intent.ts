import { type ChargeRecord, type IntentRecord } from './records.ts';

type Given = Pick<
  IntentRecord,
  'id' | 'created' | 'seq' | 'amount' | 'currency' | 'status' | 'paymentMethod' | 'paymentMethodTypes' | 'allowedTypes' | 'metadata'
>;

/**
 * A record with every field, in one order and written out: a spread into a new literal of this size makes an object
 * that is ten times as large and slow, which counts with 200,000 of them.
 */
export function newIntent(given: Given & Partial<IntentRecord>): IntentRecord {
  return {
    id: given.id,
    created: given.created,
    seq: given.seq,
    amount: given.amount,
    currency: given.currency,
    customer: given.customer ?? null,
    description: given.description ?? null,
    metadata: given.metadata,
    status: given.status,
    paymentMethod: given.paymentMethod,
    paymentMethodTypes: given.paymentMethodTypes,
    allowedTypes: given.allowedTypes,
    excludedTypes: given.excludedTypes ?? null,
    redirects: given.redirects ?? null,
    captureMethod: given.captureMethod ?? 'automatic_async',
    confirmationMethod: given.confirmationMethod ?? 'automatic',
    latestCharge: given.latestCharge ?? null,
    lastError: given.lastError ?? null,
    nextAction: given.nextAction ?? null,
    returnUrl: given.returnUrl ?? null,
    canceledAt: given.canceledAt ?? null,
    cancellationReason: given.cancellationReason ?? null,
    receiptEmail: given.receiptEmail ?? null,
    setupFutureUsage: given.setupFutureUsage ?? null,
    shipping: given.shipping ?? null,
    statementDescriptor: given.statementDescriptor ?? null,
    statementDescriptorSuffix: given.statementDescriptorSuffix ?? null,
    transferGroup: given.transferGroup ?? null,
    amountReceived: given.amountReceived ?? 0,
    amountCapturable: given.amountCapturable ?? 0,
  };
}

type Place = Pick<ChargeRecord, 'id' | 'created' | 'seq'>;
type ChargeOutcome = Pick<ChargeRecord, 'status' | 'captured' | 'failure'>;

/** A charge of the whole amount; written out for the same reason. */
export function newCharge(place: Place, intent: IntentRecord, paymentMethod: string, outcome: ChargeOutcome): ChargeRecord {
  return {
    id: place.id,
    created: place.created,
    seq: place.seq,
    intent: intent.id,
    amount: intent.amount,
    currency: intent.currency,
    customer: intent.customer,
    description: intent.description,
    metadata: intent.metadata,
    paymentMethod,
    status: outcome.status,
    captured: outcome.captured,
    amountRefunded: 0,
    failure: outcome.failure,
  };
}
