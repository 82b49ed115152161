import type { ChargeRecord, IntentRecord } from './records.ts';

type Given = Pick<
  IntentRecord,
  | 'id'
  | 'created'
  | 'seq'
  | 'amount'
  | 'currency'
  | 'status'
  | 'paymentMethod'
  | 'paymentMethodTypes'
  | 'allowedTypes'
  | 'metadata'
>;

/** Every field of a record, in one order. */
const BLANK: IntentRecord = {
  id: '',
  created: 0,
  seq: 0,
  amount: 0,
  currency: '',
  customer: null,
  description: null,
  metadata: {},
  status: 'requires_payment_method',
  paymentMethod: null,
  paymentMethodTypes: [],
  allowedTypes: null,
  excludedTypes: null,
  redirects: null,
  captureMethod: 'automatic_async',
  confirmationMethod: 'automatic',
  latestCharge: null,
  lastError: null,
  nextAction: null,
  returnUrl: null,
  canceledAt: null,
  cancellationReason: null,
  receiptEmail: null,
  setupFutureUsage: null,
  shipping: null,
  statementDescriptor: null,
  statementDescriptorSuffix: null,
  transferGroup: null,
  amountReceived: 0,
  amountCapturable: 0,
};

/**
 * A record that begins as a copy of the whole form. Adding thirty fields one by one to the copy of a few makes an object
 * that is ten times as large and slow, which counts with 200,000 of them.
 */
export function newIntent(given: Given & Partial<IntentRecord>): IntentRecord {
  return { ...BLANK, ...given };
}

type Place = Pick<ChargeRecord, 'id' | 'created' | 'seq'>;
type ChargeOutcome = Pick<ChargeRecord, 'status' | 'captured' | 'failure'>;

/** A charge of the whole amount; written out for the same reason. */
export function newCharge(
  place: Place,
  intent: IntentRecord,
  paymentMethod: string,
  outcome: ChargeOutcome,
): ChargeRecord {
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
    amountCaptured: outcome.captured ? intent.amount : 0,
    amountRefunded: 0,
    failure: outcome.failure,
  };
}
