import type { Payrecon } from '../app/service.ts';
import type { Globals } from './flags.ts';
import type { Prompts } from './prompts.ts';
import type { CliServices, OpenRequest } from './dependencies.ts';
import { type Output, withoutColour, withTimeZone } from './streams.ts';

/** What a command is given to do its work. */
export interface CommandContext extends Globals {
  readonly services: CliServices;
  readonly out: Output;
  readonly err: Output;
  readonly prompts: Prompts;
  /** What was typed after `payrecon`, to say how to run it again. */
  readonly typed: readonly string[];
  /** With `--json`: sentences that wait for the end of the command, which prints one document on standard error. */
  readonly notices: string[];
  /** Whose clock people are shown, once the settings are known. */
  readonly zone: { name: string };
}

export function createContext(
  services: CliServices,
  globals: Globals,
  typed: readonly string[],
  notices: string[] = [],
): CommandContext {
  const zone = { name: 'UTC' };
  const [out, err] = [services.streams.out, services.streams.err].map((output) =>
    withTimeZone(output, () => zone.name),
  ) as [Output, Output];
  const [shownOut, shownErr] = globals.colour
    ? [out, err]
    : [withoutColour(out), withoutColour(err)];
  return {
    ...globals,
    services,
    typed,
    notices,
    zone,
    out: shownOut,
    err: shownErr,
    prompts: services.prompts(shownErr),
  };
}

/**
 * Programs that read standard error are told of live mode alone; people at a terminal always see where they are. A
 * warning reaches a program too: most payrecon is run by cron, where nobody looks at a terminal.
 */
async function introduce(
  payrecon: Payrecon,
  { err, json, notices }: CommandContext,
): Promise<void> {
  const saysMode = err.isTerminal || payrecon.mode === 'live';
  const warnings = json ? [] : payrecon.warnings;
  if (json) notices.push(...payrecon.warnings);
  if (!saysMode && warnings.length === 0) return;
  const { banner, warningLines } = await import('./render/parts/banner.ts');
  if (saysMode) err.write(banner(payrecon, err));
  err.write(warningLines(warnings, err));
}

/** A person reads a line; a program finds it beside the error, or as a document of its own where there is none. */
function noticeTo({ err, json, notices }: CommandContext): (sentence: string) => void {
  return (sentence) => {
    if (json) notices.push(sentence);
    else err.write(`payrecon: ${sentence}\n`);
  };
}

/** Opens payrecon, says on which ledger and in which mode, and closes it whatever happens. */
export async function withPayrecon<Result>(
  context: CommandContext,
  need: Omit<OpenRequest, 'flags'>,
  use: (payrecon: Payrecon) => Promise<Result>,
): Promise<Result> {
  const payrecon = await context.services.open({
    notice: noticeTo(context),
    ...need,
    flags: context.flags,
  });
  context.zone.name = payrecon.timeZone;
  try {
    await introduce(payrecon, context);
    const result = await use(payrecon);
    const notices = context.notices.splice(0);
    if (notices.length > 0) {
      const { jsonText } = await import('./render/parts/json.ts');
      for (const notice of notices) context.err.write(jsonText({ notice }, { isTerminal: false }));
    }
    return result;
  } finally {
    await payrecon.close();
  }
}
