import type { Call } from '../endpoint.ts';
import { checkLimit } from '../request/param-rules.ts';
import { integer, text } from '../request/params.ts';
import type { IntentRecord } from '../records.ts';
import { invalid } from '../refusal.ts';
import { renderIntent } from '../render/objects.ts';
import { parseSearch } from '../search/query.ts';
import type { View } from '../view.ts';
import type { World } from '../world.ts';

/** Shows what the index knows by now: an intent that is not found may exist all the same. */
export function searchIntents(call: Call, world: World): View {
  const matches = parseSearch(text(call.params, 'query') ?? '');
  const limit = checkLimit(integer(call.params, 'limit'));
  let after = text(call.params, 'page');
  const found: IntentRecord[] = [];
  for (const entry of world.search.entries(world.clock.now())) {
    if (after !== null) {
      if (pageAfter(entry.record) === after) after = null;
    } else if (matches(entry.record)) found.push(entry.record);
    if (found.length > limit) break;
  }
  if (after !== null) throw invalid(`Invalid page: ${after}`, 'page');
  const hasMore = found.length > limit;
  const shown = found.slice(0, limit);
  const last = shown.at(-1);
  return {
    of: 'plain',
    body: {
      object: 'search_result',
      data: shown.map((record) => renderIntent(record, world)),
      has_more: hasMore,
      next_page: hasMore && last !== undefined ? pageAfter(last) : null,
      url: '/v1/payment_intents/search',
    },
  };
}

function pageAfter(record: IntentRecord): string {
  return Buffer.from(record.id).toString('base64url');
}
