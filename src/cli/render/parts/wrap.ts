import { widthOf } from './columns.ts';

/**
 * Breaks a sentence between words so that no line is wider than `width`; the lines after the first are indented. A
 * word that is too long for a line of its own (an id, a key) stays whole, so that it can be copied.
 */
export function wrap(text: string, width: number, indent = 0): string {
  if (!Number.isFinite(width)) return text;
  const lines: string[] = [];
  let line = '';
  let lineWidth = 0;
  for (const word of text.split(' ')) {
    const wordWidth = widthOf(word);
    if (line === '') {
      line = word;
      lineWidth = wordWidth;
    } else if (lineWidth + 1 + wordWidth > width) {
      lines.push(line);
      line = word;
      lineWidth = wordWidth;
    } else {
      line = `${line} ${word}`;
      lineWidth += 1 + wordWidth;
    }
  }
  return [...lines, line].join(`\n${' '.repeat(indent)}`);
}
