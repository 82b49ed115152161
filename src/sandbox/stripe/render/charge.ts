import type { ChargeRecord, RefundRecord } from '../records.ts';
import { NO_BILLING_DETAILS, type Surroundings } from './objects.ts';
import { renderChargeMethodDetails } from './method-details.ts';

/** What a charge collected and has not given back. */
export function leftToRefund({ amount, amountCaptured, amountRefunded }: ChargeRecord): number {
  const released = Math.max(0, amount - amountCaptured);
  return amountCaptured + released - amountRefunded;
}

export type ChargeView = ReturnType<typeof renderCharge>;
export type RefundView = ReturnType<typeof renderRefund>;

export function renderCharge(record: ChargeRecord, around: Surroundings) {
  const succeeded = record.status === 'succeeded';
  const method = around.findMethod(record.paymentMethod);
  return {
    id: record.id,
    object: 'charge' as const,
    amount: record.amount,
    amount_captured: record.amountCaptured,
    amount_refunded: record.amountRefunded,
    application: null,
    application_fee: null,
    application_fee_amount: null,
    balance_transaction:
      succeeded && record.captured ? record.id.replace(/^(ch|py)_/, 'txn_') : null,
    billing_details: NO_BILLING_DETAILS,
    calculated_statement_descriptor: 'SANDBOX',
    captured: record.captured,
    created: record.created,
    currency: record.currency,
    customer: record.customer,
    description: record.description,
    disputed: false,
    failure_balance_transaction: null,
    failure_code: record.failure?.code ?? null,
    failure_message: record.failure?.message ?? null,
    fraud_details: {},
    livemode: around.livemode,
    metadata: { ...record.metadata },
    on_behalf_of: null,
    outcome: renderOutcome(record),
    paid: succeeded,
    payment_intent: record.intent,
    payment_method: record.paymentMethod,
    payment_method_details:
      method === undefined ? null : renderChargeMethodDetails(method.madeFrom, record.amount),
    receipt_email: null,
    receipt_number: null,
    receipt_url: null,
    refunded: record.amountRefunded > 0 && leftToRefund(record) <= 0,
    review: null,
    shipping: null,
    source: null,
    source_transfer: null,
    statement_descriptor: null,
    statement_descriptor_suffix: null,
    status: record.status,
    transfer_data: null,
    transfer_group: null,
  };
}

const NO_ADVICE = { advice_code: null, network_advice_code: null, network_decline_code: null };

function renderOutcome(record: ChargeRecord) {
  if (record.failure === null) {
    return {
      ...NO_ADVICE,
      network_status: 'approved_by_network',
      reason: null,
      risk_level: 'normal',
      seller_message: 'Payment complete.',
      type: 'authorized',
    };
  }
  return {
    ...NO_ADVICE,
    network_status: 'declined_by_network',
    reason: record.failure.declineCode ?? record.failure.code,
    risk_level: 'normal',
    seller_message: 'The bank did not return any further details with this decline.',
    type: 'issuer_declined',
  };
}

export function renderRefund(
  record: RefundRecord,
  findCharge: (id: string) => ChargeRecord | undefined,
) {
  const charge = findCharge(record.charge);
  return {
    id: record.id,
    object: 'refund' as const,
    amount: record.amount,
    balance_transaction: record.id.replace(/^re_/, 'txn_'),
    charge: record.charge,
    created: record.created,
    currency: record.currency,
    customer: charge?.customer ?? null,
    customer_account: null,
    destination_details: { type: record.charge.startsWith('py_') ? 'us_bank_transfer' : 'card' },
    metadata: { ...record.metadata },
    payment_intent: record.intent,
    payment_method: charge?.paymentMethod ?? null,
    reason: record.reason,
    receipt_number: null,
    source_transfer_reversal: null,
    status: record.status,
    transfer_reversal: null,
  };
}
