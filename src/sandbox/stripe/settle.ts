// What happens to a payment without a request: a bank decides, a customer authenticates, or a truth comes late.
import { behaviourOf, openCharge, recordFailure } from './attempts.ts';
import { secondsOf } from '../clock.ts';
import type { ChargeRecord, Failure, IntentRecord, PaymentMethodRecord } from './records.ts';
import type { Cause, World } from './world.ts';

const NOBODY: Cause = { requestId: null, idempotencyKey: null };

const REFUSED_BY_TEST: Failure = {
  code: 'card_declined',
  declineCode: 'generic_decline',
  message: 'Your card was declined.',
};

/** What Stripe shows once a customer has not authenticated: no bank was asked, so there is no charge. */
const NOT_AUTHENTICATED: Failure = {
  code: 'payment_intent_authentication_failure',
  declineCode: null,
  message:
    'The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new PaymentMethod to attempt to fulfill this PaymentIntent again.',
};

/** Decides the bank debits whose time has come. */
export function settleDue(world: World): void {
  for (const due of world.takeDue()) {
    const intent = world.intents.get(due.intent)?.record;
    const charge = world.charges.get(due.charge)?.record;
    const method = world.methods.get(charge?.paymentMethod ?? '');
    // Somebody else has settled or canceled it meanwhile.
    if (
      intent?.status !== 'processing' ||
      intent.latestCharge !== due.charge ||
      charge === undefined ||
      method === undefined
    )
      continue;
    const behaviour = behaviourOf(method);
    if (behaviour.kind !== 'debits' || behaviour.outcome === 'never') continue;
    if (behaviour.outcome === 'succeeds') finishCharge(world, intent, charge);
    else failCharge(world, intent, charge, behaviour.outcome);
  }
}

export interface Settlement {
  readonly outcome: 'succeeded' | 'failed' | 'canceled';
  /** Also from a state in which Stripe would be done: the truth that nobody expected any more. */
  readonly late: boolean;
  /** What is to be paid, where it is to differ from what was asked. */
  readonly amount: number | null;
  readonly currency: string | null;
  /** What is collected of it; null: all. */
  readonly amountReceived: number | null;
  readonly failure: Failure | null;
  readonly cancellationReason: string | null;
}

/** Ends a payment from outside. Throws an Error that says why it cannot be done. */
export function settle(world: World, intent: IntentRecord, settlement: Settlement): IntentRecord {
  const undecided = ['processing', 'requires_action', 'requires_capture'].includes(intent.status);
  if (!undecided && !settlement.late) {
    throw new Error(
      `${intent.id} is ${intent.status}: only processing, requires_action and requires_capture can be settled, anything with late: true`,
    );
  }
  switch (settlement.outcome) {
    case 'succeeded':
      return succeed(
        world,
        {
          ...intent,
          amount: settlement.amount ?? intent.amount,
          currency: settlement.currency ?? intent.currency,
        },
        settlement.amountReceived,
      );
    case 'failed':
      return fail(
        world,
        intent,
        settlement.failure ??
          (intent.status === 'requires_action' ? NOT_AUTHENTICATED : REFUSED_BY_TEST),
      );
    case 'canceled':
      return cancelIntent(world, intent, settlement.cancellationReason, NOBODY);
  }
}

function succeed(world: World, intent: IntentRecord, amountReceived: number | null): IntentRecord {
  const charge = world.charges.get(intent.latestCharge ?? '')?.record;
  const live: IntentRecord = { ...intent, canceledAt: null, cancellationReason: null };
  const open =
    charge === undefined || charge.status === 'failed'
      ? openCharge(world, live, methodOf(world, intent))
      : charge;
  const { amount, currency } = intent;
  const amountCaptured = amountReceived ?? amount;
  return finishCharge(world, live, {
    ...open,
    amount,
    currency,
    amountCaptured,
    amountRefunded: Math.max(0, amount - amountCaptured),
  });
}

/** A test may end a payment that never had a method: it was paid with a plain card then. */
function methodOf(world: World, intent: IntentRecord): PaymentMethodRecord {
  const known = world.methods.get(intent.paymentMethod ?? intent.lastError?.paymentMethod ?? '');
  if (known !== undefined) return known;
  const made: PaymentMethodRecord = {
    ...world.stamp('pm'),
    madeFrom: 'pm_card_visa',
    customer: null,
    used: false,
  };
  world.putMethod(made);
  return made;
}

function finishCharge(world: World, intent: IntentRecord, charge: ChargeRecord): IntentRecord {
  const done: ChargeRecord = { ...charge, status: 'succeeded', captured: true, failure: null };
  const paid: IntentRecord = {
    ...intent,
    status: 'succeeded',
    paymentMethod: charge.paymentMethod,
    latestCharge: done.id,
    amountReceived: done.amountCaptured,
    amountCapturable: 0,
    lastError: null,
    nextAction: null,
  };
  world.putCharge(done);
  world.putIntent(paid);
  world.emit('charge.succeeded', { of: 'charge', record: done }, NOBODY);
  world.emit('payment_intent.succeeded', { of: 'payment_intent', record: paid }, NOBODY);
  return paid;
}

function fail(world: World, intent: IntentRecord, failure: Failure): IntentRecord {
  const charge = world.charges.get(intent.latestCharge ?? '')?.record;
  const live: IntentRecord = {
    ...intent,
    canceledAt: null,
    cancellationReason: null,
    amountReceived: 0,
    amountCapturable: 0,
  };
  if (charge !== undefined) return failCharge(world, live, charge, failure);
  const method = methodOf(world, intent);
  const waiting: IntentRecord = {
    ...live,
    status: 'requires_payment_method',
    paymentMethod: null,
    nextAction: null,
    lastError: { ...failure, charge: null, paymentMethod: method.id },
  };
  world.putIntent(waiting);
  world.emit('payment_intent.payment_failed', { of: 'payment_intent', record: waiting }, NOBODY);
  return waiting;
}

function failCharge(
  world: World,
  intent: IntentRecord,
  charge: ChargeRecord,
  failure: Failure,
): IntentRecord {
  const failed: ChargeRecord = {
    ...charge,
    status: 'failed',
    captured: false,
    amountCaptured: 0,
    amountRefunded: 0,
    failure,
  };
  world.putCharge(failed);
  return recordFailure(world, intent, failed, failure, NOBODY);
}

export function cancelIntent(
  world: World,
  intent: IntentRecord,
  reason: string | null,
  cause: Cause,
): IntentRecord {
  const canceled: IntentRecord = {
    ...intent,
    status: 'canceled',
    canceledAt: secondsOf(world.clock.now()),
    cancellationReason: reason,
    nextAction: null,
    amountReceived: 0,
    amountCapturable: 0,
  };
  world.putIntent(canceled);
  if (intent.status === 'requires_capture') releaseCharge(world, intent, cause);
  world.emit('payment_intent.canceled', { of: 'payment_intent', record: canceled }, cause);
  return canceled;
}

/** What was authorized and is not captured goes back to the customer. */
function releaseCharge(world: World, intent: IntentRecord, cause: Cause): void {
  const charge = world.charges.get(intent.latestCharge ?? '')?.record;
  if (charge === undefined) return;
  const released: ChargeRecord = { ...charge, amountRefunded: charge.amount };
  world.putCharge(released);
  world.emit('charge.refunded', { of: 'charge', record: released }, cause);
}
