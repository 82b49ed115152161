import { widthOf } from './fit.ts';

/**
 * Breaks a sentence between words so that no line is wider than `width`; the lines after the first are indented. A
 * word that is too long for a line of its own (an id, a key) stays whole, so that it can be copied.
 */
export function wrap(text: string, width: number, indent = 0): string {
  if (!Number.isFinite(width)) return text;
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && widthOf(longer) > width) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return [...lines, line].join(`\n${' '.repeat(indent)}`);
}
