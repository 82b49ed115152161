import type { Answer, IntentSnapshot } from '../../domain/answer.ts';
import type { StripeCaller } from '../http/call.ts';
import { classify, unknown } from '../classify.ts';
import { requestId, type Outcome } from '../http/result.ts';
import { LIST_PAGE_SIZE, listParams, type NewestPageRequest, type PageRequest } from '../params.ts';
import { isFields, readIntent } from '../parse-intent.ts';

/** Who asks. */
export interface Asking {
  readonly caller: StripeCaller;
  readonly secret: string;
}

export type Unanswered = Extract<Answer, { kind: 'unknown' | 'unauthorized' }>;

export interface Page {
  readonly rows: readonly IntentSnapshot[];
  readonly hasMore: boolean;
  readonly requestId: string | null;
}

/** One page of Stripe's list, or why there is none. */
export type PageReader = (
  asked: PageRequest | NewestPageRequest,
) => Promise<{ readonly page: Page | Unanswered; readonly outcome: Outcome }>;

/** A page that is refused for its rate is asked for so many times in all. */
const RATE_LIMITED_TRIES = 4;

/** Reads pages until the signal aborts. */
export function pageReader({ caller, secret }: Asking, signal?: AbortSignal): PageReader {
  return async (asked) => {
    for (let tries = 1; ; tries += 1) {
      const outcome = await caller.call({
        endpoint: 'list',
        ...(signal === undefined ? {} : { signal }),
        send: (stripe) => stripe.paymentIntents.list(listParams(asked)),
      });
      const page = pageOf(outcome, secret);
      // The limiter waits longer now. A hundred retrieves, or a whole scan anew, would not be fewer calls.
      const isTooSoon =
        'kind' in page &&
        page.kind === 'unknown' &&
        page.reason === 'rate_limited' &&
        page.shouldRetry !== false;
      if (!isTooSoon || tries === RATE_LIMITED_TRIES) return { page, outcome };
    }
  };
}

export function pageOf(outcome: Outcome, secret: string): Page | Unanswered {
  return readPage(outcome, secret, 'list');
}

/** A page of the search, whose rows are as those of the list. */
export function searchPageOf(outcome: Outcome, secret: string): Page | Unanswered {
  return readPage(outcome, secret, 'search_result');
}

function readPage(
  outcome: Outcome,
  secret: string,
  object: 'list' | 'search_result',
): Page | Unanswered {
  const unreadable = (): Extract<Answer, { kind: 'unknown' }> =>
    unknown(
      outcome,
      'malformed',
      `Stripe's ${object === 'list' ? 'list' : 'search'} cannot be read (HTTP ${outcome.wire.status ?? 'none'})`,
    );
  if (outcome.kind !== 'value') {
    const answer = classify(outcome, { endpoint: 'retrieve', paymentIntent: null, secret });
    if (answer.kind === 'unknown' || answer.kind === 'unauthorized') return answer;
    return { ...unreadable(), answered: outcome.kind === 'fault' };
  }
  const { value } = outcome;
  if (outcome.wire.status !== 200 || !isFields(value) || value['object'] !== object)
    return unreadable();
  const { data, has_more: hasMore } = value;
  if (typeof hasMore !== 'boolean') return unreadable();
  if (!Array.isArray(data) || data.length > LIST_PAGE_SIZE) return unreadable();
  const rows: IntentSnapshot[] = [];
  for (const row of data) {
    const intent = readIntent(row, secret);
    // A row that cannot be read may be the one that is looked for.
    if (intent === null) return unreadable();
    rows.push(intent);
  }
  return { rows, hasMore, requestId: requestId(outcome.wire) };
}
