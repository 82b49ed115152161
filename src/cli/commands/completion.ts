import { Argument, type Command, type CommandUnknownOpts } from '@commander-js/extra-typings';
import type { CommandContext } from '../context.ts';
import type { Place } from '../completion/tree.ts';
import type { Ending } from '../exit-code.ts';
import type { Perform } from '../perform.ts';

const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];
type WholeProgram = () => Promise<CommandUnknownOpts>;

/** `wholeProgram` is handed in: the script is made from the program, which itself knows this command. */
export function defineCompletion(
  command: Command,
  perform: Perform,
  wholeProgram: WholeProgram,
  run = runCompletion,
): void {
  command
    .addArgument(new Argument('<shell>', 'whose script to print').choices(shells))
    .addHelpText('after', '\nLoad it with, for example: source <(payrecon completion bash)')
    .action((shell, _flags, self) => perform(self, (context) => run(shell, context, wholeProgram)));
}

export async function runCompletion(
  shell: Shell,
  { out }: CommandContext,
  wholeProgram: WholeProgram,
): Promise<Ending> {
  const { places } = await import('../completion/tree.ts');
  out.write(await script(shell, places(await wholeProgram())));
  return { kind: 'done' };
}

async function script(shell: Shell, all: readonly Place[]): Promise<string> {
  switch (shell) {
    case 'bash':
      return (await import('../completion/bash.ts')).bashCompletion(all);
    case 'zsh':
      return (await import('../completion/zsh.ts')).zshCompletion(all);
    case 'fish':
      return (await import('../completion/fish.ts')).fishCompletion(all);
  }
}
