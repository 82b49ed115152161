/** Lets an answer wait until a request that came later has been answered. */
export class Answered {
  #waiting: (() => void)[] = [];

  /** Resolves when the next answer is sent, or when time is up or the signal says to stop. */
  async next(atMostMs: number, stop: AbortSignal): Promise<void> {
    if (stop.aborted) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        stop.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, atMostMs);
      stop.addEventListener('abort', done);
      this.#waiting.push(done);
    });
  }

  tell(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const done of waiting) done();
  }
}
