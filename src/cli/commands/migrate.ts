import { Argument, type Command } from '@commander-js/extra-typings';
import { PayreconError } from '../../domain/errors.ts';
import { type CommandContext, withPayrecon } from '../context.ts';
import type { Ending } from '../exit-code.ts';
import { addGlobals, addJson, addNewLedger, once } from '../flags.ts';
import type { Perform } from '../perform.ts';

export type Direction = 'up' | 'down' | 'status';

export function defineMigrate(command: Command, perform: Perform, run = runMigrate): void {
  const migrate = command
    .addArgument(
      new Argument('[direction]', '`down` takes back the last step')
        .choices(['up', 'down', 'status'] as const)
        .default('up' as const),
    )
    .option(
      '--from <ledger>',
      'take the SQLite ledger sqlite:/PATH along to the PostgreSQL that DATABASE_URL names',
      once,
    )
    .option('--yes', 'do not ask for confirmation (of `down`)');
  addNewLedger(migrate);
  addJson(migrate);
  addGlobals(migrate);
  migrate.action((direction, flags, self) =>
    perform(self, (context) =>
      run(direction, { yes: flags.yes === true, from: flags.from ?? null }, context),
    ),
  );
}

export interface MigrateFlags {
  readonly yes: boolean;
  /** The ledger to take along; null without one. */
  readonly from: string | null;
}

export async function runMigrate(
  direction: Direction,
  { yes, from }: MigrateFlags,
  context: CommandContext,
): Promise<Ending> {
  if (from !== null) return await runMove(direction, from, context);
  if (direction === 'down' && !yes) await confirmDown(context);
  return withPayrecon(context, { needsStripe: false, role: 'migrate' }, async (payrecon) => {
    const { writeMigrated, writeMigrationStatus } = await import('../render/views/migrate.ts');
    if (direction === 'status') writeMigrationStatus(await payrecon.migrationStatus(), context);
    else writeMigrated(direction, await payrecon.migrate(direction), context);
    return { kind: 'done' };
  });
}

async function runMove(
  direction: Direction,
  from: string,
  context: CommandContext,
): Promise<Ending> {
  if (direction !== 'up') {
    throw new PayreconError(
      'bad_from',
      `\`migrate ${direction}\` takes no ledger along. Nothing was copied or changed.`,
      {
        problems: [{ field: '--from', message: 'goes with `migrate` and `migrate up`' }],
      },
    );
  }
  return withPayrecon(context, { needsStripe: false, role: 'migrate' }, async (payrecon) => {
    const { writeMoved } = await import('../render/views/migrate.ts');
    const { openMoveProgress } = await import('../render/parts/move-progress.ts');
    const progress = context.err.isTerminal
      ? openMoveProgress(context.err, () => performance.now())
      : null;
    const moving = progress === null ? payrecon.move(from) : payrecon.move(from, progress.show);
    writeMoved(await moving.finally(() => progress?.clear()), context);
    return { kind: 'done' };
  });
}

async function confirmDown({ services, prompts }: CommandContext): Promise<void> {
  if (!services.streams.canAsk) {
    throw new PayreconError(
      'not_confirmed',
      '`migrate down` takes tables away, and nobody can be asked here. Nothing was changed.',
      {
        problems: [{ field: '--yes', message: 'missing' }],
      },
    );
  }
  const confirmed = await prompts.confirm(
    'Take the last migration back? What its tables hold is lost.',
  );
  if (!confirmed) throw new PayreconError('not_confirmed', 'Not confirmed: nothing was changed.');
}
