import type { Payrecon } from '../../../app/service.ts';
import type { Output } from '../../streams.ts';
import { escapeText } from './escape.ts';
import { createTheme, type Theme } from './theme.ts';
import { wrap } from './wrap.ts';

/** Which mode and which ledger, before anything is done. */
export function banner(
  { mode, ledger }: Pick<Payrecon, 'mode' | 'ledger'>,
  output: Output,
): string {
  const theme = createTheme(output);
  return `${modeText(mode, theme)} ${theme.faint(`· ${escapeText(ledger)}`)}\n`;
}

/** What is not right about the settings, and stops nothing. */
export function warningLines(warnings: readonly string[], output: Output): string {
  const theme = createTheme(output);
  return warnings
    .map((warning) => `${theme.warn('!')} ${wrap(escapeText(warning), output.columns - 2, 2)}\n`)
    .join('');
}

function modeText(mode: Payrecon['mode'], theme: Theme): string {
  switch (mode) {
    case 'live':
      return theme.bad('LIVE MODE: real money');
    case 'test':
      return theme.faint('test mode');
    case 'none':
      return theme.faint('no Stripe key');
  }
}
