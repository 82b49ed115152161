import { setMaxListeners } from 'node:events';

/**
 * Runs `work` over what `next` gives, at most `concurrency` at once, and yields results as they come. `next` answers
 * null when there is nothing to begin now, and is asked again after each result. Begins no more than the
 * consumer takes, so memory stays bounded however many items there are. When the signal aborts, or
 * the consumer stops early, nothing more begins, what runs is told by its own signal, and its
 * results are dropped.
 */
export async function* asCompleted<Item, Result>(
  next: () => Item | null,
  work: (item: Item, stop: AbortSignal) => Promise<Result>,
  concurrency: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Result, void, undefined> {
  const over = new AbortController();
  const stop = over.signal;
  setMaxListeners(concurrency + 1, stop);
  const abort = (): void => over.abort();
  signal?.addEventListener('abort', abort, { once: true });
  if (signal?.aborted === true) abort();
  const running = new Map<number, Promise<{ readonly index: number; readonly result: Result }>>();
  let begun = 0;
  try {
    for (;;) {
      while (running.size < concurrency && !stop.aborted) {
        const item = next();
        if (item === null) break;
        const index = begun;
        begun += 1;
        running.set(
          index,
          work(item, stop).then((result) => ({ index, result })),
        );
      }
      if (running.size === 0 || stop.aborted) return;
      const { index, result } = await Promise.race(running.values());
      running.delete(index);
      if (isAborted(stop)) return;
      yield result;
    }
  } finally {
    signal?.removeEventListener('abort', abort);
    abort();
    await Promise.allSettled(running.values());
  }
}

/** Asked through a function because it changes while this waits, which the compiler cannot know. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
