import type { LookUp } from '../../app/ports.ts';
import type { Density } from './payment-rate.ts';
import { LIST_PAGE_SIZE } from '../params.ts';

/*
 * Which call answers the most: a page of Stripe's list answers every wanted payment on it, up to 100, a retrieve
 * answers one. The wanted payments with a known id are cut into slices of time that are read side by side, newest
 * first. At each point of a slice the next page is taken when it is expected to answer at least two of them; else the
 * next one is retrieved and what lies between is jumped over. What a page was expected to show and did not is
 * retrieved at the end, for a list proves nothing about what it does not show.
 *
 * Pure: it is told what the pages showed, and says what to ask next. Times are whole seconds, as Stripe counts them.
 */

/** A slice has so many wanted payments at least: each slice may cost one page more. */
const ROWS_A_SLICE = 1_000;
/** Try a page of unknown value when at least this many rows are wanted (it costs ≤ 5 % extra calls). */
const WORTH_A_PROBE = 20;
/** Stripe makes an intent within so many seconds of our sending the create, until pages have shown how long it takes. */
const FIRST_LAG_SECONDS = 1;
const LONGEST_LAG_SECONDS = 600;
/** How many pages ahead to compare list calls with single retrieves. */
const PAGES_AHEAD = 8;
/** After a jump the first row's position within its second is unknown; assume the middle. */
const HALF_A_SECOND = 0.5;

export interface PageAsked {
  readonly fromSeconds: number;
  readonly toSeconds: number;
  readonly after: string | null;
}

export type PlannedCall =
  | { readonly kind: 'page'; readonly slice: Slice; readonly page: PageAsked }
  | { readonly kind: 'retrieve'; readonly query: LookUp; readonly paymentIntent: string };

export interface RowShown {
  readonly id: string;
  readonly created: number;
}

interface Wanted {
  readonly query: LookUp;
  readonly paymentIntent: string;
  readonly atSeconds: number;
  answered: boolean;
}

/** A stretch of time with the payments wanted in it, newest first, and how far it has been read. */
export interface Slice {
  readonly rows: readonly Wanted[];
  /** The first row that is neither answered nor passed. */
  next: number;
  /** Where a page that goes on begins; null: nowhere yet. */
  cursor: { readonly after: string; readonly oldestSeconds: number } | null;
  busy: boolean;
  /** Passed by a page that did not show them, or not worth one. */
  readonly alone: Wanted[];
}

export class LookUpPlanner {
  readonly #density: Density;
  readonly #slices: readonly Slice[];
  /** Wanted and not answered, by payment intent; two transactions never share one. */
  readonly #open = new Map<string, Wanted>();
  readonly #retrieves: Wanted[] = [];
  #lagSeconds = FIRST_LAG_SECONDS;
  #turn = 0;

  constructor(queries: readonly LookUp[], density: Density, slicesAtOnce: number) {
    this.#density = density;
    const wanted = queries
      .flatMap((query) => wantedOf(query))
      .sort((a, b) => b.atSeconds - a.atSeconds);
    for (const row of wanted) {
      // A second one with the same id, should that ever be, is asked for alone.
      if (this.#open.has(row.paymentIntent)) this.#retrieves.push(row);
      else this.#open.set(row.paymentIntent, row);
    }
    this.#slices = sliced([...this.#open.values()], slicesAtOnce);
  }

  /** What to ask now; null: nothing before an answer has come, or nothing any more. */
  next(): PlannedCall | null {
    for (let turns = this.#slices.length; turns > 0; turns -= 1) {
      const slice = this.#slices[this.#turn % this.#slices.length];
      this.#turn += 1;
      const page = slice === undefined || slice.busy ? null : this.#nextPage(slice);
      if (slice === undefined || page === null) continue;
      slice.busy = true;
      return { kind: 'page', slice, page };
    }
    return this.#nextRetrieve();
  }

  /** The queries that the page answers, each with its place on the page. */
  saw(
    slice: Slice,
    asked: PageAsked,
    shown: readonly RowShown[],
    hasMore: boolean,
  ): readonly { readonly query: LookUp; readonly index: number }[] {
    slice.busy = false;
    const found = shown.flatMap(({ id, created }, index) => {
      const row = this.#open.get(id);
      if (row === undefined) return [];
      this.#answered(row);
      this.#lagSeconds = Math.min(
        LONGEST_LAG_SECONDS,
        Math.max(this.#lagSeconds, created - row.atSeconds),
      );
      return [{ query: row.query, index }];
    });
    const last = shown.at(-1);
    const newest =
      slice.cursor === null || asked.after === null
        ? (shown[0]?.created ?? asked.toSeconds) + HALF_A_SECOND
        : slice.cursor.oldestSeconds;
    if (last !== undefined && (hasMore || shown.length === LIST_PAGE_SIZE))
      this.#density.saw(shown.length, last.created, newest);
    else this.#density.saw(shown.length, asked.fromSeconds, newest);
    if (hasMore && last !== undefined)
      slice.cursor = { after: last.id, oldestSeconds: last.created };
    else this.#pass(slice, Number.NEGATIVE_INFINITY);
    return found;
  }

  /** The page did not come: what it was to show is asked for one by one. */
  failed(slice: Slice, asked: PageAsked): void {
    slice.busy = false;
    const covered = this.#covered(asked.toSeconds);
    this.#pass(slice, Math.max(asked.fromSeconds, asked.toSeconds - covered - this.#lagSeconds));
    slice.cursor = null;
  }

  #nextRetrieve(): PlannedCall | null {
    for (const slice of this.#slices) this.#retrieves.push(...slice.alone.splice(0));
    for (let row = this.#retrieves.shift(); row !== undefined; row = this.#retrieves.shift()) {
      if (row.answered) continue;
      this.#answered(row);
      return { kind: 'retrieve', query: row.query, paymentIntent: row.paymentIntent };
    }
    return null;
  }

  #answered(row: Wanted): void {
    row.answered = true;
    this.#open.delete(row.paymentIntent);
  }

