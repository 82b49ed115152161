/** Samples kept: enough for the hours of one backlog at different speeds. */
const KEPT = 64;

/** Pages with fewer rows are too small to estimate from. */
const ROWS_THAT_TELL = 50;

/** `created` has one-second resolution, so short pages are averaged with neighbours up to this many page lengths away. */
const NEIGHBOURS = 8;

interface Sample {
  readonly atSeconds: number;
  readonly rows: number;
  readonly seconds: number;
}

/** How many payment intents the account makes a second, learned from the pages that were read. */
export class Density {
  readonly #samples: Sample[] = [];

  /** A page of `rows` covered the time between these two instants (seconds since 1970). */
  saw(rows: number, fromSeconds: number, toSeconds: number): void {
    const seconds = toSeconds - fromSeconds;
    if (seconds <= 0 || (rows < ROWS_THAT_TELL && this.#samples.length > 0)) return;
    this.#samples.push({ atSeconds: (fromSeconds + toSeconds) / 2, rows, seconds });
    if (this.#samples.length > KEPT) this.#samples.shift();
  }

  /** As the pages nearest in time showed it; null before the first one. */
  at(seconds: number): number | null {
    let nearest: Sample | null = null;
    for (const sample of this.#samples) {
      if (nearest === null || distance(sample, seconds) < distance(nearest, seconds))
        nearest = sample;
    }
    if (nearest === null) return null;
    const reach = distance(nearest, seconds) + NEIGHBOURS * nearest.seconds;
    let rows = 0;
    let span = 0;
    for (const sample of this.#samples) {
      if (distance(sample, seconds) > reach) continue;
      rows += sample.rows;
      span += sample.seconds;
    }
    return rows / span;
  }
}

function distance({ atSeconds }: Sample, seconds: number): number {
  return Math.abs(atSeconds - seconds);
}
