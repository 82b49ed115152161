import type { Call } from '../endpoint.ts';
import { listPage } from '../listing.ts';
import { text } from '../request/params.ts';
import type { ChargeRecord } from '../records.ts';
import { noSuch } from '../no-such.ts';
import { renderCharge } from '../render/charge.ts';
import type { View } from '../view.ts';
import type { World } from '../world.ts';

export function retrieveCharge(call: Call, world: World): View {
  const entry = world.charges.get(call.id);
  if (entry === undefined)
    throw noSuch(world, { kind: 'charge', id: call.id, param: 'id', status: 404 });
  return { of: 'charge', record: entry.record };
}

export function listCharges(call: Call, world: World): View {
  const intent = text(call.params, 'payment_intent');
  const customer = text(call.params, 'customer');
  const asked = (record: ChargeRecord) =>
    (intent === null || record.intent === intent) &&
    (customer === null || record.customer === customer);
  return listPage<ChargeRecord>(
    call.params,
    {
      world,
      within: world.charges,
      all: world.charges,
      kind: 'charge',
      url: '/v1/charges',
      where: intent === null && customer === null ? null : asked,
    },
    (record) => renderCharge(record, world),
  );
}
