import { attemptPayment } from '../attempts.ts';
import type { Call } from '../endpoint.ts';
import { checkMethod, chooseTypes, findOrMakeMethod } from '../request/method-choice.ts';
import { checkMethodChoices } from '../request/param-rules.ts';
import { flag, integer, type Params, text } from '../request/params.ts';
import type { IntentRecord } from '../records.ts';
import { invalid, unexpectedState } from '../refusal.ts';
import { readShipping } from '../request/shipping.ts';
import type { View } from '../view.ts';
import type { World } from '../world.ts';
import { intentInPath } from './intent-read.ts';

const CONFIRMABLE = ['requires_payment_method', 'requires_confirmation', 'requires_action'];

export function confirmIntent(call: Call, world: World): View {
  const intent = intentInPath(call, world);
  checkMethodChoices(call.params);
  if (intent.status === 'succeeded') {
    throw unexpectedState(
      'You cannot confirm this PaymentIntent because it has already succeeded after being previously confirmed.',
      intent,
    );
  }
  if (!CONFIRMABLE.includes(intent.status)) {
    throw unexpectedState(
      `You cannot confirm this PaymentIntent because it has a status of ${intent.status}. Only a PaymentIntent with one of the following statuses may be confirmed: requires_confirmation, requires_action.`,
      intent,
    );
  }
  return {
    of: 'payment_intent',
    record: confirmPayment(call, world, intent, (checked) => checked),
  };
}

/** Checks everything, calls `accept` with the intent that is about to be paid, and tries to pay it. */
export function confirmPayment(
  call: Call,
  world: World,
  intent: IntentRecord,
  accept: (checked: IntentRecord) => IntentRecord,
): IntentRecord {
  const { params } = call;
  const asked = integer(params, 'amount_to_confirm');
  if (asked !== null && asked !== intent.amount)
    throw invalid(
      `The amount_to_confirm (${asked}) does not match the amount of this PaymentIntent (${intent.amount}).`,
      'amount_to_confirm',
    );
  const methodName = text(params, 'payment_method') ?? intent.paymentMethod;
  if (methodName === null) {
    throw unexpectedState(
      "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a payment method or ConfirmationToken.",
      intent,
    );
  }
  const method = findOrMakeMethod(world, methodName);
  const changed: IntentRecord = {
    ...intent,
    ...chooseTypes(params, intent.currency, intent),
    ...changes(params),
    paymentMethod: method.id,
  };
  checkMethod(changed, method, params);
  return attemptPayment(world, accept(changed), method, {
    offSession: params['off_session'] !== undefined && params['off_session'] !== false,
    errorOnRequiresAction: flag(params, 'error_on_requires_action'),
    cause: call.cause,
    ordered: call.decline,
  });
}

function changes(params: Params): Partial<IntentRecord> {
  const captureMethod = text(params, 'capture_method');
  const receiptEmail = text(params, 'receipt_email');
  const returnUrl = text(params, 'return_url');
  const setupFutureUsage = text(params, 'setup_future_usage');
  return {
    ...(captureMethod === null ? {} : { captureMethod }),
    ...(receiptEmail === null ? {} : { receiptEmail }),
    ...(returnUrl === null ? {} : { returnUrl }),
    ...(setupFutureUsage === null ? {} : { setupFutureUsage }),
    ...(params['shipping'] === undefined ? {} : { shipping: readShipping(params) }),
  };
}
