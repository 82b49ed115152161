/** One object in its place by time; the record behind it is replaced as the object changes. */
export interface Entry<R> {
  readonly id: string;
  readonly created: number;
  readonly seq: number;
  record: R;
}

/** Which page of a list; bounds in seconds, both included. */
export interface PageQuery<R> {
  readonly from: number;
  readonly to: number;
  readonly limit: number;
  readonly startingAfter: Entry<R> | null;
  readonly endingBefore: Entry<R> | null;
  readonly where: ((record: R) => boolean) | null;
}

export interface Page<R> {
  readonly records: readonly R[];
  readonly hasMore: boolean;
}

export type Placed = { readonly created: number; readonly seq: number };

/** Oldest first, so that a new one is put at the end and every bound is found by halving. */
export class Timeline<
  R extends { readonly id: string; readonly created: number; readonly seq: number },
> {
  readonly #byId = new Map<string, Entry<R>>();
  readonly #entries: Entry<R>[] = [];

  get size(): number {
    return this.#entries.length;
  }

  get(id: string): Entry<R> | undefined {
    return this.#byId.get(id);
  }

  /** Adds the record, or replaces the one with its id. */
  put(record: R): Entry<R> {
    const known = this.#byId.get(record.id);
    if (known !== undefined) {
      known.record = record;
      return known;
    }
    const entry = { id: record.id, created: record.created, seq: record.seq, record };
    this.adopt(entry);
    return entry;
  }

  /** Shows an entry of another timeline here too, as a list of one customer does. */
  adopt(entry: Entry<R>): void {
    this.#byId.set(entry.id, entry);
    const last = this.#entries.at(-1);
    if (last === undefined || compare(last, entry) < 0) this.#entries.push(entry);
    else this.#entries.splice(this.#place(entry), 0, entry);
  }

  remove(entry: Entry<R>): void {
    if (!this.#byId.delete(entry.id)) return;
    this.#entries.splice(this.#place(entry), 1);
  }

  /** Removes what was created before this second. */
  removeBefore(created: number): void {
    const gone = this.#entries.splice(0, this.#place({ created, seq: -1 }));
    for (const { id } of gone) this.#byId.delete(id);
  }

  /** Many at once, in any order: sorted once instead of put in place one by one. */
  putAll(records: readonly R[]): Entry<R>[] {
    const added = records.map((record) => ({
      id: record.id,
      created: record.created,
      seq: record.seq,
      record,
    }));
    for (const entry of added) {
      this.#byId.set(entry.id, entry);
      this.#entries.push(entry);
    }
    this.#entries.sort(compare);
    return added;
  }

  clear(): void {
    this.#byId.clear();
    this.#entries.length = 0;
  }

  *[Symbol.iterator](): Iterator<R> {
    for (const entry of this.#entries) yield entry.record;
  }

  *entriesNewestFirst(): Generator<Entry<R>> {
    for (let index = this.#entries.length - 1; index >= 0; index -= 1) {
      const entry = this.#entries[index];
      if (entry !== undefined) yield entry;
    }
  }

  page(query: PageQuery<R>): Page<R> {
    let low = this.#place({ created: query.from, seq: -1 });
    let high = this.#place({ created: query.to, seq: Number.MAX_SAFE_INTEGER });
    if (query.startingAfter !== null) high = Math.min(high, this.#place(query.startingAfter));
    if (query.endingBefore !== null) low = Math.max(low, this.#place(query.endingBefore) + 1);
    // Going back towards newer ones, the page is the one next to the cursor, and is still shown newest first.
    const backwards = query.endingBefore !== null && query.startingAfter === null;
    const found: R[] = [];
    for (let step = 0; step < high - low && found.length <= query.limit; step += 1) {
      const entry = this.#entries[backwards ? low + step : high - 1 - step];
      if (entry !== undefined && (query.where === null || query.where(entry.record)))
        found.push(entry.record);
    }
    const hasMore = found.length > query.limit;
    if (hasMore) found.pop();
    return { records: backwards ? found.reverse() : found, hasMore };
  }

  /** The index of the first entry that is not before this place. */
  #place(place: Placed): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const entry = this.#entries[middle];
      if (entry !== undefined && compare(entry, place) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function compare(one: Placed, other: Placed): number {
  return one.created - other.created || one.seq - other.seq;
}
