// One attempt to move money with a payment intent, and what comes of it.
import { newCharge } from './new-intent.ts';
import type { OrderedError } from '../faults/ordered-error.ts';
import { type Behaviour, testMethod } from './payment-methods.ts';
import type { ChargeRecord, Failure, IntentRecord, PaymentMethodRecord } from './records.ts';
import { Refusal } from './refusal.ts';
import type { Cause, World } from './world.ts';

export interface Attempt {
  readonly offSession: boolean;
  readonly errorOnRequiresAction: boolean;
  readonly cause: Cause;
  /** A decline that is to come of it, whatever the payment method is. */
  readonly ordered: OrderedError | null;
}

const AUTHENTICATION_REQUIRED: Failure = {
  code: 'authentication_required',
  declineCode: 'authentication_required',
  message: 'Your card was declined. This transaction requires authentication.',
};

/** Tries to pay. Answers the intent as it is then, or throws the 402 of a decline after recording it. */
export function attemptPayment(
  world: World,
  intent: IntentRecord,
  method: PaymentMethodRecord,
  attempt: Attempt,
): IntentRecord {
  if (attempt.ordered !== null)
    throw declineAsOrdered(world, intent, method, attempt.ordered, attempt.cause);
  const behaviour = behaviourOf(method);
  switch (behaviour.kind) {
    case 'succeeds':
      return pay(world, intent, method, attempt.cause);
    case 'declines':
      throw decline(world, intent, method, behaviour.failure, attempt.cause);
    case 'debits':
      return startDebit(world, intent, method, behaviour, attempt.cause);
    case 'authenticates':
      return authenticate(world, intent, method, behaviour, attempt);
  }
}

export function behaviourOf(method: PaymentMethodRecord): Behaviour {
  const known = testMethod(method.madeFrom);
  if (known === undefined)
    throw new Error(
      `the sandbox keeps ${method.id}, made from ${method.madeFrom}, which it does not know`,
    );
  return known.behaviour;
}

/** The payment goes through now (or, with manual capture, is authorized). */
function pay(
  world: World,
  intent: IntentRecord,
  method: PaymentMethodRecord,
  cause: Cause,
): IntentRecord {
  const captured = intent.captureMethod !== 'manual';
  const charge = createCharge(world, intent, method, {
    status: 'succeeded',
    captured,
    failure: null,
  });
  useUp(world, method);
  const paid: IntentRecord = {
    ...intent,
    status: captured ? 'succeeded' : 'requires_capture',
    latestCharge: charge.id,
    lastError: null,
    nextAction: null,
    amountReceived: captured ? intent.amount : 0,
    amountCapturable: captured ? 0 : intent.amount,
  };
  world.putIntent(paid);
  world.emit('charge.succeeded', { of: 'charge', record: charge }, cause);
  world.emit(
    captured ? 'payment_intent.succeeded' : 'payment_intent.amount_capturable_updated',
    { of: 'payment_intent', record: paid },
    cause,
  );
  return paid;
}

/** Records the decline and makes the 402 that tells it, with the whole intent inside. */
export function decline(
  world: World,
  intent: IntentRecord,
  method: PaymentMethodRecord,
  failure: Failure,
  cause: Cause,
): Refusal {
  const charge = createCharge(world, intent, method, {
    status: 'failed',
    captured: false,
    failure,
  });
  const declined = recordFailure(world, intent, charge, failure, cause);
  return new Refusal({
    status: 402,
    kept: true,
    error: {
      type: 'card_error',
      code: failure.code,
      ...(failure.declineCode === null ? {} : { decline_code: failure.declineCode }),
      message: failure.message,
      charge: charge.id,
    },
    intent: declined,
    method,
  });
}

function declineAsOrdered(
  world: World,
  intent: IntentRecord,
  method: PaymentMethodRecord,
  ordered: OrderedError,
  cause: Cause,
): Refusal {
  const { code, decline_code: declineCode, message } = ordered.error;
  const { details } = decline(
    world,
    intent,
    method,
    { code: code ?? 'card_declined', declineCode: declineCode ?? null, message },
    cause,
  );
  const { charge, ...error } = details.error;
  return new Refusal({
    ...details,
    error: { ...error, ...ordered.error, ...(charge === undefined ? {} : { charge }) },
    headers: ordered.headers,
    kept: ordered.kept,
  });
}

