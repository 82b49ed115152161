import type { Endpoint } from '../endpoint.ts';
import { retrieveAccount, retrieveBalance } from './account.ts';
import { listCharges, retrieveCharge } from './charges.ts';
import { attachMethod, createCustomer, retrieveCustomer, retrieveMethod } from './customers.ts';
import { listEvents, retrieveEvent } from './events.ts';
import { confirmIntent } from './intent-confirm.ts';
import { createIntent } from './intent-create.ts';
import { cancelIntent, captureIntent } from './intent-end.ts';
import { listIntents, retrieveIntent } from './intent-read.ts';
import { searchIntents } from './intent-search.ts';
import { updateIntent } from './intent-update.ts';
import { createRefund, listRefunds, retrieveRefund } from './refunds.ts';

/** Everything of Stripe that the sandbox has. */
export const STRIPE_ENDPOINTS: readonly Endpoint[] = [
  {
    name: 'payment_intents.create',
    method: 'POST',
    path: '/v1/payment_intents',
    request: 'payment_intents.create',
    handle: createIntent,
  },
  {
    name: 'payment_intents.list',
    method: 'GET',
    path: '/v1/payment_intents',
    request: 'payment_intents.list',
    handle: listIntents,
  },
  {
    name: 'payment_intents.search',
    method: 'GET',
    path: '/v1/payment_intents/search',
    request: 'payment_intents.search',
    handle: searchIntents,
  },
  {
    name: 'payment_intents.retrieve',
    method: 'GET',
    path: '/v1/payment_intents/:id',
    request: 'payment_intents.retrieve',
    handle: retrieveIntent,
  },
  {
    name: 'payment_intents.update',
    method: 'POST',
    path: '/v1/payment_intents/:id',
    request: 'payment_intents.update',
    handle: updateIntent,
  },
  {
    name: 'payment_intents.confirm',
    method: 'POST',
    path: '/v1/payment_intents/:id/confirm',
    request: 'payment_intents.confirm',
    handle: confirmIntent,
  },
  {
    name: 'payment_intents.cancel',
    method: 'POST',
    path: '/v1/payment_intents/:id/cancel',
    request: 'payment_intents.cancel',
    handle: cancelIntent,
  },
  {
    name: 'payment_intents.capture',
    method: 'POST',
    path: '/v1/payment_intents/:id/capture',
    request: 'payment_intents.capture',
    handle: captureIntent,
  },
  {
    name: 'charges.list',
    method: 'GET',
    path: '/v1/charges',
    request: 'charges.list',
    handle: listCharges,
  },
  {
    name: 'charges.retrieve',
    method: 'GET',
    path: '/v1/charges/:id',
    request: 'charges.retrieve',
    handle: retrieveCharge,
  },
  {
    name: 'refunds.create',
    method: 'POST',
    path: '/v1/refunds',
    request: 'refunds.create',
    handle: createRefund,
  },
  {
    name: 'refunds.list',
    method: 'GET',
    path: '/v1/refunds',
    request: 'refunds.list',
    handle: listRefunds,
  },
  {
    name: 'refunds.retrieve',
    method: 'GET',
    path: '/v1/refunds/:id',
    request: 'refunds.retrieve',
    handle: retrieveRefund,
  },
  {
    name: 'events.list',
    method: 'GET',
    path: '/v1/events',
    request: 'events.list',
    handle: listEvents,
  },
  {
    name: 'events.retrieve',
    method: 'GET',
    path: '/v1/events/:id',
    request: 'events.retrieve',
    handle: retrieveEvent,
  },
  {
    name: 'customers.create',
    method: 'POST',
    path: '/v1/customers',
    request: 'customers.create',
    handle: createCustomer,
  },
  {
    name: 'customers.retrieve',
    method: 'GET',
    path: '/v1/customers/:id',
    request: 'customers.retrieve',
    handle: retrieveCustomer,
  },
  {
    name: 'payment_methods.retrieve',
    method: 'GET',
    path: '/v1/payment_methods/:id',
    request: 'payment_methods.retrieve',
    handle: retrieveMethod,
  },
  {
    name: 'payment_methods.attach',
    method: 'POST',
    path: '/v1/payment_methods/:id/attach',
    request: 'payment_methods.attach',
    handle: attachMethod,
  },
  {
    name: 'account',
    method: 'GET',
    path: '/v1/account',
    request: 'account.retrieve',
    handle: retrieveAccount,
  },
  {
    name: 'balance',
    method: 'GET',
    path: '/v1/balance',
    request: 'balance.retrieve',
    handle: retrieveBalance,
  },
];

export const MAIL_ENDPOINT = 'mail.send';

/** Every name that a fault rule can be for. */
export const ENDPOINT_NAMES: readonly string[] = [
  ...STRIPE_ENDPOINTS.map((endpoint) => endpoint.name),
  MAIL_ENDPOINT,
];
