// Which payment method a payment intent is paid with, and whether that one may be used for it.
import { behaviourOf } from '../attempts.ts';
import { isObject, type Params, text, texts } from './params.ts';
import { testMethod } from '../payment-methods.ts';
import type { IntentRecord, PaymentMethodRecord } from '../records.ts';
import { noSuch } from '../no-such.ts';
import { invalid, Refusal } from '../refusal.ts';
import type { World } from '../world.ts';

/** The currency that a bank debit is limited to. */
const ONLY_IN: Readonly<Record<string, string>> = { us_bank_account: 'usd', sepa_debit: 'eur' };

const OFFERED = ['card', 'us_bank_account', 'sepa_debit'];

/** A name such as `pm_card_visa` makes a new payment method with an id of its own, as it does at Stripe. */
export function findOrMakeMethod(world: World, nameOrId: string): PaymentMethodRecord {
  const known = world.methods.get(nameOrId);
  if (known !== undefined) return known;
  if (testMethod(nameOrId) === undefined)
    throw noSuch(world, {
      kind: 'PaymentMethod',
      id: nameOrId,
      param: 'payment_method',
      status: 400,
    });
  const made: PaymentMethodRecord = {
    ...world.stamp('pm'),
    madeFrom: nameOrId,
    customer: null,
    used: false,
  };
  world.putMethod(made);
  return made;
}

export interface MethodTypes {
  readonly allowedTypes: readonly string[] | null;
  readonly excludedTypes: readonly string[] | null;
  readonly redirects: 'always' | 'never' | null;
  readonly paymentMethodTypes: readonly string[];
}

/** What the parameters say about accepted types; the account offers cards and the bank debit of the currency. */
export function chooseTypes(
  params: Params,
  currency: string,
  before: MethodTypes | null,
): MethodTypes {
  const allowedTypes =
    texts(params, 'allowed_payment_method_types') ?? before?.allowedTypes ?? null;
  const excludedTypes =
    texts(params, 'excluded_payment_method_types') ?? before?.excludedTypes ?? null;
  const paymentMethodTypes = (allowedTypes ?? OFFERED).filter(
    (type) =>
      (ONLY_IN[type] === undefined || ONLY_IN[type] === currency) &&
      excludedTypes?.includes(type) !== true,
  );
  if (paymentMethodTypes.length === 0) {
    throw invalid(
      `None of the payment method types that are allowed for this PaymentIntent can be used with the currency ${currency}.`,
      'allowed_payment_method_types',
    );
  }
  return {
    allowedTypes,
    excludedTypes,
    redirects: chooseRedirects(params, allowedTypes, before),
    paymentMethodTypes,
  };
}

function chooseRedirects(
  params: Params,
  allowedTypes: readonly string[] | null,
  before: MethodTypes | null,
): 'always' | 'never' | null {
  if (allowedTypes !== null) return null;
  const automatic = params['automatic_payment_methods'];
  if (!isObject(automatic)) return before === null ? 'always' : before.redirects;
  if (automatic['enabled'] !== true) return null;
  return text(automatic, 'allow_redirects') === 'never' ? 'never' : 'always';
}

/** Refuses what Stripe refuses before it tries to pay. */
export function checkMethod(
  intent: IntentRecord,
  method: PaymentMethodRecord,
  params: Params,
): void {
  const type = testMethod(method.madeFrom)?.type ?? 'card';
  if (!intent.paymentMethodTypes.includes(type)) {
    throw new Refusal({
      status: 400,
      error: {
        type: 'invalid_request_error',
        code: 'payment_intent_incompatible_payment_method',
        message: `The PaymentMethod provided (${type}) is not allowed for this PaymentIntent. Please attach a PaymentMethod with one of the following types or update the PaymentIntent's allowed_payment_method_types: ${intent.paymentMethodTypes.join(', ')}`,
        param: 'payment_method',
      },
      intent,
    });
  }
  checkOwner(intent, method);
  if (intent.redirects === 'always' && intent.returnUrl === null) {
    throw invalid(
      "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of these payment methods might redirect your customer off of your page, you must provide a `return_url`. If you don't want to accept redirect-based payment methods, set `automatic_payment_methods[enabled]` to `true` and `automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and Payment Intents.",
    );
  }
  const behaviour = behaviourOf(method);
  const mandateGiven = isObject(params['mandate_data']) || text(params, 'mandate') !== null;
  if (behaviour.kind === 'debits' && !behaviour.mandate && !mandateGiven) {
    throw new Refusal({
      status: 400,
      error: {
        type: 'invalid_request_error',
        message:
          'This PaymentIntent requires a mandate, but no existing mandate was found. Collect mandate acceptance from the customer and try again, providing acceptance data in the mandate_data parameter.',
      },
      intent,
    });
  }
}

function checkOwner(intent: IntentRecord, method: PaymentMethodRecord): void {
  if (method.customer !== null && method.customer !== intent.customer) {
    throw invalid(
      intent.customer === null
        ? `The customer does not have a payment method with the ID ${method.id}. The payment method must be attached to the customer: provide the customer ${method.customer} with this PaymentIntent.`
        : `The provided PaymentMethod cannot be attached or used: it belongs to a different Customer than ${intent.customer}.`,
      'payment_method',
    );
  }
  if (method.customer === null && method.used) {
    throw invalid(
      'The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, shared with a connected account without Customer attachment, or was detached from a Customer. It may not be used again. To use a PaymentMethod multiple times, you must attach it to a Customer first.',
      'payment_method',
    );
  }
}
