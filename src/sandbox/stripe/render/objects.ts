// Records as Stripe shows them in API version 2026-10-28.endive. A test compares these shapes with the type
// declarations of the `stripe` package.
import type {
  CustomerRecord,
  EventRecord,
  EventSubject,
  IntentRecord,
  PaymentFailure,
  PaymentMethodRecord,
} from '../records.ts';
import { renderPaymentMethodDetails } from './method-details.ts';

export const API_VERSION = '2026-10-28.endive';

/** Where a record is shown: what it refers to, and the mode. */
export interface Surroundings {
  readonly livemode: boolean;
  readonly findMethod: (id: string) => PaymentMethodRecord | undefined;
}
export type PaymentIntentView = ReturnType<typeof renderIntent>;

export function renderIntent(record: IntentRecord, around: Surroundings) {
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
    automatic_payment_methods:
      record.redirects === null ? null : { allow_redirects: record.redirects, enabled: true },
    canceled_at: record.canceledAt,
    cancellation_reason: record.cancellationReason,
    capture_method: record.captureMethod,
    client_secret: `${record.id}_secret_${Array.from(record.id.slice(-16)).reverse().join('')}`,
    confirmation_method: record.confirmationMethod,
    created: record.created,
    currency: record.currency,
    customer: record.customer,
    customer_account: null,
    description: record.description,
    excluded_payment_method_types: record.excludedTypes === null ? null : [...record.excludedTypes],
    last_payment_error:
      record.lastError === null ? null : renderPaymentError(record.lastError, around),
    latest_charge: record.latestCharge,
    livemode: around.livemode,
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

function renderPaymentError(failure: PaymentFailure, around: Surroundings) {
  const method = around.findMethod(failure.paymentMethod);
  return {
    ...(failure.charge === null ? {} : { charge: failure.charge }),
    code: failure.code,
    ...(failure.declineCode === null ? {} : { decline_code: failure.declineCode }),
    doc_url: docUrl(failure.code),
    message: failure.message,
    ...(method === undefined ? {} : { payment_method: renderPaymentMethod(method, around) }),
    type: 'card_error' as const,
  };
}

function renderNextAction(record: IntentRecord) {
  if (record.nextAction === null) return null;
  const url = `https://hooks.stripe.com/3d_secure_2/hosted?merchant=acct_sandbox&payment_intent=${record.id}`;
  if (record.returnUrl === null)
    return {
      type: 'use_stripe_sdk',
      use_stripe_sdk: { type: 'three_d_secure_redirect', stripe_js: url },
    };
  return { type: 'redirect_to_url', redirect_to_url: { return_url: record.returnUrl, url } };
}

export function docUrl(code: string): string {
  return `https://docs.stripe.com/error-codes/${code.replaceAll('_', '-')}`;
}

export const NO_BILLING_DETAILS = {
  address: { city: null, country: null, line1: null, line2: null, postal_code: null, state: null },
  email: null,
  name: null,
  phone: null,
  tax_id: null,
};

export function renderPaymentMethod(
  record: PaymentMethodRecord,
  around: Pick<Surroundings, 'livemode'>,
) {
  return {
    id: record.id,
    object: 'payment_method' as const,
    allow_redisplay: 'unspecified' as const,
    billing_details: NO_BILLING_DETAILS,
    created: record.created,
    customer: record.customer,
    customer_account: null,
    livemode: around.livemode,
    metadata: {},
    ...renderPaymentMethodDetails(record.madeFrom),
  };
}

export function renderCustomer(record: CustomerRecord, around: Pick<Surroundings, 'livemode'>) {
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
    invoice_settings: {
      custom_fields: null,
      default_payment_method: null,
      footer: null,
      rendering_options: null,
    },
    livemode: around.livemode,
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

export function renderEvent(
  record: EventRecord,
  livemode: boolean,
  renderSubject: (subject: EventSubject) => object,
) {
  return {
    id: record.id,
    object: 'event' as const,
    api_version: API_VERSION,
    created: record.created,
    data: { object: renderSubject(record.subject) },
    livemode,
    pending_webhooks: 0,
    request: { id: record.requestId, idempotency_key: record.idempotencyKey },
    type: record.type,
  };
}
