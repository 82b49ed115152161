import { type Answer, type IntentSnapshot } from '../domain/answer.ts';
import { type StripeCaller } from './caller.ts';
import { classify, unknown } from './classify.ts';
import { requestId, type Outcome } from './outcome.ts';
import { LIST_PAGE_SIZE, listParams, TRANSACTION_METADATA, type PageRequest } from './params.ts';
import { isFields, readIntent } from './snapshot.ts';

/*
 * Reads Stripe's list of payment intents over a time range, newest first, page by page to its end, and
 * picks the rows that carry our transactions' ids in their metadata. The list is Stripe's read-after-write look-up;
 * search is not (it lags up to an hour), so search is never used.
 *
 * Only a complete scan proves that a row is not there. One page that fails, cannot be read or does not
 * follow the one before makes the whole scan incomplete; what was found until then is still true.
 */

/** 100 rows each: a million payments in one range. An end that is never reached is not an end. */
const MAX_PAGES = 10_000;

/** Seconds since 1970, both included. */
export interface ScanRange {
  readonly fromSeconds: number;
  readonly toSeconds: number;
}

export type Unanswered = Extract<Answer, { kind: 'unknown' | 'unauthorized' }>;

export interface ScanResult {
  readonly found: ReadonlyMap<string, Extract<Answer, { kind: 'intent' }>>;
  /** The answer for every transaction that was not found. */
  readonly notFound: Extract<Answer, { kind: 'absent' }> | Unanswered;
}

export interface Page {
  readonly rows: readonly IntentSnapshot[];
  readonly hasMore: boolean;
  readonly requestId: string | null;
}

export async function scanIntents(
  caller: StripeCaller,
  secret: string,
  range: ScanRange,
  wanted: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<ScanResult> {
  const found = new Map<string, Extract<Answer, { kind: 'intent' }>>();
  const seen = new Set<string>();
  let after: string | null = null;
  for (let pages = 1; ; pages += 1) {
    const { page, outcome } = await readPage(caller, secret, { ...range, after }, signal);
    if ('kind' in page) return { found, notFound: page };
    keepMatches(page, wanted, found);
    const last = page.rows.at(-1)?.id ?? null;
    if (!page.hasMore) {
      const { fromSeconds, toSeconds } = range;
      const scanned = { scannedFrom: fromSeconds * 1_000, scannedTo: toSeconds * 1_000 };
      return { found, notFound: { kind: 'absent', ...scanned, pages, requestId: page.requestId } };
    }
    // More, but nothing to go on from, or a page that was here before: walking on would never end.
    if (last === null || seen.has(last) || pages >= MAX_PAGES) {
      return { found, notFound: unknown(outcome, 'malformed', 'Stripe\'s list did not come to an end') };
    }
    seen.add(last);
    after = last;
  }
}

/** Of several intents of one transaction the one that matters most: money moved, then money may move. */
const IMPORTANCE = [
  'canceled',
  'requires_payment_method',
  'requires_confirmation',
  'requires_action',
  'requires_capture',
  'processing',
  'succeeded',
];

function keepMatches(page: Page, wanted: ReadonlySet<string>, found: Map<string, Extract<Answer, { kind: 'intent' }>>): void {
  for (const intent of page.rows) {
    const transactionId = intent.metadata[TRANSACTION_METADATA];
    if (transactionId === undefined || !wanted.has(transactionId)) continue;
    const before = found.get(transactionId);
    if (before !== undefined && IMPORTANCE.indexOf(before.intent.status) >= IMPORTANCE.indexOf(intent.status)) continue;
    found.set(transactionId, { kind: 'intent', intent, requestId: page.requestId, replayed: false });
  }
}

/** One page of Stripe's list, or why there is none. */
export async function readPage(
  caller: StripeCaller,
  secret: string,
  asked: PageRequest,
  signal: AbortSignal,
): Promise<{ readonly page: Page | Unanswered; readonly outcome: Outcome }> {
  const outcome = await caller.read({ endpoint: 'list', signal, send: (stripe) => stripe.paymentIntents.list(listParams(asked)) });
  return { page: pageOf(outcome, secret), outcome };
}

function pageOf(outcome: Outcome, secret: string): Page | Unanswered {
  const unreadable = (): Extract<Answer, { kind: 'unknown' }> =>
    unknown(outcome, 'malformed', `Stripe's list cannot be read (HTTP ${outcome.wire.status ?? 'none'})`);
  if (outcome.kind !== 'value') {
    const answer = classify(outcome, { endpoint: 'retrieve', paymentIntent: null, secret });
    if (answer.kind === 'unknown' || answer.kind === 'unauthorized') return answer;
    return { ...unreadable(), answered: outcome.kind === 'fault' };
  }
  const { value } = outcome;
  if (outcome.wire.status !== 200 || !isFields(value) || value['object'] !== 'list') return unreadable();
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
