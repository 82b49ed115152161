import { Command } from '@commander-js/extra-typings';
import { type CommandContext, withPayrecon } from '../context.ts';
import { type Ending } from '../exit-code.ts';
import { addGlobals, addJson } from '../flags.ts';
import { type Perform } from '../perform.ts';

export function statusCommand(perform: Perform, run = runStatus) {
  const command = new Command('status').description('one screen: what is open, what waits for a person, the last pass');
  addJson(command);
  addGlobals(command);
  return command.action((_flags, self) => perform(self, run));
}

export async function runStatus(context: CommandContext): Promise<Ending> {
  return withPayrecon(context, { needsStripe: false, role: 'status' }, async (payrecon) => {
    const status = await payrecon.status();
    const { writeStatus } = await import('../render/status.ts');
    writeStatus(status, payrecon, context);
    return { kind: 'work_left', items: status.stuck + status.overdue };
  });
}
