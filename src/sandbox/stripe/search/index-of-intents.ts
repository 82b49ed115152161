import type { IntentRecord } from '../records.ts';
import { type Entry, Timeline } from '../timeline.ts';

/** What the search can see: each payment intent as it was some time ago. */
export class SearchIndex {
  readonly #lagMs: number;
  readonly #visible = new Timeline<IntentRecord>();
  #waiting: { readonly fromMs: number; readonly record: IntentRecord }[] = [];
  /** How many at the front of the waiting ones are done; cutting them off each time would copy the rest. */
  #done = 0;

  constructor(lagMs: number) {
    this.#lagMs = lagMs;
  }

  note(record: IntentRecord, nowMs: number): void {
    this.#waiting.push({ fromMs: nowMs + this.#lagMs, record });
    this.#catchUp(nowMs);
  }

  /** Shows everything that it was told, however fresh. */
  catchUpWholly(): void {
    this.#catchUp(Infinity);
  }

  fill(records: readonly IntentRecord[]): void {
    this.#visible.putAll(records);
  }

  clear(): void {
    this.#visible.clear();
    this.#waiting = [];
    this.#done = 0;
  }

  /** Newest first. */
  entries(nowMs: number): Iterable<Entry<IntentRecord>> {
    this.#catchUp(nowMs);
    return this.#visible.entriesNewestFirst();
  }

  #catchUp(nowMs: number): void {
    for (
      let next = this.#waiting[this.#done];
      next !== undefined && next.fromMs <= nowMs;
      next = this.#waiting[this.#done]
    ) {
      this.#visible.put(next.record);
      this.#done += 1;
    }
    if (this.#done > 1000 && this.#done * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#done);
      this.#done = 0;
    }
  }
}
