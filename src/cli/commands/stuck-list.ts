import type { Command } from '@commander-js/extra-typings';
import { type CommandContext, withPayrecon } from '../context.ts';
import type { Ending } from '../exit-code.ts';
import { addGlobals, addJson, once } from '../flags.ts';
import type { Perform } from '../perform.ts';
import { readCount } from '../parse-flags.ts';
import { largestPage } from './list.ts';

export interface StuckListArguments {
  readonly limit: number;
  readonly cursor: string | null;
}

const defaultLimit = 100;

export function defineStuckList(command: Command, perform: Perform, run = runStuckList): void {
  const list = command
    .description('stuck, overdue and no longer as told before; exit code 5 when there are any')
    .option(
      '--limit <n>',
      `rows a page, at most ${String(largestPage)} (default: ${String(defaultLimit)})`,
      once,
    )
    .option('--cursor <cursor>', 'go on after the page that named it', once);
  addJson(list);
  addGlobals(list);
  list.action((flags, self) =>
    perform(self, async (context) => {
      const limit = readCount('--limit', flags.limit, defaultLimit, largestPage);
      return run({ limit, cursor: flags.cursor ?? null }, context);
    }),
  );
}

export async function runStuckList(
  { limit, cursor }: StuckListArguments,
  context: CommandContext,
): Promise<Ending> {
  return withPayrecon(context, { needsStripe: false, role: 'stuck' }, async (payrecon) => {
    const page = await payrecon.stuck(limit, cursor);
    const [{ writePage }, { hints }] = await Promise.all([
      import('../render/parts/page.ts'),
      import('../render/parts/next-steps.ts'),
    ]);
    writePage(page, context, 'No payment waits for a person.');
    const first = page.data[0];
    if (!context.json && first !== undefined) {
      context.err.write(
        hints(
          [{ text: 'To decide one of them:', command: ['payrecon', 'stuck', 'resolve', first.id] }],
          context.err,
        ),
      );
    }
    return { kind: 'work_left', items: page.data.length };
  });
}
