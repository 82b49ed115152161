// What the sandbox keeps. Records are never changed in place: each change makes a new one, so that an answer kept
// under an idempotency key, an event and a lagging search can each hold the state they saw without a copy.

export type IntentStatus =
  | 'requires_payment_method'
  | 'requires_confirmation'
  | 'requires_action'
  | 'processing'
  | 'requires_capture'
  | 'succeeded'
  | 'canceled';

export type Metadata = Readonly<Record<string, string>>;

interface Stored {
  readonly id: string;
  /** Seconds since 1970, as Stripe says it. */
  readonly created: number;
  /** The order of creation; settles the order within one second. */
  readonly seq: number;
}

/** Why a payment attempt failed. */
export interface Failure {
  readonly code: string;
  readonly declineCode: string | null;
  readonly message: string;
}

export interface PaymentFailure extends Failure {
  readonly charge: string | null;
  readonly paymentMethod: string;
}

export interface Shipping {
  readonly name?: string;
  readonly phone?: string;
  readonly carrier?: string;
  readonly tracking_number?: string;
  readonly address?: Readonly<
    Record<'city' | 'country' | 'line1' | 'line2' | 'postal_code' | 'state', string | null>
  >;
}

export interface IntentRecord extends Stored {
  readonly amount: number;
  readonly currency: string;
  readonly customer: string | null;
  readonly description: string | null;
  readonly metadata: Metadata;
  readonly status: IntentStatus;
  readonly paymentMethod: string | null;
  readonly paymentMethodTypes: readonly string[];
  readonly allowedTypes: readonly string[] | null;
  readonly excludedTypes: readonly string[] | null;
  /** Whether methods that redirect are accepted; null when the types were named by the caller. */
  readonly redirects: 'always' | 'never' | null;
  readonly captureMethod: string;
  readonly confirmationMethod: string;
  readonly latestCharge: string | null;
  readonly lastError: PaymentFailure | null;
  readonly nextAction: 'three_d_secure' | null;
  readonly returnUrl: string | null;
  readonly canceledAt: number | null;
  readonly cancellationReason: string | null;
  readonly receiptEmail: string | null;
  readonly setupFutureUsage: string | null;
  readonly shipping: Shipping | null;
  readonly statementDescriptor: string | null;
  readonly statementDescriptorSuffix: string | null;
  readonly transferGroup: string | null;
  readonly amountReceived: number;
  readonly amountCapturable: number;
}

export interface ChargeRecord extends Stored {
  readonly intent: string;
  readonly amount: number;
  readonly currency: string;
  readonly customer: string | null;
  readonly description: string | null;
  readonly metadata: Metadata;
  readonly paymentMethod: string;
  readonly status: 'succeeded' | 'pending' | 'failed';
  readonly captured: boolean;
  readonly amountCaptured: number;
  /** Also what was authorized and not captured: Stripe gives it back. */
  readonly amountRefunded: number;
  readonly failure: Failure | null;
}

export interface PaymentMethodRecord extends Stored {
  /** The test payment method that it was made from, such as `pm_card_visa`. */
  readonly madeFrom: string;
  readonly customer: string | null;
  /** Stripe takes a method that belongs to no customer once. */
  readonly used: boolean;
}

export interface RefundRecord extends Stored {
  readonly charge: string;
  readonly intent: string;
  readonly amount: number;
  readonly currency: string;
  readonly reason: string | null;
  readonly metadata: Metadata;
  readonly status: 'succeeded' | 'pending';
}

export interface CustomerRecord extends Stored {
  readonly email: string | null;
  readonly name: string | null;
  readonly phone: string | null;
  readonly description: string | null;
  readonly metadata: Metadata;
}

/** What an event is about, as it was then. */
export type EventSubject =
  | { readonly of: 'payment_intent'; readonly record: IntentRecord }
  | { readonly of: 'charge'; readonly record: ChargeRecord }
  | { readonly of: 'refund'; readonly record: RefundRecord }
  | { readonly of: 'customer'; readonly record: CustomerRecord };

export interface EventRecord extends Stored {
  readonly type: string;
  readonly createdMs: number;
  readonly subject: EventSubject;
  readonly requestId: string | null;
  readonly idempotencyKey: string | null;
}

/** A bank debit that will be decided later. */
export interface DueRecord {
  readonly atMs: number;
  readonly intent: string;
  readonly charge: string;
}

/** An e-mail that the local SendGrid has accepted. */
export interface MailRecord {
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly to: readonly string[];
  readonly from: string;
  readonly subject: string;
  readonly text: string | null;
  readonly html: string | null;
  /** Accepted with 200 and not delivered: sandbox mode. */
  readonly sandbox_mode: boolean;
  /** The request as it was sent. */
  readonly body: unknown;
}
