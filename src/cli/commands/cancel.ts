import type { Command } from '@commander-js/extra-typings';
import { type CommandContext, withPayrecon } from '../context.ts';
import type { Ending } from '../exit-code.ts';
import { addGlobals, addJson, once } from '../flags.ts';
import type { Perform } from '../perform.ts';
import { addSettings, stripeFlags } from '../setting-flags.ts';

export interface CancelArguments {
  readonly idOrKey: string;
  readonly reason: string | null;
}

const help = `
It is canceled at Stripe first, so that it can never succeed later, and then
recorded. One that has succeeded is refused (exit 4): refund it at Stripe.
Its key is used up afterwards; its reference is free.`;

export function defineCancel(command: Command, perform: Perform, run = runCancel): void {
  const cancel = command
    .argument('<id-or-key>', 'the id (txn_..) or the key it was charged with')
    .option('--reason <text>', 'why, for the audit trail', once);
  addJson(cancel);
  addSettings(cancel, ['operator', ...stripeFlags]);
  addGlobals(cancel);
  cancel
    .addHelpText('after', help)
    .action((idOrKey, { reason = null }, self) =>
      perform(self, (context) => run({ idOrKey, reason }, context)),
    );
}

export async function runCancel(
  { idOrKey, reason }: CancelArguments,
  context: CommandContext,
): Promise<Ending> {
  const { services } = context;
  return withPayrecon(context, { needsStripe: true, role: 'cancel' }, async (payrecon) => {
    const outcome = await payrecon.cancel(idOrKey, {
      reason,
      signal: services.listenForStop(),
    });
    const [{ writeTransaction }, { cancelHints }] = await Promise.all([
      import('../render/views/transaction.ts'),
      import('../render/views/cancel.ts'),
    ]);
    writeTransaction(outcome.transaction, context);
    if (!context.json) context.err.write(cancelHints(outcome, context, services.now()));
    return { kind: 'canceled', outcome };
  });
}