  /** The next page worth asking for; null when the rest of the slice is not, or nothing is left of it. */
  #nextPage(slice: Slice): PageAsked | null {
    for (let row = this.#head(slice); row !== null; row = this.#head(slice)) {
      const { cursor } = slice;
      const fromSeconds = (slice.rows.at(-1)?.atSeconds ?? row.atSeconds) - 1;
      // A page that goes on begins where the last one ended; one that jumps begins at the row.
      const startSeconds = row.atSeconds + this.#lagSeconds;
      const goesOn =
        cursor !== null && startSeconds + this.#covered(startSeconds) / 2 > cursor.oldestSeconds;
      const begin = goesOn ? cursor.oldestSeconds : startSeconds;
      if (this.#worthAPage(slice, begin))
        return { fromSeconds, toSeconds: begin, after: goesOn ? cursor.after : null };
      slice.alone.push(row);
      slice.next += 1;
    }
    return null;
  }

  /** Skips what is answered; what the pages have gone past without showing it is asked for alone. */
  #head(slice: Slice): Wanted | null {
    if (slice.cursor !== null) this.#pass(slice, slice.cursor.oldestSeconds + this.#lagSeconds);
    while (slice.rows[slice.next]?.answered === true) slice.next += 1;
    return slice.rows[slice.next] ?? null;
  }

  #pass(slice: Slice, olderThanSeconds: number): void {
    for (
      let row = slice.rows[slice.next];
      row !== undefined && (row.answered || row.atSeconds > olderThanSeconds);
      row = slice.rows[slice.next]
    ) {
      if (!row.answered) slice.alone.push(row);
      slice.next += 1;
    }
  }

  #worthAPage(slice: Slice, beginSeconds: number): boolean {
    const density = this.#density.at(beginSeconds);
    if (density === null) return this.#open.size >= WORTH_A_PROBE;
    const covered = this.#covered(beginSeconds);
    if (wantedUntil(slice, Math.floor(beginSeconds - covered), 2) === 2) return true;
    // Where a page answers as many as one retrieve would, now one more and now one less, all the pages are still fewer than all the rows.
    return (
      wantedUntil(slice, Math.floor(beginSeconds - PAGES_AHEAD * covered), PAGES_AHEAD + 1) >
      PAGES_AHEAD
    );
  }

  /** Seconds that a page reaches back from there. */
  #covered(atSeconds: number): number {
    const density = this.#density.at(atSeconds);
    return density === null || density === 0 ? LONGEST_LAG_SECONDS : LIST_PAGE_SIZE / density;
  }
}

/** How many of the slice are not answered and not older than that, as far as it matters. */
function wantedUntil(slice: Slice, oldestSeconds: number, atMost: number): number {
  let count = 0;
  for (let at = slice.next; at < slice.rows.length && count < atMost; at += 1) {
    const row = slice.rows[at];
    if (row === undefined || row.atSeconds < oldestSeconds) break;
    if (!row.answered) count += 1;
  }
  return count;
}

function wantedOf(query: LookUp): Wanted[] {
  if (query.paymentIntent === null) return [];
  return [
    {
      query,
      paymentIntent: query.paymentIntent,
      atSeconds: Math.floor(query.createdFrom / 1_000),
      answered: false,
    },
  ];
}

/** Neighbours in time stay together. */
function sliced(rows: readonly Wanted[], atMost: number): readonly Slice[] {
  const count = Math.max(1, Math.min(atMost, Math.floor(rows.length / ROWS_A_SLICE)));
  const size = Math.ceil(rows.length / count);
  return Array.from({ length: count }, (_, index) => ({
    rows: rows.slice(index * size, (index + 1) * size),
    next: 0,
    cursor: null,
    busy: false,
    alone: [],
  })).filter((slice) => slice.rows.length > 0);
}
