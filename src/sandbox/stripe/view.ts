import type {
  ChargeRecord,
  CustomerRecord,
  EventSubject,
  IntentRecord,
  PaymentMethodRecord,
  RefundRecord,
} from './records.ts';
import type { RefusalDetails } from './refusal.ts';
import { docUrl, renderCustomer, renderIntent, renderPaymentMethod } from './render/objects.ts';
import { renderCharge, renderRefund } from './render/charge.ts';
import type { World } from './world.ts';

/** The body of an answer, kept as the records it shows; rendered only when it is sent. */
export type View =
  | { readonly of: 'payment_intent'; readonly record: IntentRecord }
  | { readonly of: 'charge'; readonly record: ChargeRecord }
  | { readonly of: 'refund'; readonly record: RefundRecord }
  | { readonly of: 'customer'; readonly record: CustomerRecord }
  | { readonly of: 'payment_method'; readonly record: PaymentMethodRecord }
  | { readonly of: 'error'; readonly details: RefusalDetails }
  | { readonly of: 'plain'; readonly body: object };

export function renderView(view: View, world: World, requestId: string): object {
  if (view.of === 'plain') return view.body;
  if (view.of === 'error') return { error: renderError(view.details, world, requestId) };
  return view.of === 'payment_method'
    ? renderPaymentMethod(view.record, world)
    : renderSubject(view, world);
}

export function renderSubject(subject: EventSubject, world: World): object {
  switch (subject.of) {
    case 'payment_intent':
      return renderIntent(subject.record, world);
    case 'charge':
      return renderCharge(subject.record, world);
    case 'refund':
      return renderRefund(subject.record, world.findCharge);
    case 'customer':
      return renderCustomer(subject.record, world);
  }
}

function renderError(details: RefusalDetails, world: World, requestId: string): object {
  return {
    ...details.error,
    ...(details.error.code === undefined ? {} : { doc_url: docUrl(details.error.code) }),
    ...(details.intent === undefined
      ? {}
      : { payment_intent: renderIntent(details.intent, world) }),
    ...(details.method === undefined
      ? {}
      : { payment_method: renderPaymentMethod(details.method, world) }),
    request_log_url: `https://dashboard.stripe.com/${world.livemode ? '' : 'test/'}workbench/logs?object=${requestId}`,
  };
}
