import { type Payrecon } from '../app/payrecon.ts';
import { type Globals } from './flags.ts';
import { type Prompts } from './prompts.ts';
import { type CliServices, type OpenRequest } from './services.ts';
import { type Output, withoutColour } from './streams.ts';

/** What a command is given to do its work. */
export interface CommandContext extends Globals {
  readonly services: CliServices;
  readonly out: Output;
  readonly err: Output;
  readonly prompts: Prompts;
  /** What was typed after `payrecon`, to say how to run it again. */
  readonly typed: readonly string[];
}

export function createContext(services: CliServices, globals: Globals, typed: readonly string[]): CommandContext {
  const { out, err } = services.streams;
  const [shownOut, shownErr] = globals.colour ? [out, err] : [withoutColour(out), withoutColour(err)];
  return { ...globals, services, typed, out: shownOut, err: shownErr, prompts: services.prompts(shownErr) };
}

/** Opens payrecon, says on which ledger and in which mode, and closes it whatever happens. */
export async function withPayrecon<Result>(
  context: CommandContext,
  need: Omit<OpenRequest, 'flags'>,
  use: (payrecon: Payrecon) => Promise<Result>,
): Promise<Result> {
  const payrecon = await context.services.open({ ...need, flags: context.flags });
  try {
    if (context.err.isTerminal || payrecon.mode === 'live') {
      const { banner } = await import('./render/banner.ts');
      context.err.write(banner(payrecon, context.err));
    }
    return await use(payrecon);
  } finally {
    await payrecon.close();
  }
}
