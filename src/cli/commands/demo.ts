import type { Command } from '@commander-js/extra-typings';
import type { CommandContext } from '../context.ts';
import type { Ending } from '../exit-code.ts';
import { addGlobals } from '../flags.ts';
import type { Perform } from '../perform.ts';

export function defineDemo(command: Command, perform: Perform, run = runDemo): void {
  addGlobals(command);
  command.action((_flags, self) => perform(self, run));
}

async function runDemo(context: CommandContext): Promise<Ending> {
  const { tellStory } = await import('./demo/story.ts');
  await tellStory(context);
  return { kind: 'done' };
}
