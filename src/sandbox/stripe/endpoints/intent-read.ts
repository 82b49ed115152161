import type { Call } from '../endpoint.ts';
import { listPage } from '../listing.ts';
import { text } from '../request/params.ts';
import type { IntentRecord } from '../records.ts';
import { noSuch } from '../no-such.ts';
import { renderIntent } from '../render/objects.ts';
import type { View } from '../view.ts';
import type { World } from '../world.ts';

export function intentInPath(call: Call, world: World): IntentRecord {
  const entry = world.intents.get(call.id);
  if (entry === undefined)
    throw noSuch(world, { kind: 'payment_intent', id: call.id, param: 'intent', status: 404 });
  return entry.record;
}

export function retrieveIntent(call: Call, world: World): View {
  return { of: 'payment_intent', record: intentInPath(call, world) };
}

export function listIntents(call: Call, world: World): View {
  const customer = text(call.params, 'customer');
  return listPage<IntentRecord>(
    call.params,
    {
      world,
      within: customer === null ? world.intents : world.ofCustomer(customer),
      all: world.intents,
      kind: 'payment_intent',
      url: '/v1/payment_intents',
      where: null,
    },
    (record) => renderIntent(record, world),
  );
}
