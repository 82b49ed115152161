/**
 * How many calls of one kind may be under way. Whoever asked first goes first. Kept here and not in
 * the connection agent, because the agent's queue would use up the time limit of the call that
 * waits in it.
 */
export class Slots {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(atMost: number) {
    this.#free = atMost;
  }

  /** Waits for a free slot; false when the signal aborted before there was one. */
  async take(signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return false;
    if (this.#free > 0) {
      this.#free -= 1;
      return true;
    }
    return await new Promise((resolve) => {
      const leave = (): void => {
        this.#waiting.delete(enter);
        resolve(false);
      };
      const enter = (): void => {
        this.#waiting.delete(enter);
        signal.removeEventListener('abort', leave);
        resolve(true);
      };
      this.#waiting.add(enter);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  /** The slot goes straight to the next that waits, so that nobody overtakes. */
  giveBack(): void {
    const [next] = this.#waiting;
    if (next === undefined) this.#free += 1;
    else next();
  }
}
