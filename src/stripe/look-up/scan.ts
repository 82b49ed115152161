import type { IntentSnapshot } from '../../domain/answer.ts';
import { TRANSACTION_METADATA } from '../../domain/marks.ts';
import { unknown } from '../classify.ts';
import type { Page, PageReader, Unanswered } from './page.ts';
import { LIST_PAGE_SIZE } from '../params.ts';

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

/** One payment intent on the list that bears a transaction's id. */
export interface Match {
  readonly intent: IntentSnapshot;
  readonly requestId: string | null;
}

/** How the reading of the list ended. */
export interface ScanEnd {
  readonly pages: number;
  readonly requestId: string | null;
  /** Why the list was not read to its end; null when it was. */
  readonly unanswered: Unanswered | null;
}

/** By transaction id: every intent found that bears it. What is not a key of it is not looked for. */
export type Matches = ReadonlyMap<string, Match[]>;

/** Part of a scan's range, from its newest second on, or from behind the payment intent `after`. */
export interface Stretch extends ScanRange {
  readonly after: string | null;
}

/** Read to its end, or until some page said why not, or as many pages as were wanted. */
interface StretchEnd extends ScanEnd {
  /** The last page, when there are more behind it. */
  readonly before: Page | null;
}

/** Reads the range to its end, and adds to the matches what it finds. */
export async function scanIntents(
  pages: PageReader,
  range: ScanRange,
  matches: Matches,
): Promise<ScanEnd> {
  const read = async (stretch: Stretch, mostPages: number): Promise<StretchEnd> =>
    await readStretch({
      stretch,
      mostPages,
      pages,
      keep: (page) => {
        keepMatches(page, matches);
      },
    });
  const opening = await read({ ...range, after: null }, 1);
  const rest =
    opening.before === null
      ? []
      : await Promise.all(
          stretchesBehind(opening.before.rows, range).map(
            async (stretch) => await read(stretch, MAX_PAGES),
          ),
        );
  return rest.reduce<ScanEnd>(endOfBoth, opening);
}

/** Of two parts of one scan. */
export function endOfBoth(one: ScanEnd, other: ScanEnd): ScanEnd {
  return {
    pages: one.pages + other.pages,
    requestId: other.requestId,
    unanswered: one.unanswered ?? other.unanswered,
  };
}

/** What is left of the range behind its first page: every second of it in one stretch, newest first. */
export function stretchesBehind(
  rows: readonly Pick<IntentSnapshot, 'id' | 'created'>[],
  { fromSeconds, toSeconds }: ScanRange,
): readonly Stretch[] {
  const newest = rows[0]?.created ?? toSeconds;
  const oldest = rows.at(-1)?.created ?? toSeconds;
  const leftSeconds = Math.max(0, oldest - fromSeconds);
  const pagesLeft = (leftSeconds * rows.length) / LIST_PAGE_SIZE / Math.max(1, newest - oldest);
  const count = Math.max(
    1,
    Math.min(STRETCHES, leftSeconds, Math.floor(pagesLeft / PAGES_A_STRETCH)),
  );
  const beginOf = (index: number): number =>
    fromSeconds + Math.floor((leftSeconds * (count - 1 - index)) / count);
  return Array.from({ length: count }, (_, index) => ({
    fromSeconds: beginOf(index),
    ...(index === 0
      ? { toSeconds, after: rows.at(-1)?.id ?? null }
      : { toSeconds: beginOf(index - 1) - 1, after: null }),
  }));
}

async function readStretch({
  stretch,
  mostPages,
  pages: ask,
  keep,
}: {
  readonly stretch: Stretch;
  readonly mostPages: number;
  readonly pages: PageReader;
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
      return {
        ...end,
        unanswered: unknown(outcome, 'malformed', "Stripe's list did not come to an end"),
      };
    }
    if (pages === mostPages) return { ...end, before: page };
    seen.add(last);
    after = last;
  }
}

function keepMatches({ rows, requestId }: Page, matches: Matches): void {
  for (const intent of rows) {
    const found = matches.get(intent.metadata[TRANSACTION_METADATA] ?? '');
    if (found !== undefined && !found.some(({ intent: { id } }) => id === intent.id))
      found.push({ intent, requestId });
  }
}
