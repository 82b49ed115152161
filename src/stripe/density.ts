/** Samples kept: enough for the hours of one backlog at different speeds. */
const KEPT = 64;

/** A page with fewer says little: it may have ended by chance. */
const ROWS_THAT_TELL = 50;

/** How many payment intents the account makes a second, learned from the pages that were read. */
export class Density {
  readonly #samples: { readonly atSeconds: number; readonly perSecond: number }[] = [];

  /** A page of `rows` covered the time between these two instants (seconds since 1970). */
  saw(rows: number, fromSeconds: number, toSeconds: number): void {
    const seconds = toSeconds - fromSeconds;
    if (seconds <= 0 || (rows < ROWS_THAT_TELL && this.#samples.length > 0)) return;
    this.#samples.push({ atSeconds: (fromSeconds + toSeconds) / 2, perSecond: rows / seconds });
    if (this.#samples.length > KEPT) this.#samples.shift();
  }

  /** As the page nearest in time showed it; null before the first one. */
  at(seconds: number): number | null {
    let nearest: { readonly atSeconds: number; readonly perSecond: number } | null = null;
    for (const sample of this.#samples) {
      if (nearest === null || Math.abs(sample.atSeconds - seconds) < Math.abs(nearest.atSeconds - seconds)) nearest = sample;
    }
    return nearest?.perSecond ?? null;
  }
}
