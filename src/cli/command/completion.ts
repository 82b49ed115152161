import { Argument, type Command } from '@commander-js/extra-typings';
import { type CommandContext } from '../context.ts';
import { type Place } from '../completion/tree.ts';
import { type Ending } from '../exit-code.ts';
import { type Perform } from '../perform.ts';

const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

export function defineCompletion(command: Command, perform: Perform, run = runCompletion): void {
  command
    .addArgument(new Argument('<shell>', 'whose script to print').choices(shells))
    .addHelpText('after', '\nLoad it with, for example: source <(payrecon completion bash)')
    .action((shell, _flags, self) => perform(self, (context) => run(shell, context)));
}

export async function runCompletion(shell: Shell, { out }: CommandContext): Promise<Ending> {
  const [{ places }, { createWholeProgram }] = await Promise.all([import('../completion/tree.ts'), import('../program.ts')]);
  out.write(await script(shell, places(await createWholeProgram())));
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
