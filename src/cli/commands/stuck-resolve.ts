import { type Command, Option } from '@commander-js/extra-typings';
import type { Payrecon, ResolveRequest, ResolveTarget, StuckCase } from '../../app/service.ts';
import { PayreconError, type Problem } from '../../domain/errors.ts';
import { quoted, textProblem } from '../../domain/request/field-rules.ts';
import { nearest } from '../../domain/suggest.ts';
import type { ResolutionOption } from '../../domain/resolutions.ts';
import { type CommandContext, withPayrecon } from '../context.ts';
import type { Ending } from '../exit-code.ts';
import { addGlobals, addJson, once } from '../flags.ts';
import type { Perform } from '../perform.ts';
import { addSettings, stripeFlags } from '../setting-flags.ts';

/** As typed. */
export interface ResolveFlags {
  readonly as?: string | undefined;
  readonly reason?: string | undefined;
  readonly cancelAtStripe?: true | undefined;
  /** `--no-email` makes it false. */
  readonly email?: boolean | undefined;
  readonly yes?: true | undefined;
}

export interface ResolveArguments {
  readonly idOrKey: string;
  /** Null: to be asked for. */
  readonly as: ResolveTarget | null;
  readonly reason: string | null;
  readonly cancelAtStripe: boolean;
  readonly noEmail: boolean;
  readonly yes: boolean;
}

const targets = [
  'succeeded',
  'failed',
  'canceled',
  'retry',
  'acknowledge',
] as const satisfies readonly ResolveTarget[];
const longestReason = 1_000;

export function defineStuckResolve(command: Command, perform: Perform, run = runResolve): void {
  const as = new Option('--as <outcome>', 'only what is legal then is recorded').argParser(once);
  as.argChoices = [...targets];
  const resolve = command
    .description('ask Stripe, show the evidence, and record what a person decides')
    .argument('<id-or-key>', 'the id (txn_..) or the key it was charged with')
    .addOption(as)
    .option('--reason <text>', 'why, for the audit trail', once)
    .option('--cancel-at-stripe', 'cancel the payment intent first, where the outcome needs it')
    .option('--no-email', 'do not write to the customer')
    .option('--yes', 'do not ask for confirmation');
  addJson(resolve);
  addSettings(resolve, ['operator', ...stripeFlags]);
  addGlobals(resolve);
  resolve.action((idOrKey, flags, self) =>
    perform(self, (context) =>
      run(readResolve(idOrKey, flags, context.services.streams.canAsk), context),
    ),
  );
}

/** Where nobody can be asked, everything that would be asked for has to be there as a flag. */
export function readResolve(
  idOrKey: string,
  flags: ResolveFlags,
  canAsk: boolean,
): ResolveArguments {
  const problems: Problem[] = [];
  const as = targets.find((target) => target === flags.as) ?? null;
  if (flags.as !== undefined && as === null) {
    const meant = nearest(flags.as, targets);
    const hint = meant === null ? `give one of ${targets.join(', ')}` : `did you mean ${meant}?`;
    problems.push({ field: '--as', message: `${quoted(flags.as)} is not an outcome; ${hint}` });
  }
  const reason = flags.reason?.trim() ?? null;
  if (reason === '') problems.push({ field: '--reason', message: 'it is empty: give a few words' });
  const wrong = reason === null || reason === '' ? null : textProblem(reason, longestReason);
  if (wrong !== null) problems.push({ field: '--reason', message: wrong });
  if (!canAsk) {
    if (flags.as === undefined)
      problems.push({
        field: '--as',
        message: `missing, and nobody can be asked here: one of ${targets.join(', ')}`,
      });
    if (reason === null)
      problems.push({ field: '--reason', message: 'missing, and nobody can be asked here' });
    if (flags.yes !== true)
      problems.push({
        field: '--yes',
        message: 'missing, and nobody can be asked to confirm here',
      });
  }
  if (problems.length > 0)
    throw new PayreconError('invalid_flag', 'Nothing was asked or changed.', { problems });
  return {
    idOrKey,
    as,
    reason,
    cancelAtStripe: flags.cancelAtStripe === true,
    noEmail: flags.email === false,
    yes: flags.yes === true,
  };
}

