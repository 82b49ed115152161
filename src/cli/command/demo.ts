import { Command } from '@commander-js/extra-typings';
import type { CommandContext } from '../context.ts';
import type { Ending } from '../exit-code.ts';
import { addGlobals } from '../flags.ts';
import type { Perform } from '../perform.ts';

export function demoCommand(perform: Perform, run = runDemo) {
  const command = new Command('demo').description('the whole story on a local Stripe: a lost answer, a retry, one charge; no account needed');
  addGlobals(command);
  return command.action((_flags, self) => perform(self, run));
}

async function runDemo(context: CommandContext): Promise<Ending> {
  const { tellStory } = await import('./demo/story.ts');
  await tellStory(context);
  return { kind: 'done' };
}
