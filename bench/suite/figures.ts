/** What a benchmark is judged by, and how it is told. Money does not occur here; units are words, such as `calls` or `s`. */
export interface Figure {
  readonly name: string;
  readonly unit: string;
  /** Medians, where there were several runs. */
  readonly ours: number;
  readonly peer: number | null;
  /** Ours over the peer's: the median of the ratios of the pairs, which need not be the ratio of the medians. */
  readonly ratio: number | null;
  /** The smallest and the largest of what is judged: ratios where the goal is one, else ours. */
  readonly spread: readonly [number, number] | null;
  readonly goal: Goal | null;
  /** What was scaled down, and what else a reader has to know. */
  readonly note: string;
}

/** With the verdict on its goal; null where it has none. */
export interface JudgedFigure extends Figure {
  readonly reached: boolean | null;
}

export interface Goal {
  readonly of: 'ours' | 'ratio';
  readonly direction: 'at most' | 'at least';
  readonly value: number;
}

export interface Table {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}

export interface Measured {
  /** Whom ours was compared with; empty where there is nobody. */
  readonly peer: string;
  readonly figures: readonly Figure[];
  readonly tables: readonly Table[];
}

/** `long` is for what does not fit into half an hour: ten million rows. */
export const SIZES = ['quick', 'full', 'long'] as const;
export type Size = (typeof SIZES)[number];

export function judged({
  goal,
  ours,
  ratio,
}: Pick<Figure, 'goal' | 'ours' | 'ratio'>): number | null {
  if (goal === null) return null;
  return goal.of === 'ours' ? ours : ratio;
}

/** Null where there is no goal. What could not be measured has not reached its goal. */
export function reached(figure: Pick<Figure, 'goal' | 'ours' | 'ratio'>): boolean | null {
  if (figure.goal === null) return null;
  const { direction, value } = figure.goal;
  const seen = judged(figure);
  if (seen === null || !Number.isFinite(seen)) return false;
  return direction === 'at most' ? seen <= value : seen >= value;
}

/** How much of what the goal allows was used: at most 1 is reached, whichever direction the goal has. */
export function shareOfGoal(figure: Pick<Figure, 'goal' | 'ours' | 'ratio'>): number | null {
  const seen = judged(figure);
  if (figure.goal === null || seen === null || !Number.isFinite(seen)) return null;
  const { direction, value } = figure.goal;
  if (direction === 'at least') return seen <= 0 ? null : value / seen;
  return value <= 0 ? null : seen / value;
}

/** Of an even number, the middle between the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const lower = sorted[Math.floor((sorted.length - 1) / 2)];
  const upper = sorted[Math.floor(sorted.length / 2)];
  return lower === undefined || upper === undefined ? Number.NaN : (lower + upper) / 2;
}

/** The smallest value that at least this share of all are not above. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

export function spreadOf(values: readonly number[]): readonly [number, number] | null {
  return values.length < 2 ? null : [Math.min(...values), Math.max(...values)];
}

export interface Pair<Ours, Peer> {
  readonly ours: Ours;
  readonly peer: Peer;
}

/** One after the other, the order alternating, so that a busy moment of the machine touches both. */
export async function inPairs<Ours, Peer>(
  pairs: number,
  ours: () => Promise<Ours>,
  peer: () => Promise<Peer>,
): Promise<readonly Pair<Ours, Peer>[]> {
  const done: Pair<Ours, Peer>[] = [];
  for (let pair = 0; pair < pairs; pair += 1) {
    if (pair % 2 === 0) {
      const first = await ours();
      done.push({ ours: first, peer: await peer() });
    } else {
      const first = await peer();
      done.push({ ours: await ours(), peer: first });
    }
  }
  return done;
}

type Named = Pick<Figure, 'name' | 'unit' | 'goal'> & { readonly note?: string };

/** A figure that has no peer. */
export function aloneFigure(named: Named, values: readonly number[]): Figure {
  return {
    note: '',
    ...named,
    ours: median(values),
    peer: null,
    ratio: null,
    spread: spreadOf(values),
  };
}

export function pairedFigure(named: Named, pairs: readonly Pair<number, number>[]): Figure {
  const ours = pairs.map((pair) => pair.ours);
  const ratios = pairs.map((pair) => pair.ours / pair.peer);
  const spread = spreadOf(named.goal?.of === 'ours' ? ours : ratios);
  return {
    note: '',
    ...named,
    ours: median(ours),
    peer: median(pairs.map((pair) => pair.peer)),
    ratio: median(ratios),
    spread,
  };
}

export function atMost(of: Goal['of'], value: number): Goal {
  return { of, direction: 'at most', value };
}

export function atLeast(of: Goal['of'], value: number): Goal {
  return { of, direction: 'at least', value };
}
