import type Stripe from 'stripe';
import type { OtherIntent, OtherQuery } from '../../app/ports.ts';
import type { IntentSnapshot } from '../../domain/answer.ts';
import {
  KEY_METADATA,
  LEDGER_METADATA,
  NAMESPACE_METADATA,
  TRANSACTION_METADATA,
} from '../../domain/marks.ts';
import { matchesAmount } from '../../domain/money/received.ts';
import { createIdempotencyKey, keyDigest } from '../idempotency.ts';
import { pageReader, type Asking } from './page.ts';
import { LIST_PAGE_SIZE, type LedgerNames, type PageRequest } from '../params.ts';
import { retrieveIntent } from './retrieve.ts';
import { isFields, text } from '../parse-intent.ts';

/*
 * A create was answered "this key was used with other parameters": another ledger or program has made
 * a payment intent under it. Which one, nobody has to say; it is looked for
 *
 *   - in the events: each names the idempotency key of the request that caused it;
 *   - in the list, by the key's digest in the metadata of our own versions, else by amount and currency.
 *
 * It is shown to a person and decides nothing, so a few pages of each are all that is read.
 */

const EVENT_PAGES = 2;
const LIST_PAGES = 2;
const MOST_SHOWN = 10;
/** The create that used the key was executed before ours was refused, give or take the clocks. */
const CLOCK_DIFFERENCE_MS = 10 * 60_000;

type Range = Pick<PageRequest, 'fromSeconds' | 'toSeconds'>;

export interface AskingForLedger extends Asking {
  readonly ledger: LedgerNames | null;
}

/** The most certain matches first; none where Stripe does not answer. */
export async function findOther(
  asking: AskingForLedger,
  query: OtherQuery,
): Promise<readonly OtherIntent[]> {
  const range = rangeOf(asking, query);
  const byEvent = await byIdempotencyKey(asking, query, range);
  const listed = await byList(asking, query, range);
  const seen = new Set(byEvent.map(({ intent }) => intent.id));
  const others = listed.filter(({ intent }) => !seen.has(intent.id));
  const byMetadata = others.filter(({ matchedBy }) => matchedBy === 'metadata');
  // What merely looks alike is worth showing only where nothing is certain.
  const alike = byEvent.length + byMetadata.length > 0 ? [] : others;
  return [...byEvent, ...byMetadata, ...alike].slice(0, MOST_SHOWN);
}

/** In Stripe's time; `to` is the database's clock just now. */
function rangeOf({ caller }: Asking, { transaction, from, to }: OtherQuery): Range {
  const aheadMs = caller.stripeClock.measure()({ askedAt: to }) ?? 0;
  const known = transaction.keyConflictAt ?? to;
  return {
    fromSeconds: Math.max(0, Math.floor((from + aheadMs) / 1_000)),
    toSeconds: Math.ceil((Math.min(to, known) + aheadMs + CLOCK_DIFFERENCE_MS) / 1_000),
  };
}

async function byIdempotencyKey(
  asking: AskingForLedger,
  query: OtherQuery,
  range: Range,
): Promise<readonly OtherIntent[]> {
  const key = createIdempotencyKey(query.transaction, asking.ledger?.namespace ?? '');
  const ids = await intentsOfEvents(asking, key, range);
  const found: OtherIntent[] = [];
  for (const id of ids) {
    // The event shows it as it was when it was made.
    const answer = await retrieveIntent(
      asking.caller,
      asking.secret,
      id,
      new AbortController().signal,
    );
    if (answer.kind === 'intent' && !isOwn(asking, query, answer.intent))
      found.push({ intent: answer.intent, matchedBy: 'idempotency_key' });
  }
  return found;
}

/** Of the events that our idempotency key caused; Stripe binds a key to one request, so there is one. */
async function intentsOfEvents(
  { caller }: Asking,
  key: string,
  { fromSeconds, toSeconds }: Range,
): Promise<readonly string[]> {
  let after: string | null = null;
  for (let pages = 0; pages < EVENT_PAGES; pages += 1) {
    const params: Stripe.EventListParams = {
      type: 'payment_intent.created',
      created: { gte: fromSeconds, lte: toSeconds },
      limit: LIST_PAGE_SIZE,
      ...(after === null ? {} : { starting_after: after }),
    };
    const outcome = await caller.call({
      endpoint: 'events',
      send: (stripe) => stripe.events.list(params),
    });
    const page = outcome.kind === 'value' && isFields(outcome.value) ? outcome.value : {};
    const events: readonly unknown[] = Array.isArray(page['data']) ? page['data'] : [];
    const ids = events.flatMap((event) => intentOfEvent(event, key));
    if (ids.length > 0) return ids;
    const last = events.at(-1);
    after = isFields(last) ? text(last['id']) : null;
    if (page['has_more'] !== true || after === null) return [];
  }
  return [];
}

function intentOfEvent(event: unknown, key: string): readonly string[] {
  if (
    !isFields(event) ||
    !isFields(event['request']) ||
    event['request']['idempotency_key'] !== key
  )
    return [];
  const object = isFields(event['data']) ? event['data']['object'] : null;
  const id = isFields(object) ? text(object['id']) : null;
  return id === null ? [] : [id];
}

async function byList(
  asking: AskingForLedger,
  query: OtherQuery,
  range: Range,
): Promise<readonly OtherIntent[]> {
  const pages = pageReader(asking);
  const found: OtherIntent[] = [];
  let after: string | null = null;
  for (let read = 0; read < LIST_PAGES; read += 1) {
    const { page } = await pages({ ...range, after });
    if ('kind' in page) break;
    found.push(...page.rows.flatMap((intent) => matched(asking, query, intent)));
    after = page.rows.at(-1)?.id ?? null;
    if (!page.hasMore || after === null) break;
  }
  return found;
}

function matched(
  asking: AskingForLedger,
  query: OtherQuery,
  intent: IntentSnapshot,
): readonly OtherIntent[] {
  if (isOwn(asking, query, intent)) return [];
  const { metadata } = intent;
  const { key } = query.transaction;
  const digest = metadata[KEY_METADATA];
  if (digest !== undefined) {
    const isSameKey =
      digest === keyDigest(key) &&
      (metadata[NAMESPACE_METADATA] ?? '') === (asking.ledger?.namespace ?? '');
    // One that names another key was not made under ours, whatever it looks like.
    return isSameKey ? [{ intent, matchedBy: 'metadata' }] : [];
  }
  return matchesAmount(query.transaction, intent) ? [{ intent, matchedBy: 'looks_alike' }] : [];
}

/** One of this very row: it is no other's. A row of the version without the ledger's mark has its transaction's id alone. */
function isOwn(
  { ledger }: AskingForLedger,
  { transaction }: OtherQuery,
  { metadata }: IntentSnapshot,
): boolean {
  const named = metadata[LEDGER_METADATA];
  return (
    metadata[TRANSACTION_METADATA] === transaction.id &&
    (named === undefined || named === ledger?.id)
  );
}
