import type { ChargeOptions, ChargeOutcome, Payrecon } from '../../src/app/service.ts';
import { PayreconError } from '../../src/domain/errors.ts';
import type { ChargeRequest } from '../../src/domain/transaction.ts';
import { aCharge } from '../faults/lane.ts';
import type { Harness } from './harness.ts';

/*
 * Where a payment can have stopped when a command finds it. What is prepared is prepared through the product and a
 * local Stripe that misbehaves, so each row is one that can exist.
 */

export const KEY = 'order-1';

export type Method = Pick<ChargeRequest, 'paymentMethod' | 'methodTypes'> &
  Partial<Pick<ChargeRequest, 'onSession'>>;

export const CARD: Method = { paymentMethod: 'pm_card_visa', methodTypes: ['card'] };
export const DECLINED: Method = { paymentMethod: 'pm_card_chargeDeclined', methodTypes: ['card'] };
export const DEBIT: Method = {
  paymentMethod: 'pm_usBankAccount',
  methodTypes: ['us_bank_account'],
};
/** The customer is there, and has not authenticated yet. */
export const AUTHENTICATION: Method = {
  paymentMethod: 'pm_card_authenticationRequired',
  methodTypes: ['card'],
  onSession: true,
};
/** Nobody is there who could. */
export const AUTHENTICATION_ALONE: Method = {
  paymentMethod: 'pm_card_authenticationRequired',
  methodTypes: ['card'],
};

export function requestOf(method: Method, key: string): ChargeRequest {
  return aCharge({ key, reference: `reference of ${key}`, email: `${key}@example.com`, ...method });
}

export function charge(
  payrecon: Payrecon,
  method: Method,
  key = KEY,
  options: Partial<ChargeOptions> = {},
): Promise<ChargeOutcome> {
  return payrecon.charge(requestOf(method, key), {
    waitMs: 0,
    waitForOutcome: false,
    allowDuplicate: true,
    ...options,
  });
}

export function pass(payrecon: Payrecon): Promise<unknown> {
  return payrecon.reconcile({ limit: null, dryRun: false });
}

/** Only an expected error is one; anything else is a bug, and fails the case. */
export async function expectedError(work: Promise<unknown>): Promise<PayreconError | null> {
  try {
    await work;
    return null;
  } catch (error) {
    if (error instanceof PayreconError) return error;
    throw error;
  }
}

/** While the local Stripe misbehaves like this. */
export async function under(
  harness: Harness,
  faults: string,
  work: (payrecon: Payrecon) => Promise<unknown>,
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  harness.sandbox.setFaults(faults);
  const payrecon = await harness.open('prepare', undefined, env);
  await expectedError(work(payrecon));
  await payrecon.close();
  harness.sandbox.setFaults('');
}

// ---- where a first charge stops ---------------------------------------------------------------

/** A first charge that gets no further than this. */
export interface Stop {
  readonly name: string;
  readonly method: Method;
  readonly faults: string;
  /** As the ledger must show it when the pass begins; a state that is not reached proves nothing. */
  readonly step: string;
  readonly status?: string;
  readonly then?: (harness: Harness) => Promise<void>;
}

export function onlyIntent(harness: Harness): string {
  const [intent] = harness.sandbox.books.paymentIntents;
  if (intent === undefined) throw new Error('nothing was made at Stripe');
  return intent.id;
}

/** Stripe answers others, and of this one tells nothing: asked once too often. */
export async function becomeStuck(harness: Harness): Promise<void> {
  await under(harness, 'payment_intents.retrieve#*=html_502', pass, { PAYRECON_MAX_ATTEMPTS: '1' });
}

export async function takeAnotherAmount(harness: Harness): Promise<void> {
  await harness.settleAtStripe(onlyIntent(harness), {
    outcome: 'succeeded',
    late: true,
    amount: 5100,
  });
  await under(harness, '', pass);
}

export const STOPS: readonly Stop[] = [
  { name: 'recorded', method: CARD, faults: 'payment_intents.create=401', step: 'recorded' },
  {
    name: 'create_sent, made at Stripe',
    method: CARD,
    faults: 'payment_intents.create#*=html_502_after',
    step: 'create_sent',
  },
  {
    name: 'create_sent, never there',
    method: CARD,
    faults: 'payment_intents.create#*=html_502',
    step: 'create_sent',
  },
  { name: 'created', method: CARD, faults: 'payment_intents.confirm=401', step: 'created' },
  {
    name: 'confirm_sent, paid',
    method: CARD,
    faults: 'payment_intents.confirm#*=html_502_after',
    step: 'confirm_sent',
  },
  {
    name: 'confirm_sent, never there',
    method: CARD,
    faults: 'payment_intents.confirm#*=html_502',
    step: 'confirm_sent',
  },
  {
    name: 'confirm_sent, declined',
    method: DECLINED,
    faults: 'payment_intents.confirm#*=html_502_after',
    step: 'confirm_sent',
  },
  {
    name: 'cancel_sent',
    method: DECLINED,
    faults: 'payment_intents.cancel#*=html_502',
    step: 'cancel_sent',
  },
  {
    name: 'cancel_sent, canceled',
    method: DECLINED,
    faults: 'payment_intents.cancel#*=html_502_after',
    step: 'cancel_sent',
  },
  {
    name: 'processing, now paid',
    method: DEBIT,
    faults: '',
    step: 'confirm_sent',
    then: (harness) => harness.settleAtStripe(onlyIntent(harness), { outcome: 'succeeded' }),
  },
  {
    name: 'processing, now failed',
    method: DEBIT,
    faults: '',
    step: 'confirm_sent',
    then: (harness) => harness.settleAtStripe(onlyIntent(harness), { outcome: 'failed' }),
  },
  {
    name: 'stuck, paid',
    method: CARD,
    faults: 'payment_intents.confirm#*=html_502_after',
    step: 'confirm_sent',
    status: 'stuck',
    then: becomeStuck,
  },
  {
    name: 'stuck, another amount',
    method: CARD,
    faults: 'payment_intents.confirm#*=html_502',
    step: 'confirm_sent',
    status: 'stuck',
    then: takeAnotherAmount,
  },
];

export async function stopAt(
  harness: Harness,
  { method, faults, step, status = 'pending', then }: Stop,
): Promise<void> {
  await under(harness, faults, (payrecon) => charge(payrecon, method));
  harness.advance(1_000);
  await then?.(harness);
  const [row] = await harness.raw().rows('select status, step from transactions');
  if (row?.['step'] !== step || row['status'] !== status)
    throw new Error(`prepared ${JSON.stringify(row)} instead of ${status}, ${step}`);
}
