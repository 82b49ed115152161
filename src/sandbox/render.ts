// Records as Stripe shows them in API version 2026-10-28.endive. A test compares these shapes with the type
// declarations of the `stripe` package.
import {
  type ChargeRecord, type CustomerRecord, type EventRecord, type EventSubject, type IntentRecord, type PaymentFailure, type PaymentMethodRecord,
  type RefundRecord,
} from './records.ts';
import { renderPaymentMethodDetails } from './render-method-details.ts';

export const API_VERSION = '2026-10-28.endive';

export type FindMethod = (id: string) => PaymentMethodRecord | undefined;
export type PaymentIntentView = ReturnType<typeof renderIntent>;
export type ChargeView = ReturnType<typeof renderCharge>;
export type RefundView = ReturnType<typeof renderRefund>;

export function renderIntent(record: IntentRecord, findMethod: FindMethod) {
  return {
    id: record.id,
    object: 'payment_intent' as const,
    allowed_payment_method_types: record.allowedTypes === null ? null : [...record.allowedTypes],
    amount: record.amount,
    amount_capturable: record.amountCapturable,
    amount_details: { tip: {} },
    amount_received: record.amountReceived,
    application: null,
    application_fee_amount: null,
    automatic_payment_methods: record.redirects === null ? null : { allow_redirects: record.redirects, enabled: true },
    canceled_at: record.canceledAt,
    cancellation_reason: record.cancellationReason,
    capture_method: record.captureMethod,
    client_secret: `${record.id}_secret_${[...record.id.slice(-16)].reverse().join('')}`,
    confirmation_method: record.confirmationMethod,
    created: record.created,
    currency: record.currency,
    customer: record.customer,
    customer_account: null,
    description: record.description,
    excluded_payment_method_types: record.excludedTypes === null ? null : [...record.excludedTypes],
    last_payment_error: record.lastError === null ? null : renderPaymentError(record.lastError, findMethod),
    latest_charge: record.latestCharge,
    livemode: false,
    managed_payments: null,
    metadata: { ...record.metadata },
    next_action: renderNextAction(record),
    on_behalf_of: null,
    payment_method: record.paymentMethod,
    payment_method_configuration_details: null,
    payment_method_options: {},
    payment_method_types: [...record.paymentMethodTypes],
    payment_record: null,
    processing: null,
    receipt_email: record.receiptEmail,
    review: null,
    setup_future_usage: record.setupFutureUsage,
    shipping: record.shipping,
    source: null,
    statement_descriptor: record.statementDescriptor,
    statement_descriptor_suffix: record.statementDescriptorSuffix,
    status: record.status,
    transfer_data: null,
    transfer_group: record.transferGroup,
  };
}

function renderPaymentError(failure: PaymentFailure, findMethod: FindMethod) {
  const method = findMethod(failure.paymentMethod);
  return {
    ...(failure.charge === null ? {} : { charge: failure.charge }),
    code: failure.code,
    ...(failure.declineCode === null ? {} : { decline_code: failure.declineCode }),
    doc_url: docUrl(failure.code),
    message: failure.message,
    ...(method === undefined ? {} : { payment_method: renderPaymentMethod(method) }),
    type: 'card_error' as const,
  };
}

function renderNextAction(record: IntentRecord) {
  if (record.nextAction === null) return null;
  const url = `https://hooks.stripe.com/3d_secure_2/hosted?merchant=acct_sandbox&payment_intent=${record.id}`;
  if (record.returnUrl === null) return { type: 'use_stripe_sdk', use_stripe_sdk: { type: 'three_d_secure_redirect', stripe_js: url } };
  return { type: 'redirect_to_url', redirect_to_url: { return_url: record.returnUrl, url } };
}

export function docUrl(code: string): string {
  return `https://docs.stripe.com/error-codes/${code.replaceAll('_', '-')}`;
}

const NO_BILLING_DETAILS = {
  address: { city: null, country: null, line1: null, line2: null, postal_code: null, state: null },
  email: null,
  name: null,
  phone: null,
  tax_id: null,
};

export function renderPaymentMethod(record: PaymentMethodRecord) {
  return {
    id: record.id,
    object: 'payment_method' as const,
    allow_redisplay: 'unspecified' as const,
    billing_details: NO_BILLING_DETAILS,
    created: record.created,
    customer: record.customer,
    customer_account: null,
    livemode: false,
    metadata: {},
    ...renderPaymentMethodDetails(record.madeFrom),
  };
}

export function renderCharge(record: ChargeRecord, findMethod: FindMethod) {
  const succeeded = record.status === 'succeeded';
  const method = findMethod(record.paymentMethod);
  return {
    id: record.id,
    object: 'charge' as const,
    amount: record.amount,
    amount_captured: record.captured ? record.amount : 0,
    amount_refunded: record.amountRefunded,
    application: null,
    application_fee: null,
    application_fee_amount: null,
    balance_transaction: succeeded && record.captured ? record.id.replace(/^(ch|py)_/, 'txn_') : null,
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
    livemode: false,
    metadata: { ...record.metadata },
    on_behalf_of: null,
    outcome: renderOutcome(record),
    paid: succeeded,
    payment_intent: record.intent,
    payment_method: record.paymentMethod,
    payment_method_details: method === undefined ? null : renderPaymentMethodDetails(method.madeFrom),
    receipt_email: null,
    receipt_number: null,
    receipt_url: null,
    refunded: record.amountRefunded === record.amount,
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

function renderOutcome(record: ChargeRecord) {
  if (record.failure === null) {
    return { advice_code: null, network_advice_code: null, network_decline_code: null, network_status: 'approved_by_network', reason: null, risk_level: 'normal', seller_message: 'Payment complete.', type: 'authorized' };
  }
  return { advice_code: null, network_advice_code: null, network_decline_code: null, network_status: 'declined_by_network', reason: record.failure.declineCode ?? record.failure.code, risk_level: 'normal', seller_message: 'The bank did not return any further details with this decline.', type: 'issuer_declined' };
}

export function renderRefund(record: RefundRecord, findCharge: (id: string) => ChargeRecord | undefined) {
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

export function renderCustomer(record: CustomerRecord) {
  return {
    id: record.id,
    object: 'customer' as const,
    address: null,
    balance: 0,
    created: record.created,
    currency: null,
    default_source: null,
    delinquent: false,
    description: record.description,
    discount: null,
    email: record.email,
    invoice_prefix: record.id.slice(-8).toUpperCase(),
    invoice_settings: { custom_fields: null, default_payment_method: null, footer: null, rendering_options: null },
    livemode: false,
    metadata: { ...record.metadata },
    name: record.name,
    next_invoice_sequence: 1,
    phone: record.phone,
    preferred_locales: [],
    shipping: null,
    tax_exempt: 'none' as const,
    test_clock: null,
  };
}

export function renderEvent(record: EventRecord, renderSubject: (subject: EventSubject) => object) {
  return {
    id: record.id,
    object: 'event' as const,
    api_version: API_VERSION,
    created: record.created,
    data: { object: renderSubject(record.subject) },
    livemode: false,
    pending_webhooks: 0,
    request: { id: record.requestId, idempotency_key: record.idempotencyKey },
    type: record.type,
  };
}
