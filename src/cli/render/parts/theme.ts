import { Chalk } from 'chalk';
import type { Status } from '../../../domain/statuses.ts';
import type { Output } from '../../streams.ts';

/**
 * Colours of the 256-colour table that are readable on black and on white alike (contrast of 4:1 or more against
 * both), so that nobody needs to say what the background is. They only repeat what a word or a sign already says.
 */
export const PALETTE = { green: 28, red: 160, amber: 130, violet: 164, grey: 243 } as const;

type Colour = keyof typeof PALETTE;
export type Paint = (text: string) => string;

export interface Theme {
  readonly strong: Paint;
  readonly faint: Paint;
  readonly good: Paint;
  readonly bad: Paint;
  readonly warn: Paint;
  readonly status: (status: Status) => Paint;
  /** A sign that tells the states apart without colours. */
  readonly sign: (status: Status) => string;
}

const statusColour: Readonly<Record<Status, Colour>> = {
  succeeded: 'green',
  failed: 'red',
  canceled: 'grey',
  pending: 'amber',
  stuck: 'violet',
};

const statusSign: Readonly<Record<Status, string>> = {
  succeeded: '✓',
  failed: '✗',
  canceled: '○',
  pending: '…',
  stuck: '!',
};

export function createTheme(output: Pick<Output, 'colourLevel'>): Theme {
  const chalk = new Chalk({ level: output.colourLevel });
  const colour = (name: Colour): Paint => chalk.ansi256(PALETTE[name]);
  return {
    strong: chalk.bold,
    faint: colour('grey'),
    good: colour('green'),
    bad: chalk.ansi256(PALETTE.red).bold,
    warn: chalk.ansi256(PALETTE.amber).bold,
    status: (status) => colour(statusColour[status]),
    sign: (status) => statusSign[status],
  };
}
