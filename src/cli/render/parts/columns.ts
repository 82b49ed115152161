import stringWidth from 'string-width';

/** Which part of a text goes when it is too long: its end (sentences) or its middle (names and ids). */
export type Shorten = 'end' | 'middle';

export interface Column {
  readonly title: string;
  /** Below this width the column is left out rather than shortened further; `whole` is never shortened. */
  readonly least: number | 'whole';
  /** Columns of the lowest rank are left out first. */
  readonly rank: number;
  readonly align?: 'left' | 'right';
  readonly shorten?: Shorten;
}

export interface FittedColumn {
  readonly index: number;
  readonly width: number;
}

/** Places a text takes on a terminal, colours not counted. */
export function widthOf(text: string): number {
  // Printable ASCII is most of what is shown, and needs no look at each letter. The look takes minutes for a hundred
  // thousand of them (the square of their number), and whatever is so long fits no terminal anyway.
  return text.length > LONGEST_LOOKED_AT || /^[ -~]*$/.test(text) ? text.length : stringWidth(text);
}

const LONGEST_LOOKED_AT = 2_000;

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** At most `width` places, with an ellipsis where something was left out. */
export function shorten(text: string, width: number, how: Shorten = 'end'): string {
  if (widthOf(text) <= width) return text;
  if (width < 1) return '';
  const part = LONGEST_LOOKED_AT / 2;
  const looked = text.length > LONGEST_LOOKED_AT ? text.slice(0, part) + text.slice(-part) : text;
  const letters = [...graphemes.segment(looked)].map((each) => each.segment);
  const room = width - 1;
  const tailRoom = how === 'middle' ? Math.floor(room / 2) : 0;
  return `${take(letters, room - tailRoom)}…${take(letters.reverse(), tailRoom, true)}`;
}

function take(letters: readonly string[], room: number, reversed = false): string {
  const taken: string[] = [];
  let used = 0;
  for (const letter of letters) {
    used += widthOf(letter);
    if (used > room) break;
    taken.push(letter);
  }
  return (reversed ? taken.reverse() : taken).join('');
}

/**
 * Chooses the columns that have room and how wide each is. What is left over goes to the columns that want more, a
 * place each in turn.
 */
export function fitColumns(
  columns: readonly Column[],
  wanted: readonly number[],
  available: number,
  gap: number,
): readonly FittedColumn[] {
  const sized = columns
    .map(({ least, rank }, index) => {
      const want = wanted[index] ?? 0;
      return { index, rank, want, width: least === 'whole' ? want : Math.min(least, want) };
    })
    .filter(({ want }) => want > 0);
  const byRank = [...sized].sort((a, b) => b.rank - a.rank);
  while (byRank.length > 1 && needed(byRank, gap) > available) byRank.pop();
  if (!Number.isFinite(available)) return sized.map(({ index, want }) => ({ index, width: want }));
  let spare = available - needed(byRank, gap);
  for (
    let growing = byRank;
    spare > 0 && growing.length > 0;
    growing = growing.filter(({ width, want }) => width < want)
  ) {
    for (const column of growing) {
      if (spare === 0 || column.width >= column.want) continue;
      column.width += 1;
      spare -= 1;
    }
  }
  return byRank.sort((a, b) => a.index - b.index).map(({ index, width }) => ({ index, width }));
}

function needed(columns: readonly { readonly width: number }[], gap: number): number {
  return columns.reduce((sum, { width }) => sum + width, 0) + gap * Math.max(columns.length - 1, 0);
}
