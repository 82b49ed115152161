import { type Answer, type IntentSnapshot } from '../domain/answer.ts';
import { type StripeCaller } from './caller.ts';
import { unknown } from './classify.ts';
import { readPage, type Page, type Unanswered } from './list-page.ts';
import { TRANSACTION_METADATA } from '../domain/marks.ts';
import { LIST_PAGE_SIZE } from './params.ts';

/*
 * Reads Stripe's list of payment intents over a time range to its end, and
 * picks the rows that carry our transactions' ids in their metadata. The list is Stripe's read-after-write look-up;
 * search is not (it lags up to an hour), so search is never used.
 *
 * Only a complete scan proves that a row is not there. One page that fails, cannot be read or does not
 * follow the one before makes the whole scan incomplete; what was found until then is still true.
 *
 * Pages follow one another, newest first, so a long range is cut into stretches of time that are read side by side,
 * once the first page has shown how much there is.
 */

/** 100 rows each: a million payments in one range. An end that is never reached is not an end. */
const MAX_PAGES = 10_000;
/** Stretches read side by side; at 25 requests a second and 0.3 s an answer, this many keep the limit busy. */
const STRETCHES = 8;
/** A stretch has so many pages at least: each may cost one page more. */
const PAGES_A_STRETCH = 10;

/** Seconds since 1970, both included. */
export interface ScanRange {
  readonly fromSeconds: number;
  readonly toSeconds: number;
}

export interface ScanResult {
  readonly found: ReadonlyMap<string, Extract<Answer, { kind: 'intent' }>>;
  /** The answer for every transaction that was not found. */
  readonly notFound: Extract<Answer, { kind: 'absent' }> | Unanswered;
}

/** Part of a scan's range, from its newest second on, or from behind the payment intent `after`. */
export interface Stretch extends ScanRange {
  readonly after: string | null;
}

/** Read to its end, or until some page said why not, or as many pages as were wanted. */
interface StretchEnd {
  readonly pages: number;
  readonly requestId: string | null;
  readonly unanswered: Unanswered | null;
  /** The last page, when there are more behind it. */
  readonly before: Page | null;
}

type Found = Map<string, Extract<Answer, { kind: 'intent' }>>;

export async function scanIntents(
  caller: StripeCaller,
  secret: string,
  range: ScanRange,
  wanted: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<ScanResult> {
  const found: Found = new Map();
  const read = async (stretch: Stretch, mostPages: number): Promise<StretchEnd> =>
    await readStretch({ stretch, mostPages, page: async (from) => await readPage(caller, secret, from, signal), keep: (page) => { keepMatches(page, wanted, found); } });
  const opening = await read({ ...range, after: null }, 1);
  const rest = opening.before === null ? [] : await Promise.all(stretchesBehind(opening.before.rows, range).map(async (stretch) => await read(stretch, MAX_PAGES)));
  const all = [opening, ...rest];
  const unanswered = all.find((each) => each.unanswered !== null)?.unanswered ?? null;
  if (unanswered !== null) return { found, notFound: unanswered };
  const scanned = { scannedFrom: range.fromSeconds * 1_000, scannedTo: range.toSeconds * 1_000 };
  const pages = all.reduce((sum, each) => sum + each.pages, 0);
  return { found, notFound: { kind: 'absent', ...scanned, pages, requestId: all.at(-1)?.requestId ?? null } };
}

/** What is left of the range behind its first page: every second of it in one stretch, newest first. */
export function stretchesBehind(rows: readonly Pick<IntentSnapshot, 'id' | 'created'>[], { fromSeconds, toSeconds }: ScanRange): readonly Stretch[] {
  const [newest, oldest] = [rows[0]?.created ?? toSeconds, rows.at(-1)?.created ?? toSeconds];
  const leftSeconds = Math.max(0, oldest - fromSeconds);
  const pagesLeft = (leftSeconds * rows.length) / LIST_PAGE_SIZE / Math.max(1, newest - oldest);
  const count = Math.max(1, Math.min(STRETCHES, leftSeconds, Math.floor(pagesLeft / PAGES_A_STRETCH)));
  const beginOf = (index: number): number => fromSeconds + Math.floor((leftSeconds * (count - 1 - index)) / count);
  return Array.from({ length: count }, (_, index) => ({
    fromSeconds: beginOf(index),
    ...(index === 0 ? { toSeconds, after: rows.at(-1)?.id ?? null } : { toSeconds: beginOf(index - 1) - 1, after: null }),
  }));
}

async function readStretch({ stretch, mostPages, page: ask, keep }: {
  readonly stretch: Stretch;
  readonly mostPages: number;
  readonly page: (from: Stretch) => ReturnType<typeof readPage>;
  readonly keep: (page: Page) => void;
}): Promise<StretchEnd> {
  const seen = new Set<string>(stretch.after === null ? [] : [stretch.after]);
  let { after } = stretch;
  for (let pages = 1; ; pages += 1) {
    const { page, outcome } = await ask({ ...stretch, after });
    if ('kind' in page) return { pages, requestId: page.requestId, unanswered: page, before: null };
    keep(page);
    const end = { pages, requestId: page.requestId, unanswered: null, before: null };
    if (!page.hasMore) return end;
    const last = page.rows.at(-1)?.id ?? null;
    // More, but nothing to go on from, or a page that was here before: walking on would never end.
    if (last === null || seen.has(last) || pages >= MAX_PAGES) {
      return { ...end, unanswered: unknown(outcome, 'malformed', 'Stripe\'s list did not come to an end') };
    }
    if (pages === mostPages) return { ...end, before: page };
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

function keepMatches(page: Page, wanted: ReadonlySet<string>, found: Found): void {
  for (const intent of page.rows) {
    const transactionId = intent.metadata[TRANSACTION_METADATA];
    if (transactionId === undefined || !wanted.has(transactionId)) continue;
    const before = found.get(transactionId);
    if (before?.intent.id === intent.id || before?.others?.some(({ id }) => id === intent.id) === true) continue;
    const all = before === undefined ? [intent] : [before.intent, ...(before.others ?? []), intent];
    const main = all.reduce((one, other) => (mattersMore(other, one) ? other : one));
    const others = all.filter(({ id }) => id !== main.id);
    found.set(transactionId, { kind: 'intent', intent: main, requestId: page.requestId, replayed: false, ...(others.length === 0 ? {} : { others }) });
  }
}

/** Of two that matter alike the newer one, in whichever order their pages came. */
function mattersMore(one: IntentSnapshot, other: IntentSnapshot): boolean {
  const difference = IMPORTANCE.indexOf(one.status) - IMPORTANCE.indexOf(other.status);
  return difference === 0 ? one.created > other.created : difference > 0;
}
