import type { CommandContext } from '../../context.ts';
import { createTheme } from '../../render/parts/theme.ts';
import type { CliServices } from '../../dependencies.ts';
import type { Output } from '../../streams.ts';

const INDENT = '  │ ';

/** Where the story is told: headings, sentences, and commands that really run, with what they print. */
export interface Stage {
  readonly columns: number;
  heading(text: string): void;
  say(text: string): void;
  good(text: string): void;
  bad(text: string): void;
  plain(text: string): void;
  /** Runs a command line of payrecon over the demo's own ledger and Stripe; ends the story unless it exits as it must. */
  run(typed: readonly string[], mustExit: number): Promise<string>;
}

/** @throws the signal's `AbortError` from whatever is to be told next, once there was one. */
export function openStage(
  context: CommandContext,
  environment: CliServices['environment'],
  stop: AbortSignal,
): Stage {
  const { out, services } = context;
  const theme = createTheme(out);
  const line = (text: string): void => {
    stop.throwIfAborted();
    out.write(`${text}\n`);
  };

  const run = async (typed: readonly string[], mustExit: number): Promise<string> => {
    line(theme.strong(`  $ payrecon ${typed.map(quoted).join(' ')}`));
    const printed: string[] = [];
    const shown = indented(out, printed);
    const code = await services.command(typed, {
      ...services,
      environment,
      streams: { out: shown, err: shown, canAsk: false },
      open: async (request) => await services.open({ ...request, environment }),
    });
    line(theme.faint(`${INDENT}exit ${String(code)}`));
    line('');
    if (code !== mustExit)
      throw new Error(
        `payrecon ${typed.join(' ')} ended with ${String(code)} instead of ${String(mustExit)}`,
      );
    return printed.join('');
  };

  return {
    columns: out.columns,
    heading: (text) => {
      line(theme.strong(text));
    },
    say: (text) => {
      line(`  ${text}`);
    },
    good: (text) => {
      line(theme.good(`  ${text}`));
    },
    bad: (text) => {
      line(theme.bad(`  ${text}`));
    },
    plain: line,
    run,
  };
}

function quoted(argument: string): string {
  return /^[\w./:@=-]+$/.test(argument) ? argument : `'${argument}'`;
}

/** The same place, set in, and narrower by as much. Not a terminal to the command: it would only say where its ledger is. */
function indented(out: Output, printed: string[]): Output {
  let atStart = true;
  return {
    isTerminal: false,
    colourLevel: out.colourLevel,
    columns: Math.min(out.columns, 120) - INDENT.length,
    write(text) {
      printed.push(text);
      for (const part of text.split(/(?<=\n)/)) {
        if (part !== '') out.write(atStart ? `${INDENT}${part}` : part);
        atStart = part.endsWith('\n');
      }
    },
  };
}
