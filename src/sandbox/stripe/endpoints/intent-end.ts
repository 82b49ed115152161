import { behaviourOf } from '../attempts.ts';
import type { Call } from '../endpoint.ts';
import { integer, text } from '../request/params.ts';
import type { IntentRecord } from '../records.ts';
import { invalid, unexpectedState } from '../refusal.ts';
import { cancelIntent as recordCancel } from '../settle.ts';
import type { View } from '../view.ts';
import type { World } from '../world.ts';
import { intentInPath } from './intent-read.ts';

const CANCELABLE = [
  'requires_payment_method',
  'requires_capture',
  'requires_confirmation',
  'requires_action',
];

export function cancelIntent(call: Call, world: World): View {
  const intent = intentInPath(call, world);
  if (!CANCELABLE.includes(intent.status) && !canStillStop(world, intent)) {
    throw unexpectedState(
      `You cannot cancel this PaymentIntent because it has a status of ${intent.status}. Only a PaymentIntent with one of the following statuses may be canceled: ${CANCELABLE.join(', ')}, processing.`,
      intent,
    );
  }
  return {
    of: 'payment_intent',
    record: recordCancel(world, intent, text(call.params, 'cancellation_reason'), call.cause),
  };
}

/** A debit that is processing can be stopped in rare cases: here only the test account that never decides. */
function canStillStop(world: World, intent: IntentRecord): boolean {
  const method = world.methods.get(intent.paymentMethod ?? '');
  if (intent.status !== 'processing' || method === undefined) return false;
  const behaviour = behaviourOf(method);
  return behaviour.kind === 'debits' && behaviour.outcome === 'never';
}

export function captureIntent(call: Call, world: World): View {
  const intent = intentInPath(call, world);
  const charge = world.charges.get(intent.latestCharge ?? '')?.record;
  if (intent.status !== 'requires_capture' || charge === undefined) {
    throw unexpectedState(
      `This PaymentIntent could not be captured because it has a status of ${intent.status}. Only a PaymentIntent with one of the following statuses may be captured: requires_capture.`,
      intent,
    );
  }
  const amount = integer(call.params, 'amount_to_capture') ?? intent.amountCapturable;
  if (amount < 1 || amount > intent.amountCapturable) {
    throw invalid(
      `The amount_to_capture must be between 1 and ${intent.amountCapturable}.`,
      'amount_to_capture',
      'amount_too_large',
    );
  }
  const done = {
    ...charge,
    captured: true,
    amountCaptured: amount,
    amountRefunded: charge.amount - amount,
  };
  const paid: IntentRecord = {
    ...intent,
    status: 'succeeded',
    amountReceived: amount,
    amountCapturable: 0,
  };
  world.putCharge(done);
  world.putIntent(paid);
  world.emit('charge.captured', { of: 'charge', record: done }, call.cause);
  world.emit('payment_intent.succeeded', { of: 'payment_intent', record: paid }, call.cause);
  return { of: 'payment_intent', record: paid };
}
