import type { Call } from '../endpoint.ts';
import { chooseTypes, findOrMakeMethod } from '../request/method-choice.ts';
import { newIntent } from '../new-intent.ts';
import {
  checkAmount,
  checkConfirmOnly,
  checkCurrency,
  checkDescription,
  checkLength,
  checkMethodChoices,
  mergeMetadata,
} from '../request/param-rules.ts';
import { flag, integer, type Params, text } from '../request/params.ts';
import type { IntentRecord } from '../records.ts';
import { noSuch } from '../no-such.ts';
import { Refusal } from '../refusal.ts';
import { readShipping } from '../request/shipping.ts';
import type { View } from '../view.ts';
import type { World } from '../world.ts';
import { confirmPayment } from './intent-confirm.ts';

export function createIntent(call: Call, world: World): View {
  const { params } = call;
  checkMethodChoices(params);
  checkConfirmOnly(params);
  const currency = checkCurrency(text(params, 'currency') ?? '');
  const amount = checkAmount(integer(params, 'amount') ?? 0, currency);
  const types = chooseTypes(params, currency, null);
  const details = describe(params, world);
  const methodName = text(params, 'payment_method');
  // Last of the checks, because it may make an object.
  const method = methodName === null ? null : findOrMakeMethod(world, methodName);
  const intent = newIntent({
    ...world.stamp('pi'),
    amount,
    currency,
    ...types,
    ...details,
    status: method === null ? 'requires_payment_method' : 'requires_confirmation',
    paymentMethod: method?.id ?? null,
    captureMethod: text(params, 'capture_method') ?? 'automatic_async',
    confirmationMethod: text(params, 'confirmation_method') ?? 'automatic',
    returnUrl: text(params, 'return_url'),
  });
  if (!flag(params, 'confirm'))
    return { of: 'payment_intent', record: record(world, intent, call) };
  return confirmCreated(call, world, intent);
}

function record(world: World, intent: IntentRecord, call: Call): IntentRecord {
  world.putIntent(intent);
  world.emit('payment_intent.created', { of: 'payment_intent', record: intent }, call.cause);
  return intent;
}

/** A declined payment leaves its intent behind; one whose parameters are refused leaves none. */
function confirmCreated(call: Call, world: World, intent: IntentRecord): View {
  return {
    of: 'payment_intent',
    record: confirmPayment(call, world, intent, (checked) => record(world, checked, call)),
  };
}

type Details = Pick<
  IntentRecord,
  | 'customer'
  | 'description'
  | 'metadata'
  | 'receiptEmail'
  | 'setupFutureUsage'
  | 'shipping'
  | 'statementDescriptor'
  | 'statementDescriptorSuffix'
  | 'transferGroup'
>;

const STATEMENT_LENGTH = 22;

function describe(params: Params, world: World): Details {
  checkDescription(params);
  for (const name of ['statement_descriptor', 'statement_descriptor_suffix'])
    checkLength(params, name, STATEMENT_LENGTH);
  if (
    params['transfer_data'] !== undefined ||
    params['on_behalf_of'] !== undefined ||
    params['application_fee_amount'] !== undefined
  ) {
    throw new Refusal({
      status: 400,
      error: {
        type: 'invalid_request_error',
        message:
          'The sandbox has no connected accounts: transfer_data, on_behalf_of and application_fee_amount cannot be used.',
      },
    });
  }
  const customer = text(params, 'customer');
  if (customer !== null && world.customers.get(customer) === undefined)
    throw noSuch(world, { kind: 'customer', id: customer, param: 'customer', status: 400 });
  return {
    customer,
    description: text(params, 'description'),
    metadata: mergeMetadata({}, params),
    receiptEmail: text(params, 'receipt_email'),
    setupFutureUsage: text(params, 'setup_future_usage'),
    shipping: readShipping(params),
    statementDescriptor: text(params, 'statement_descriptor'),
    statementDescriptorSuffix: text(params, 'statement_descriptor_suffix'),
    transferGroup: text(params, 'transfer_group'),
  };
}