export async function runResolve(
  given: ResolveArguments,
  context: CommandContext,
): Promise<Ending> {
  return withPayrecon(context, { needsStripe: true, role: 'resolve' }, async (payrecon) => {
    const request = await decide(given, payrecon, context);
    // From here on a signal waits: an intent that is canceled at Stripe gets its decision recorded.
    context.services.listenForStop();
    const transaction = await payrecon.resolve(given.idOrKey, request);
    const { writeTransaction } = await import('../render/views/transaction.ts');
    writeTransaction(transaction, context);
    return { kind: 'done' };
  });
}

async function decide(
  given: ResolveArguments,
  payrecon: Payrecon,
  context: CommandContext,
): Promise<ResolveRequest> {
  const { evidenceText, confirmationText } = await import('../render/views/stuck.ts');
  const stuck = await payrecon.inspect(given.idOrKey);
  if (!context.json) context.err.write(evidenceText(stuck, context.err, context.services.now()));
  const target = await chooseTarget(given, stuck, context);
  const cancelAtStripe = await mayCancel(given, target, stuck, context);
  const reason = given.reason ?? (await context.prompts.text('Why? (kept in the audit trail)'));
  if (!given.yes) await showLetter(given, { payrecon, stuck, as: target.as, reason }, context);
  if (!given.yes && !(await context.prompts.confirm(confirmationText(stuck, target.as))))
    throw notConfirmed();
  return {
    as: target.as,
    reason,
    cancelAtStripe,
    ...(given.noEmail ? { noEmail: true } : {}),
  };
}

interface Deciding {
  readonly payrecon: Payrecon;
  readonly stuck: StuckCase;
  readonly as: ResolveTarget;
  readonly reason: string;
}

/** Before the decision is confirmed: what the customer will read. */
async function showLetter(
  { noEmail }: ResolveArguments,
  { payrecon, stuck, as, reason }: Deciding,
  { err }: CommandContext,
): Promise<void> {
  const letter = await payrecon.preview(stuck, as, reason);
  const { letterText } = await import('../render/views/stuck.ts');
  err.write(letterText(letter, noEmail, err));
}

async function chooseTarget(
  { as }: ResolveArguments,
  stuck: StuckCase,
  { prompts }: CommandContext,
): Promise<ResolutionOption> {
  const { transaction, evidence, targets: legal } = stuck;
  const possible = legal.map((each) => each.as).join(', ');
  if (as === null && legal.length > 0) {
    return prompts.select(
      'Record it as',
      legal.map((each) => ({ name: each.as, value: each, description: each.meaning })),
    );
  }
  const target = legal.find((each) => each.as === as);
  if (target !== undefined) return target;
  const never =
    transaction.keyConflictAt === null
      ? ''
      : ' Its key belongs to a payment of another ledger or program, and is never sent again.';
  const message = `${transaction.id} cannot be resolved${as === null ? '' : ` as ${as}`}: ${evidence}.${never} What is possible now: ${possible === '' ? 'nothing' : possible}. Nothing was changed.`;
  throw new PayreconError('illegal_resolution', message, {
    transaction,
    problems: [{ field: '--as', message: `possible: ${possible}` }],
  });
}

async function mayCancel(
  given: ResolveArguments,
  target: ResolutionOption,
  stuck: StuckCase,
  { services, prompts }: CommandContext,
): Promise<boolean> {
  if (!target.needsCancelAtStripe) return false;
  if (given.cancelAtStripe) return true;
  const { id } = stuck.transaction;
  if (services.streams.canAsk && !given.yes) {
    if (await prompts.confirm('It could still succeed at Stripe. Cancel it there first, for good?'))
      return true;
    throw notConfirmed();
  }
  throw new PayreconError(
    { code: 'cancel_needed', kind: 'usage' },
    `${id} could still succeed at Stripe; as ${target.as} it can be recorded only once it is canceled there. Nothing was changed.`,
    {
      problems: [{ field: '--cancel-at-stripe', message: 'missing' }],
    },
  );
}

function notConfirmed(): PayreconError {
  return new PayreconError('not_confirmed', 'Not confirmed: nothing was changed.');
}
