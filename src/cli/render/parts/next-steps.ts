import type { Output } from '../../streams.ts';
import { escapeText } from './escape.ts';
import { widthOf } from './columns.ts';
import { shellWords } from './shell.ts';
import { createTheme } from './theme.ts';
import { wrap } from './wrap.ts';

export interface Hint {
  readonly text: string;
  /** To be typed as it is, word by word. */
  readonly command?: readonly string[];
}

const margin = 4;

/** What to do next, for a person: on standard error. */
export function hints(all: readonly Hint[], output: Output): string {
  const theme = createTheme(output);
  return all
    .map(({ text, command }) => {
      const sentence = `${theme.faint('→')} ${wrap(escapeText(text), output.columns - 2, 2)}\n`;
      if (command === undefined) return sentence;
      const lines = commandLines(shellWords(command).map(escapeText), output.columns - margin);
      return (
        sentence + lines.map((line) => `${' '.repeat(margin)}${theme.strong(line)}\n`).join('')
      );
    })
    .join('');
}

/** Broken where a shell takes it for one line, so that it can be pasted whole. */
function commandLines(words: readonly string[], width: number): readonly string[] {
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    // Room for the two places of the break that may follow.
    if (last === undefined || widthOf(last) + 1 + widthOf(word) + 2 > width)
      lines.push(last === undefined ? word : `  ${word}`);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines.map((line, at) => (at === lines.length - 1 ? line : `${line} \\`));
}
