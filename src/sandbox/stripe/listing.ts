import { integer, isObject, type Params, text } from './request/params.ts';
import { checkLimit } from './request/param-rules.ts';
import { noSuch } from './no-such.ts';
import { invalid } from './refusal.ts';
import type { Entry, Page, Timeline } from './timeline.ts';
import type { View } from './view.ts';
import type { World } from './world.ts';

export interface Listed<R> {
  readonly world: World;
  /** What is searched: all objects, or those of one customer. */
  readonly within: Timeline<R & Placed>;
  /** Where cursors are looked up. */
  readonly all: Timeline<R & Placed>;
  readonly kind: string;
  readonly url: string;
  readonly where: ((record: R) => boolean) | null;
  /** Objects created before this second are not shown. */
  readonly since?: number;
}

type Placed = { readonly id: string; readonly created: number; readonly seq: number };

/** One page in Stripe's form: newest first, cursors are ids. */
export function listPage<R>(
  params: Params,
  listed: Listed<R>,
  render: (record: R) => object,
): View {
  const bounds = createdBounds(params);
  const startingAfter = cursor(params, 'starting_after', listed);
  const endingBefore = cursor(params, 'ending_before', listed);
  if (startingAfter !== null && endingBefore !== null) {
    throw invalid(
      'Received both starting_after and ending_before parameters. Please pass in only one.',
    );
  }
  const page: Page<R> = listed.within.page({
    from: Math.max(bounds.from, listed.since ?? -Infinity),
    to: bounds.to,
    limit: checkLimit(integer(params, 'limit')),
    startingAfter,
    endingBefore,
    where: listed.where,
  });
  return {
    of: 'plain',
    body: {
      object: 'list',
      data: page.records.map(render),
      has_more: page.hasMore,
      url: listed.url,
    },
  };
}

function cursor<R>(params: Params, name: string, listed: Listed<R>): Entry<R & Placed> | null {
  const id = text(params, name);
  if (id === null) return null;
  const entry = listed.all.get(id);
  if (entry === undefined)
    throw noSuch(listed.world, { kind: listed.kind, id, param: name, status: 400 });
  return entry;
}

/** The seconds that `created` allows, both ends included. */
function createdBounds(params: Params): { from: number; to: number } {
  const created = params['created'];
  if (typeof created === 'number') return { from: created, to: created };
  if (!isObject(created)) return { from: -Infinity, to: Infinity };
  const gt = integer(created, 'gt');
  const lt = integer(created, 'lt');
  return {
    from: Math.max(integer(created, 'gte') ?? -Infinity, gt === null ? -Infinity : gt + 1),
    to: Math.min(integer(created, 'lte') ?? Infinity, lt === null ? Infinity : lt - 1),
  };
}
