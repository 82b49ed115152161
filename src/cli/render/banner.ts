import { type Payrecon } from '../../app/payrecon.ts';
import { type Output } from '../streams.ts';
import { escapeText } from './escape.ts';
import { createTheme, type Theme } from './theme.ts';

/** Which mode and which ledger, before anything is done. */
export function banner({ mode, ledger }: Pick<Payrecon, 'mode' | 'ledger'>, output: Output): string {
  const theme = createTheme(output);
  return `${modeText(mode, theme)} ${theme.faint(`· ${escapeText(ledger)}`)}\n`;
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