/** The attempt failed: the intent waits for another payment method, and could still succeed with it. */
export function recordFailure(
  world: World,
  intent: IntentRecord,
  charge: ChargeRecord,
  failure: Failure,
  cause: Cause,
): IntentRecord {
  const failed: IntentRecord = {
    ...intent,
    status: 'requires_payment_method',
    paymentMethod: null,
    nextAction: null,
    latestCharge: charge.id,
    lastError: { ...failure, charge: charge.id, paymentMethod: charge.paymentMethod },
  };
  world.putIntent(failed);
  world.emit('charge.failed', { of: 'charge', record: charge }, cause);
  world.emit('payment_intent.payment_failed', { of: 'payment_intent', record: failed }, cause);
  return failed;
}

function startDebit(
  world: World,
  intent: IntentRecord,
  method: PaymentMethodRecord,
  behaviour: Extract<Behaviour, { kind: 'debits' }>,
  cause: Cause,
): IntentRecord {
  const charge = openCharge(world, intent, method);
  const processing: IntentRecord = {
    ...intent,
    status: 'processing',
    latestCharge: charge.id,
    lastError: null,
    nextAction: null,
  };
  world.putIntent(processing);
  world.emit('charge.pending', { of: 'charge', record: charge }, cause);
  world.emit('payment_intent.processing', { of: 'payment_intent', record: processing }, cause);
  if (behaviour.outcome !== 'never') {
    const delayMs = world.settings.bankDebitMs * (behaviour.slow ? 2 : 1);
    world.schedule({ atMs: world.clock.now() + delayMs, intent: intent.id, charge: charge.id });
  }
  return processing;
}

function authenticate(
  world: World,
  intent: IntentRecord,
  method: PaymentMethodRecord,
  behaviour: Extract<Behaviour, { kind: 'authenticates' }>,
  attempt: Attempt,
): IntentRecord {
  const excused =
    (behaviour.when === 'unless_saved' && method.customer !== null) ||
    (behaviour.when === 'on_session' && attempt.offSession);
  if (excused) return pay(world, intent, method, attempt.cause);
  if (attempt.offSession)
    throw decline(world, intent, method, AUTHENTICATION_REQUIRED, attempt.cause);
  if (attempt.errorOnRequiresAction) {
    throw new Refusal({
      status: 402,
      kept: true,
      error: {
        type: 'card_error',
        code: 'authentication_required',
        message:
          'This payment required an authentication action to complete, but `error_on_requires_action` was set.',
      },
      intent,
    });
  }
  const waiting: IntentRecord = {
    ...intent,
    status: 'requires_action',
    nextAction: 'three_d_secure',
    lastError: null,
  };
  world.putIntent(waiting);
  world.emit(
    'payment_intent.requires_action',
    { of: 'payment_intent', record: waiting },
    attempt.cause,
  );
  return waiting;
}

/** A charge for the intent, paid with that method, which is used up by it unless it belongs to a customer. */
export function openCharge(
  world: World,
  intent: IntentRecord,
  method: PaymentMethodRecord,
): ChargeRecord {
  useUp(world, method);
  return createCharge(world, intent, method, { status: 'pending', captured: true, failure: null });
}

function createCharge(
  world: World,
  intent: IntentRecord,
  method: PaymentMethodRecord,
  outcome: Pick<ChargeRecord, 'status' | 'captured' | 'failure'>,
): ChargeRecord {
  const isCard = testMethod(method.madeFrom)?.type === 'card';
  const charge = newCharge(world.stamp(isCard ? 'ch' : 'py'), intent, method.id, outcome);
  world.putCharge(charge);
  return charge;
}

function useUp(world: World, method: PaymentMethodRecord): void {
  if (method.customer === null) world.putMethod({ ...method, used: true });
}
