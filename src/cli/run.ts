import { type CommandUnknownOpts, CommanderError } from '@commander-js/extra-typings';
import type { PlainCode } from '../domain/error-codes.ts';
import { PayreconError } from '../domain/errors.ts';
import { encodingProblem } from '../domain/request/field-rules.ts';
import { type CommandContext, createContext } from './context.ts';
import { type Ending, type ExitCode, exitCode } from './exit-code.ts';
import { type Globals, readGlobals } from './flags.ts';
import { createProgram } from './program.ts';
import type { CliServices } from './dependencies.ts';

/** Runs what was typed (without `node` and the script) and says how the process shall end. It never throws. */
export async function runCommandLine(
  typed: readonly string[],
  services: CliServices,
): Promise<ExitCode> {
  let ending: Ending = { kind: 'done' };
  const notices: string[] = [];
  let globals: Globals = globalsBeforeParsing(typed);
  try {
    const program = createProgram(async (command, run) => {
      globals = readGlobals(lineage(command));
      ending = await run(createContext(services, globals, typed, notices));
    }, services.streams);
    refuseBrokenText(typed);
    await program.parseAsync(helpLast(typed), { from: 'user' });
  } catch (error) {
    ending = await afterError(error, createContext(services, globals, typed, notices));
  }
  return exitCode(ending, services.stoppedBy());
}

/** `help stuck resolve` is `stuck resolve --help`: only a command that is run gets its flags. */
function helpLast(typed: readonly string[]): string[] {
  const first = typed.findIndex((word) => !word.startsWith('-'));
  return typed[first] === 'help'
    ? [...typed.filter((_word, at) => at !== first), '--help']
    : [...typed];
}

/**
 * Node writes one replacement for whatever is no UTF-8 in an argument: a search for it finds nothing, and
 * two names that were different are stored as one. What `charge` is given is judged with its fields.
 */
function refuseBrokenText(typed: readonly string[]): void {
  if (typed.find((word) => !word.startsWith('-')) === 'charge') return;
  for (const [at, word] of typed.entries()) {
    const before = typed[at - 1] ?? '';
    const [flag = ''] = word.startsWith('-') ? word.split('=', 1) : [before];
    const field = /^--[a-z-]+$/.test(flag) ? flag : 'an argument';
    const message = encodingProblem(word);
    if (message !== null)
      throw new PayreconError('not_utf8', 'This cannot be read; nothing was done.', {
        problems: [{ field, message }],
      });
  }
}

/** For an error in the flags themselves: how it is to be said is then only known from what was typed. */
function globalsBeforeParsing(typed: readonly string[]): Globals {
  const end = typed.indexOf('--');
  const flags = end === -1 ? typed : typed.slice(0, end);
  return { json: flags.includes('--json'), colour: !flags.includes('--no-color'), flags: {} };
}

function lineage(command: CommandUnknownOpts): CommandUnknownOpts[] {
  return command.parent === null ? [command] : [...lineage(command.parent), command];
}

async function afterError(error: unknown, context: CommandContext): Promise<Ending> {
  if (error instanceof CommanderError && error.exitCode === 0) return { kind: 'done' };
  // Asked for by leaving out the subcommand: the help that was shown says what is missing.
  if (error instanceof CommanderError && error.code === 'commander.help')
    return { kind: 'failed', error: usageError(error) };
  const { services } = context;
  if (isLeftQuestion(error)) {
    // The cursor stands behind the question.
    context.err.write('\npayrecon: the question was left unanswered: nothing was decided\n');
    return { kind: 'interrupted' };
  }
  if (services.stoppedBy() !== null && isInterruption(error)) return { kind: 'interrupted' };
  const known = error instanceof CommanderError ? usageError(error) : error;
  const { reportError } = await import('./render/views/error.ts');
  await reportError(known, context);
  // What was under way came to nothing, and the signal is why it was not tried again.
  const cameToNothing = known instanceof PayreconError && known.kind === 'unreachable';
  if (services.stoppedBy() !== null && cameToNothing) return { kind: 'interrupted' };
  return { kind: 'failed', error: known };
}

/** Ctrl-C, Ctrl-D or a signal at a question. */
function isLeftQuestion(error: unknown): boolean {
  return error instanceof Error && ['AbortPromptError', 'ExitPromptError'].includes(error.name);
}

function isInterruption(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}

/** Commander's own, and those of checked-command.ts. */
const COMMANDER_CODES: Readonly<Record<string, PlainCode>> = {
  'commander.unknownCommand': 'unknown_command',
  'commander.unknownOption': 'unknown_option',
  'commander.conflictingOption': 'conflicting_option',
  'commander.missingArgument': 'missing_argument',
  'commander.optionMissingArgument': 'option_missing_argument',
  'commander.missingMandatoryOptionValue': 'missing_mandatory_option_value',
  'commander.excessArguments': 'excess_arguments',
  'commander.invalidArgument': 'invalid_argument',
  'commander.emptyArgument': 'empty_argument',
  'commander.flagAsValue': 'flag_as_value',
  'commander.help': 'help',
};

function usageError(error: CommanderError): PayreconError {
  const code = COMMANDER_CODES[error.code] ?? 'invalid_argument';
  const message = error.message
    .replace(/^error: /, '')
    .split('\n')
    .map((line) => line.trim())
    .join(' ');
  const sentence = message.charAt(0).toUpperCase() + message.slice(1);
  return new PayreconError(code, /[.)?]$/.test(sentence) ? sentence : `${sentence}.`, {
    cause: error,
  });
}
