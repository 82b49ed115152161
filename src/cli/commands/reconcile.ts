import type { Command } from '@commander-js/extra-typings';
import type { Problem } from '../../domain/errors.ts';
import { type CommandContext, withPayrecon } from '../context.ts';
import type { Ending } from '../exit-code.ts';
import { addGlobals, addJson, once } from '../flags.ts';
import type { Perform } from '../perform.ts';
import { parseCount, raise } from '../parse-flags.ts';
import { addSettings, mailFlags, stripeFlags } from '../setting-flags.ts';

export interface ReconcileFlags {
  readonly limit?: string | undefined;
  readonly dryRun?: true | undefined;
  readonly daemon?: true | undefined;
  readonly schedule?: string | undefined;
  readonly json?: boolean | undefined;
}

export interface ReconcileArguments {
  /** Ids or keys; none: everything that is due. */
  readonly only: readonly string[];
  readonly limit: number | null;
  readonly dryRun: boolean;
  readonly daemon: boolean;
}

const largestLimit = 1_000_000_000;

const settings = [
  'pending-after',
  'max-attempts',
  'backoff-base',
  'backoff-cap',
  'stuck-after',
  'timezone',
  'operator',
  ...stripeFlags,
  ...mailFlags,
] as const;

export function defineReconcile(command: Command, perform: Perform, run = runReconcile): void {
  const reconcile = command
    .argument(
      '[id-or-key...]',
      'ask about these now, whatever their age (default: all that are due)',
    )
    .option('--limit <n>', 'at most so many transactions a pass (default: all that are due)', once)
    .option('--dry-run', 'ask Stripe and change nothing')
    .option('--daemon', 'passes on schedule until SIGINT or SIGTERM')
    .option('--schedule <cron>', 'with --daemon: when to make a pass (default: * * * * *)', once);
  addJson(reconcile);
  addSettings(reconcile, settings);
  addGlobals(reconcile);
  reconcile.action((only, flags, self) =>
    perform(self, async (context) =>
      run(readReconcile({ ...flags, json: context.json }, only), context),
    ),
  );
}

export function readReconcile(
  flags: ReconcileFlags,
  only: readonly string[] = [],
): ReconcileArguments {
  const problems: Problem[] = [];
  const limit =
    flags.limit === undefined
      ? { ok: true as const, value: null }
      : parseCount(flags.limit, largestLimit);
  if (!limit.ok) problems.push({ field: '--limit', message: limit.message });
  const daemon = flags.daemon === true;
  const dryRun = flags.dryRun === true;
  if (daemon && dryRun)
    problems.push({
      field: '--dry-run',
      message: 'a daemon makes real passes: leave out one of --daemon and --dry-run',
    });
  if (daemon && flags.json === true)
    problems.push({
      field: '--json',
      message: 'a daemon never ends by itself, so it has no document to print',
    });
  if (only.length > 0 && (daemon || flags.limit !== undefined))
    problems.push({
      field: daemon ? '--daemon' : '--limit',
      message: 'it belongs to a pass over everything that is due: name no transactions with it',
    });
  if (!daemon && flags.schedule !== undefined)
    problems.push({ field: '--schedule', message: 'it belongs to --daemon, which is not given' });
  if (!limit.ok || problems.length > 0) return raise(problems);
  return { limit: limit.value, dryRun, daemon, only };
}

export async function runReconcile(
  { limit, dryRun, daemon, only }: ReconcileArguments,
  context: CommandContext,
): Promise<Ending> {
  const { services, flags, out, err, json } = context;
  if (daemon) {
    const { escapeText } = await import('../render/parts/escape.ts');
    const log = (line: string): void => err.write(`${escapeText(line)}\n`);
    await services.daemon({ flags, limit, signal: services.listenForStop(), log });
    return { kind: 'stopped' };
  }
  return withPayrecon(context, { needsStripe: true, role: 'reconcile' }, async (payrecon) => {
    const options = {
      limit,
      dryRun,
      ...(only.length === 0 ? {} : { only }),
      signal: services.listenForStop(),
    };
    if (json) {
      const [{ passJson }, { writeJson }] = await Promise.all([
        import('../render/parts/pass-json.ts'),
        import('../render/parts/json.ts'),
      ]);
      const outcome = await payrecon.reconcile(options);
      writeJson(out, passJson(outcome));
      return { kind: 'passed', outcome };
    }
    const { passHints, passText, rowLine } = await import('../render/views/pass.ts');
    const outcome = await payrecon.reconcile({
      ...options,
      onRow: (row) => out.write(rowLine(row, out)),
    });
    out.write(passText(outcome, { dryRun, now: services.now() }, out));
    err.write(passHints(outcome, err));
    return { kind: 'passed', outcome };
  });
}
