import type { Call } from '../endpoint.ts';
import { chooseTypes, findOrMakeMethod } from '../request/method-choice.ts';
import {
  checkAmount,
  checkCurrency,
  checkDescription,
  checkMethodChoices,
  mergeMetadata,
} from '../request/param-rules.ts';
import { integer, type Params, text } from '../request/params.ts';
import type { IntentRecord } from '../records.ts';
import { noSuch } from '../no-such.ts';
import { unexpectedState } from '../refusal.ts';
import { readShipping } from '../request/shipping.ts';
import type { View } from '../view.ts';
import type { World } from '../world.ts';
import { intentInPath } from './intent-read.ts';

/** What can be changed when the payment is under way or over. */
const ALWAYS = ['metadata', 'description', 'receipt_email', 'shipping', 'transfer_group', 'expand'];
const OPEN = ['requires_payment_method', 'requires_confirmation', 'requires_action'];

export function updateIntent(call: Call, world: World): View {
  const { params } = call;
  const intent = intentInPath(call, world);
  const fixed = Object.keys(params).filter((name) => !ALWAYS.includes(name));
  if (fixed.length > 0 && !OPEN.includes(intent.status)) {
    throw unexpectedState(
      `This PaymentIntent's ${fixed.join(', ')} could not be updated because it has a status of ${intent.status}. You may only update the ${fixed.join(', ')} of a PaymentIntent with one of the following statuses: ${OPEN.join(', ')}.`,
      intent,
    );
  }
  checkMethodChoices(params);
  checkDescription(params);
  const customer = text(params, 'customer');
  if (customer !== null && world.customers.get(customer) === undefined)
    throw noSuch(world, { kind: 'customer', id: customer, param: 'customer', status: 400 });
  const updated: IntentRecord = {
    ...intent,
    ...updateMoney(params, intent),
    ...replaced(params),
    metadata: mergeMetadata(intent.metadata, params),
    ...updateMethod(params, intent, world),
    // Stripe forgets why the last attempt failed with any update.
    lastError: null,
  };
  world.putIntent(updated);
  return { of: 'payment_intent', record: updated };
}

function updateMoney(params: Params, intent: IntentRecord): Partial<IntentRecord> {
  const currency = checkCurrency(text(params, 'currency') ?? intent.currency);
  const amount = checkAmount(integer(params, 'amount') ?? intent.amount, currency);
  return OPEN.includes(intent.status)
    ? { amount, currency, ...chooseTypes(params, currency, intent) }
    : {};
}

function updateMethod(params: Params, intent: IntentRecord, world: World): Partial<IntentRecord> {
  const given = params['payment_method'];
  if (given === '')
    return { paymentMethod: null, status: 'requires_payment_method', nextAction: null };
  const name = text(params, 'payment_method');
  if (name !== null)
    return {
      paymentMethod: findOrMakeMethod(world, name).id,
      status: 'requires_confirmation',
      nextAction: null,
    };
  // Other money than the customer has agreed to is asked again.
  const asksAgain =
    intent.status === 'requires_action' &&
    (params['amount'] !== undefined || params['currency'] !== undefined);
  return asksAgain ? { status: 'requires_confirmation', nextAction: null } : {};
}

const TEXTS = [
  ['customer', 'customer'],
  ['description', 'description'],
  ['receipt_email', 'receiptEmail'],
  ['setup_future_usage', 'setupFutureUsage'],
  ['statement_descriptor', 'statementDescriptor'],
  ['statement_descriptor_suffix', 'statementDescriptorSuffix'],
  ['transfer_group', 'transferGroup'],
] as const satisfies readonly (readonly [string, keyof IntentRecord])[];

function replaced(params: Params): Partial<IntentRecord> {
  const given = TEXTS.filter(([name]) => params[name] !== undefined).map(
    ([name, field]) => [field, text(params, name)] as const,
  );
  const captureMethod = text(params, 'capture_method');
  return {
    ...Object.fromEntries(given),
    ...(captureMethod === null ? {} : { captureMethod }),
    ...(params['shipping'] === undefined ? {} : { shipping: readShipping(params) }),
  };
}
