import { secondsOf } from '../../clock.ts';
import type { Call } from '../endpoint.ts';
import { listPage } from '../listing.ts';
import { text, texts } from '../request/params.ts';
import type { EventRecord } from '../records.ts';
import { noSuch } from '../no-such.ts';
import { invalid } from '../refusal.ts';
import { renderEvent } from '../render/objects.ts';
import { renderSubject, type View } from '../view.ts';
import { EVENTS_KEPT_SECONDS, type World } from '../world.ts';

const MAX_TYPES = 20;

function render(record: EventRecord, world: World): object {
  return renderEvent(record, world.livemode, (subject) => renderSubject(subject, world));
}

export function retrieveEvent(call: Call, world: World): View {
  const record = world.events.get(call.id)?.record;
  if (record === undefined || record.created < oldestShown(world))
    throw noSuch(world, { kind: 'event', id: call.id, param: 'id', status: 404 });
  return { of: 'plain', body: render(record, world) };
}

/** The freshest ones may be missing still: what is listed is what has arrived. */
export function listEvents(call: Call, world: World): View {
  const type = text(call.params, 'type');
  const types = texts(call.params, 'types');
  if (type !== null && types !== null)
    throw invalid('You may only specify one of these parameters: type, types.', 'types');
  if (types !== null && types.length > MAX_TYPES)
    throw invalid(`You may pass at most ${MAX_TYPES} types.`, 'types');
  const wanted = types ?? (type === null ? null : [type]);
  return listPage<EventRecord>(
    call.params,
    {
      world,
      within: world.events,
      all: world.events,
      kind: 'event',
      url: '/v1/events',
      where: (record) =>
        world.hasArrived(record) &&
        (wanted === null || wanted.some((pattern) => isOfType(record.type, pattern))),
      since: oldestShown(world),
    },
    (record) => render(record, world),
  );
}

function isOfType(type: string, pattern: string): boolean {
  return (
    pattern === '*' ||
    pattern === type ||
    (pattern.endsWith('.*') && type.startsWith(pattern.slice(0, -1)))
  );
}

function oldestShown(world: World): number {
  return secondsOf(world.clock.now()) - EVENTS_KEPT_SECONDS;
}
