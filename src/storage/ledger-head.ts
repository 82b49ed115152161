/** Told by the writes of this process, as they come and go; see sqlite-head.ts. */
export interface LedgerHead {
  /** Under the write lock: how many entries there are before ours. */
  entering(entries: number): void;
  /** How many there will be, once it is committed. */
  wrote(entries: number): void;
  committed(): void;
}
