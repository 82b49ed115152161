import type { Command } from '@commander-js/extra-typings';
import { type CommandContext, withPayrecon } from '../context.ts';
import type { Ending } from '../exit-code.ts';
import { addGlobals, addJson } from '../flags.ts';
import type { Perform } from '../perform.ts';

export function defineStatus(command: Command, perform: Perform, run = runStatus): void {
  addJson(command);
  addGlobals(command);
  command.action((_flags, self) => perform(self, run));
}

export async function runStatus(context: CommandContext): Promise<Ending> {
  return withPayrecon(context, { needsStripe: false, role: 'status' }, async (payrecon) => {
    const status = await payrecon.status();
    const { writeStatus } = await import('../render/views/status.ts');
    writeStatus(status, payrecon, context);
    // A ledger that was moved is left behind; one whose move has not ended is a person's to end.
    const isStopped = status.state.kind === 'rolled_back' || status.state.kind === 'moving';
    return {
      kind: 'work_left',
      items: status.stuck + status.overdue + status.changed + (isStopped ? 1 : 0),
    };
  });
}
