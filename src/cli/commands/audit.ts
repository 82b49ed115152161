import type { Command } from '@commander-js/extra-typings';
import { type CommandContext, withPayrecon } from '../context.ts';
import type { Ending } from '../exit-code.ts';
import { addGlobals, addJson } from '../flags.ts';
import type { Perform } from '../perform.ts';

export function defineAudit(command: Command, perform: Perform, run = runVerify): void {
  const verify = command
    .command('verify')
    .description('recompute the hash chains; names the first bad entry')
    .argument('[id-or-key]', 'one transaction only');
  addJson(verify);
  addGlobals(verify);
  verify.action((idOrKey, _flags, self) =>
    perform(self, (context) => run(idOrKey ?? null, context)),
  );
}

export async function runVerify(idOrKey: string | null, context: CommandContext): Promise<Ending> {
  return withPayrecon(context, { needsStripe: false, role: 'audit' }, async (payrecon) => {
    const verification = await payrecon.verifyAudit(idOrKey);
    const { writeVerification } = await import('../render/views/audit.ts');
    writeVerification(verification, context);
    return { kind: 'verified', verification };
  });
}
