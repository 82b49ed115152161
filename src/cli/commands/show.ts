import type { Command } from '@commander-js/extra-typings';
import { type CommandContext, withPayrecon } from '../context.ts';
import type { Ending } from '../exit-code.ts';
import { addGlobals, addJson } from '../flags.ts';
import type { Perform } from '../perform.ts';

export function defineShow(command: Command, perform: Perform, run = runShow): void {
  const show = command.argument('<id-or-key>', 'the id (txn_..) or the key it was charged with');
  addJson(show);
  addGlobals(show);
  show.action((idOrKey, _flags, self) => perform(self, (context) => run(idOrKey, context)));
}

export async function runShow(idOrKey: string, context: CommandContext): Promise<Ending> {
  return withPayrecon(context, { needsStripe: false, role: 'show' }, async (payrecon) => {
    const shown = await payrecon.show(idOrKey);
    if (context.json) {
      const [{ shownJson }, { writeJson }] = await Promise.all([
        import('../render/parts/transaction-json.ts'),
        import('../render/parts/json.ts'),
      ]);
      writeJson(context.out, shownJson(shown, context.services.now()));
    } else {
      const { shownText } = await import('../render/views/show.ts');
      context.out.write(shownText(shown, context.out, context.services.now()));
    }
    return { kind: 'done' };
  });
}
