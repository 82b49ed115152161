import { type Output } from '../streams.ts';
import { escapeText } from './escape.ts';
import { createTheme } from './theme.ts';
import { wrap } from './wrap.ts';

export interface Hint {
  readonly text: string;
  /** To be typed as it is; stands on a line of its own and is never broken. */
  readonly command?: string;
}

/** What to do next, for a person: on standard error. */
export function hints(all: readonly Hint[], output: Output): string {
  const theme = createTheme(output);
  return all
    .map(({ text, command }) => {
      const sentence = `${theme.faint('→')} ${wrap(escapeText(text), output.columns - 2, 2)}\n`;
      return command === undefined ? sentence : `${sentence}    ${theme.strong(escapeText(command))}\n`;
    })
    .join('');
}
