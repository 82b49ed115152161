import { behaviourOf } from '../attempts.ts';
import type { Call } from '../endpoint.ts';
import { findOrMakeMethod } from '../request/method-choice.ts';
import { mergeMetadata } from '../request/param-rules.ts';
import { text } from '../request/params.ts';
import { testMethod } from '../payment-methods.ts';
import type { CustomerRecord, PaymentMethodRecord } from '../records.ts';
import { noSuch } from '../no-such.ts';
import { invalid, Refusal } from '../refusal.ts';
import type { View } from '../view.ts';
import type { World } from '../world.ts';

export function createCustomer(call: Call, world: World): View {
  const { params } = call;
  const { id, ...place } = world.stamp('cus');
  const methodName = text(params, 'payment_method');
  const record: CustomerRecord = {
    // Customer ids are shorter than others.
    id: `cus_${id.slice(-14)}`,
    ...place,
    email: text(params, 'email'),
    name: text(params, 'name'),
    phone: text(params, 'phone'),
    description: text(params, 'description'),
    metadata: mergeMetadata({}, params),
  };
  if (methodName !== null) attach(world, findOrMakeMethod(world, methodName), record.id);
  world.putCustomer(record);
  world.emit('customer.created', { of: 'customer', record }, call.cause);
  return { of: 'customer', record };
}

export function retrieveCustomer(call: Call, world: World): View {
  const entry = world.customers.get(call.id);
  if (entry === undefined)
    throw noSuch(world, { kind: 'customer', id: call.id, param: 'id', status: 404 });
  return { of: 'customer', record: entry.record };
}

export function retrieveMethod(call: Call, world: World): View {
  return { of: 'payment_method', record: methodInPath(call, world) };
}

export function attachMethod(call: Call, world: World): View {
  const customer = text(call.params, 'customer') ?? '';
  if (world.customers.get(customer) === undefined)
    throw noSuch(world, { kind: 'customer', id: customer, param: 'customer', status: 400 });
  return { of: 'payment_method', record: attach(world, methodInPath(call, world), customer) };
}

function methodInPath(call: Call, world: World): PaymentMethodRecord {
  if (!world.methods.has(call.id) && testMethod(call.id) === undefined)
    throw noSuch(world, {
      kind: 'PaymentMethod',
      id: call.id,
      param: 'payment_method',
      status: 404,
    });
  return findOrMakeMethod(world, call.id);
}

function attach(world: World, method: PaymentMethodRecord, customer: string): PaymentMethodRecord {
  if (method.customer !== null && method.customer !== customer) {
    throw invalid(
      'The payment method you provided has already been attached to a customer.',
      'payment_method',
      'payment_method_unexpected_state',
    );
  }
  if (method.used) {
    throw invalid(
      'This PaymentMethod was previously used without being attached to a Customer or was detached from a Customer, and may not be used again.',
      'payment_method',
    );
  }
  const behaviour = behaviourOf(method);
  if (behaviour.kind === 'declines' && behaviour.attach) {
    const { code, declineCode, message } = behaviour.failure;
    throw new Refusal({
      status: 402,
      kept: true,
      error: {
        type: 'card_error',
        code,
        ...(declineCode === null ? {} : { decline_code: declineCode }),
        message,
      },
    });
  }
  const attached = { ...method, customer };
  world.putMethod(attached);
  return attached;
}
