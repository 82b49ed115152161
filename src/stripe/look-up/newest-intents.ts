import type { NewestIntents, NewestQuery } from '../../app/ports.ts';
import type { IntentSnapshot } from '../../domain/answer.ts';
import {
  LEDGER_METADATA,
  NAMESPACE_METADATA,
  TRANSACTION_METADATA,
  wasMadeByAnotherLedger,
} from '../../domain/marks.ts';
import { pageReader, searchPageOf, type Asking, type Page, type Unanswered } from './page.ts';
import { LIST_PAGE_SIZE } from '../params.ts';

/*
 * The newest intents of one ledger, or of any other one. On most accounts the newest page of the list
 * shows them. Where other programs have filled that page, the search is asked for the marks: what it
 * shows exists, and what it does not show proves nothing, for it lags a minute. So the list is read on over
 * the last two, for a few pages; and further back where the search cannot be asked (Stripe offers none to
 * merchants in India).
 */

/** Of the list, the first one too. */
const LIST_PAGES = 10;
/**
 * How far the search lags behind, with a margin: less than a minute in normal operation, by Stripe's documentation.
 * In outages it may be an hour; to read the list over that in each pass would cost ten calls where others pay often.
 */
const SEARCH_LAG_S = 120;

interface AskingForNewest extends Asking {
  /**
   * For each query, as JSON: the newest intent's time, in seconds since 1970, when the list last showed nothing of what
   * is looked for. A process that asks once a minute reads on to there, and not over the whole lag each time.
   */
  readonly readUpTo: Map<string, number>;
}

/** @throws nothing: what Stripe does not say is `unknown`. */
export async function newestIntents(
  asking: AskingForNewest,
  query: NewestQuery,
): Promise<NewestIntents> {
  const first = await listed(asking, null);
  if ('kind' in first) return unanswered(first);
  if (!first.hasMore || first.rows.some((intent) => isLookedFor(intent, query)))
    return { kind: 'intents', intents: first.rows };
  const found = await searched(asking, query);
  const [searchedRows, until] = 'kind' in found ? [[], -Infinity] : [found.rows, lagOf(first)];
  const name = JSON.stringify(query);
  const more = await readOn(asking, {
    query,
    first,
    until: Math.max(until, asking.readUpTo.get(name) ?? until),
  });
  const [newest] = first.rows;
  if (more.sawNone && newest !== undefined) asking.readUpTo.set(name, newest.created);
  else asking.readUpTo.delete(name);
  return { kind: 'intents', intents: [...first.rows, ...more.intents, ...searchedRows] };
}

function isLookedFor(intent: IntentSnapshot, query: NewestQuery): boolean {
  return query.of === 'ledger'
    ? intent.metadata[LEDGER_METADATA] === query.ledger
    : wasMadeByAnotherLedger(intent, query);
}

async function listed(asking: Asking, after: string | null): Promise<Page | Unanswered> {
  return (await pageReader(asking)({ after })).page;
}

async function searched(
  { caller, secret }: Asking,
  query: NewestQuery,
): Promise<Page | Unanswered> {
  const params = { query: searchFor(query), limit: LIST_PAGE_SIZE };
  return searchPageOf(
    await caller.call({
      endpoint: 'search',
      send: (stripe) => stripe.paymentIntents.search(params),
    }),
    secret,
  );
}

/** From here on, in seconds since 1970, the search may show nothing yet. By Stripe's own times: ours may be wrong. */
function lagOf({ rows: [newest] }: Page): number {
  return newest === undefined ? -Infinity : newest.created - SEARCH_LAG_S;
}

interface ReadOn {
  readonly intents: readonly IntentSnapshot[];
  /** Everything since `until` was read, or as much as one reading may cost, and nothing of what is looked for is there. */
  readonly sawNone: boolean;
}

/** Reads the pages after the first until one shows what is looked for, or is from before `until`. */
async function readOn(
  asking: Asking,
  { query, first, until }: { query: NewestQuery; first: Page; until: number },
): Promise<ReadOn> {
  const found: IntentSnapshot[] = [];
  let page = first;
  for (let pages = 1; pages < LIST_PAGES && page.hasMore; pages += 1) {
    const last = page.rows.at(-1);
    if (last === undefined || last.created < until) break;
    const next = await listed(asking, last.id);
    if ('kind' in next) return { intents: found, sawNone: false };
    found.push(...next.rows);
    if (next.rows.some((intent) => isLookedFor(intent, query)))
      return { intents: found, sawNone: false };
    page = next;
  }
  return { intents: found, sawNone: true };
}

/** In Stripe's search query language; `null` asks for those without the name, and `-` turns a clause round. */
function searchFor(query: NewestQuery): string {
  if (query.of === 'ledger') return clause(LEDGER_METADATA, query.ledger);
  return [
    `-${clause(TRANSACTION_METADATA, null)}`,
    clause(NAMESPACE_METADATA, query.namespace === '' ? null : query.namespace),
    `-${clause(LEDGER_METADATA, query.ledger)}`,
  ].join(' AND ');
}

function clause(name: string, value: string | null): string {
  return `metadata['${name}']:${value === null ? 'null' : `'${value.replaceAll(/[\\']/g, String.raw`\$&`)}'`}`;
}

function unanswered(page: Unanswered): NewestIntents {
  if (page.kind === 'unauthorized')
    return { kind: 'unauthorized', httpStatus: page.httpStatus, message: page.message };
  return { kind: 'unknown', message: page.message };
}
