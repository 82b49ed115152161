import stringWidth from 'string-width';

/** Which part of a text goes when it is too long: its end (sentences) or its middle (names and ids). */
export type Shorten = 'end' | 'middle';

export interface Column {
  readonly title: string;
  /** Below this width the column is left out rather than shortened further. */
  readonly least: number;
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
  return stringWidth(text);
}

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** At most `width` places, with an ellipsis where something was left out. */
export function shorten(text: string, width: number, how: Shorten = 'end'): string {
  if (widthOf(text) <= width) return text;
  if (width < 1) return '';
  const letters = [...graphemes.segment(text)].map((each) => each.segment);
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
 * Chooses the columns that have room and how wide each is. All that is left over goes to the columns that want more,
 * from the highest rank down.
 */
export function fitColumns(columns: readonly Column[], wanted: readonly number[], available: number, gap: number): readonly FittedColumn[] {
  const want = (index: number): number => wanted[index] ?? 0;
  const least = (index: number): number => Math.min(columns[index]?.least ?? 0, want(index));
  let chosen = columns.map((_column, index) => index).filter((index) => want(index) > 0);
  const needed = (): number => chosen.reduce((sum, index) => sum + least(index), 0) + gap * Math.max(chosen.length - 1, 0);
  const byRank = [...chosen].sort((a, b) => (columns[b]?.rank ?? 0) - (columns[a]?.rank ?? 0));
  for (const index of [...byRank].reverse()) {
    if (needed() <= available || chosen.length === 1) break;
    chosen = chosen.filter((each) => each !== index);
  }
  let spare = available - needed();
  const widths = new Map(chosen.map((index) => [index, least(index)]));
  for (const index of byRank.filter((each) => chosen.includes(each))) {
    const more = Math.max(0, Math.min(spare, want(index) - least(index)));
    widths.set(index, least(index) + more);
    spare -= more;
  }
  return chosen.map((index) => ({ index, width: widths.get(index) ?? 0 }));
}
