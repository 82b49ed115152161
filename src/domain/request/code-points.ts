/** As Unicode writes it: `U+200B`. */
export function codePointName(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
}

/** Which character stands at an index of the text, and where a person who counts from 1 finds it. */
export function whereIs(text: string, index: number): string {
  const code = text.codePointAt(index) ?? 0;
  return `${codePointName(String.fromCodePoint(code))} at character ${String(Array.from(text.slice(0, index)).length + 1)}`;
}

/** The first character that the pattern finds, by name and place; null when there is none. The pattern must not be global. */
export function firstOf(text: string, pattern: RegExp): string | null {
  const found = pattern.exec(text);
  return found === null ? null : whereIs(text, found.index);
}
