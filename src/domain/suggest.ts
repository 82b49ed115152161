const MAX_TYPED = 100;

/**
 * The candidate that was probably meant, for "did you mean"; null when none is near. A longer word may
 * hold more slips. Of equally near ones the first wins, so put what is meant most often first.
 */
export function nearest(
  typed: string,
  candidates: Iterable<string>,
  maxDistance = Math.max(1, Math.floor(typed.length / 4)),
): string | null {
  // Longer than any word that could be meant; it may be a megabyte.
  if (typed.length > MAX_TYPED) return null;
  let best: string | null = null;
  let bestDistance = maxDistance + 1;
  const wanted = typed.toLowerCase();
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - wanted.length) >= bestDistance) continue;
    const distance = editDistance(wanted, candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let beforeLast: readonly number[] = [];
  let last: readonly number[] = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const replaced = at(last, column - 1) + (a[row - 1] === b[column - 1] ? 0 : 1);
      const swapped =
        a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
          ? at(beforeLast, column - 2) + 1
          : Infinity;
      current.push(Math.min(replaced, swapped, at(last, column) + 1, at(current, column - 1) + 1));
    }
    beforeLast = last;
    last = current;
  }
  return at(last, b.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Infinity;
}
