import type { CommandUnknownOpts } from '@commander-js/extra-typings';
import type { CommandContext } from './context.ts';
import type { Ending } from './exit-code.ts';

/** How a command, once its flags are read, is run: given by the caller of `createProgram`. */
export type Perform = (
  command: CommandUnknownOpts,
  run: (context: CommandContext) => Promise<Ending>,
) => Promise<void>;
