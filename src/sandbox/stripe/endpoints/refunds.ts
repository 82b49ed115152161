import { displayAmount } from '../request/currencies.ts';
import type { Call } from '../endpoint.ts';
import { listPage } from '../listing.ts';
import { mergeMetadata } from '../request/param-rules.ts';
import { integer, type Params, text } from '../request/params.ts';
import type { ChargeRecord, RefundRecord } from '../records.ts';
import { noSuch } from '../no-such.ts';
import { invalid, Refusal } from '../refusal.ts';
import { leftToRefund, renderRefund } from '../render/charge.ts';
import type { View } from '../view.ts';
import type { World } from '../world.ts';

export function createRefund(call: Call, world: World): View {
  const { params } = call;
  const charge = chargeToRefund(params, world);
  const left = leftToRefund(charge);
  if (left === 0) {
    throw new Refusal({
      status: 400,
      kept: true,
      error: {
        type: 'invalid_request_error',
        code: 'charge_already_refunded',
        message: `Charge ${charge.id} has already been refunded.`,
      },
    });
  }
  const amount = integer(params, 'amount') ?? left;
  if (amount < 1)
    throw invalid(
      'This value must be greater than or equal to 1.',
      'amount',
      'parameter_invalid_integer',
    );
  if (amount > left) {
    throw invalid(
      `Refund amount (${displayAmount(amount, charge.currency)}) is greater than unrefunded amount on charge (${displayAmount(left, charge.currency)})`,
      'amount',
    );
  }
  const refund: RefundRecord = {
    ...world.stamp(charge.id.startsWith('py_') ? 'pyr' : 're'),
    charge: charge.id,
    intent: charge.intent,
    amount,
    currency: charge.currency,
    reason: text(params, 'reason'),
    metadata: mergeMetadata({}, params),
    // A bank takes days to give money back.
    status: charge.id.startsWith('py_') ? 'pending' : 'succeeded',
  };
  const refunded = { ...charge, amountRefunded: charge.amountRefunded + amount };
  world.putRefund(refund);
  world.putCharge(refunded);
  world.emit('refund.created', { of: 'refund', record: refund }, call.cause);
  world.emit('charge.refunded', { of: 'charge', record: refunded }, call.cause);
  return { of: 'refund', record: refund };
}

function chargeToRefund(params: Params, world: World): ChargeRecord {
  const chargeId = text(params, 'charge');
  const intentId = text(params, 'payment_intent');
  if (chargeId === null && intentId === null)
    throw invalid(
      'One of the following params should be provided for this request: payment_intent or charge.',
    );
  const charge =
    chargeId === null ? latestCharge(intentId ?? '', world) : world.charges.get(chargeId)?.record;
  if (chargeId !== null && charge === undefined)
    throw noSuch(world, { kind: 'charge', id: chargeId, param: 'charge', status: 400 });
  const belongs = intentId === null || charge?.intent === intentId;
  if (charge?.status === 'succeeded' && charge.captured && belongs) return charge;
  throw chargeId === null
    ? invalid(
        `This PaymentIntent (${intentId ?? ''}) does not have a successful charge to refund.`,
        'payment_intent',
      )
    : invalid(`Charge ${chargeId} cannot be refunded because it has not succeeded.`, 'charge');
}

function latestCharge(intentId: string, world: World): ChargeRecord | undefined {
  const intent = world.intents.get(intentId)?.record;
  if (intent === undefined)
    throw noSuch(world, {
      kind: 'payment_intent',
      id: intentId,
      param: 'payment_intent',
      status: 400,
    });
  return world.charges.get(intent.latestCharge ?? '')?.record;
}

export function retrieveRefund(call: Call, world: World): View {
  const entry = world.refunds.get(call.id);
  if (entry === undefined)
    throw noSuch(world, { kind: 'refund', id: call.id, param: 'refund', status: 404 });
  return { of: 'refund', record: entry.record };
}

export function listRefunds(call: Call, world: World): View {
  const charge = text(call.params, 'charge');
  const intent = text(call.params, 'payment_intent');
  const asked = (record: RefundRecord) =>
    (charge === null || record.charge === charge) && (intent === null || record.intent === intent);
  return listPage<RefundRecord>(
    call.params,
    {
      world,
      within: world.refunds,
      all: world.refunds,
      kind: 'refund',
      url: '/v1/refunds',
      where: asked,
    },
    (record) => renderRefund(record, world.findCharge),
  );
}
