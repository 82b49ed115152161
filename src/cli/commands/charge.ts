import type { Command } from '@commander-js/extra-typings';
import type { ChargeOptions } from '../../app/service.ts';
import type { Problem } from '../../domain/errors.ts';
import { quoted } from '../../domain/request/field-rules.ts';
import type { ChargeRequest } from '../../domain/transaction.ts';
import { type CommandContext, withPayrecon } from '../context.ts';
import type { Ending } from '../exit-code.ts';
import { addGlobals, addJson, addNewLedger, once } from '../flags.ts';
import type { Perform } from '../perform.ts';
import { addSettings, stripeFlags } from '../setting-flags.ts';
import { type ChargeFlags, defaultConcurrency, defaultWaitMs } from './charge-flags.ts';

export interface ChargeArguments {
  readonly request: ChargeRequest;
  readonly options: Omit<ChargeOptions, 'signal'>;
}

const examples = `
Examples:
  payrecon charge --key order-1 --amount 49.99 --currency usd \\
    --payment-method pm_card_visa
  payrecon charge --key order-2 --amount-minor 500 --currency jpy \\
    --payment-method pm_.. --customer cus_.. --email ada@example.com --json
  payrecon charge --file due.csv --json > results.jsonl

A file has the columns or fields key, amount or amount_minor, currency,
payment_method, customer, reference, email, description and metadata.NAME.

Run it again with the same key as often as you like: the card is charged
once. The same holds for each line of a file.

The card is charged without its holder (off-session) unless --on-session says
that they are there. Where they have to authenticate, the answer then carries
client_secret and next_action for their page; run it again for the outcome.`;

export function defineCharge(command: Command, perform: Perform, run = runCharge): void {
  const charge = command
    .option('--key <key>', 'names this payment for good; the same key never charges twice', once)
    .option('--amount <amount>', "with all of the currency's decimals written out: 49.99", once)
    .option('--amount-minor <integer>', "in the currency's minor unit: 4999", once)
    .option('--currency <code>', 'three letters: usd', once)
    .option('--payment-method <id>', "the payment method's id at Stripe: pm_..", once)
    .option('--method-type <type...>', 'payment method types that may be used (default: card)')
    .option('--customer <id>', "the customer's id at Stripe: cus_..", once)
    .option('--reference <reference>', 'your order; charged once even under different keys', once)
    .option('--email <address>', 'who is told how it ended', once)
    .option('--description <text>', 'shown at Stripe', once)
    .option('--metadata <name=value...>', 'kept here and at Stripe; nothing sensitive')
    .option(
      '--wait <duration>',
      'how long to wait for another process, and for the outcome (default: 5s)',
      once,
    )
    .option(
      '--allow-duplicate',
      'charge although it looks like a payment made a moment ago under another key',
    )
    .option(
      '--on-session',
      'the customer is there and can authenticate: the answer has what their page needs',
    )
    .option('--file <file>', 'many: a .csv or .jsonl file, or - for standard input', once)
    .option(
      '--concurrency <n>',
      `with --file: so many at a time (default: ${String(defaultConcurrency)})`,
      once,
    );
  addNewLedger(charge);
  addJson(charge);
  addSettings(charge, ['duplicate-window', 'operator', ...stripeFlags]);
  addGlobals(charge);
  charge.addHelpText('after', examples).action((flags, self) =>
    perform(self, async (context) => {
      if (flags.file === undefined) return run(await readCharge(flags), context);
      const { readChargeFile, runChargeFile } = await import('./charge-file.ts');
      return runChargeFile(readChargeFile(flags, flags.file), context);
    }),
  );
}

/** Reads the flags, reporting everything that is wrong with them at once. */
export async function readCharge(flags: ChargeFlags): Promise<ChargeArguments> {
  const [{ parseChargeRequest }, { parseDuration }, { PayreconError }] = await Promise.all([
    import('../../domain/request/charge-request.ts'),
    import('../../domain/duration.ts'),
    import('../../domain/errors.ts'),
  ]);
  const problems: Problem[] = [];
  const metadata = readMetadata(flags.metadata ?? [], problems);
  const wait =
    flags.wait === undefined ? { ok: true as const, ms: defaultWaitMs } : parseDuration(flags.wait);
  if (!wait.ok) problems.push({ field: '--wait', message: wait.message });
  if (flags.concurrency !== undefined)
    problems.push({ field: '--concurrency', message: 'it belongs to --file, which is not given' });
  const {
    key,
    amount,
    amountMinor,
    currency,
    paymentMethod,
    methodType,
    customer,
    reference,
    email,
    description,
    onSession,
  } = flags;
  const fields = {
    key,
    amount,
    amountMinor,
    currency,
    paymentMethod,
    customer,
    reference,
    email,
    description,
  };
  const parsed = parseChargeRequest({ ...fields, methodTypes: methodType, metadata, onSession });
  if (!parsed.ok) problems.unshift(...parsed.problems);
  if (!parsed.ok || !wait.ok || problems.length > 0) {
    throw new PayreconError(
      'invalid_request',
      'This cannot be charged as it stands; nothing was sent.',
      { problems },
    );
  }
  const { wait: waitGiven, allowDuplicate } = flags;
  return {
    request: parsed.request,
    options: {
      waitMs: wait.ms,
      waitForOutcome: waitGiven !== undefined,
      allowDuplicate: allowDuplicate === true,
    },
  };
}

function readMetadata(pairs: readonly string[], problems: Problem[]): Record<string, string> {
  const metadata = new Map<string, string>();
  for (const pair of pairs) {
    const equals = pair.indexOf('=');
    const name = pair.slice(0, Math.max(equals, 0));
    if (equals < 1)
      problems.push({ field: '--metadata', message: `${quoted(pair)} is not name=value` });
    else if (metadata.has(name))
      problems.push({ field: '--metadata', message: `${quoted(name)} is given twice` });
    else metadata.set(name, pair.slice(equals + 1));
  }
  return Object.fromEntries(metadata);
}

export async function runCharge(
  { request, options }: ChargeArguments,
  context: CommandContext,
): Promise<Ending> {
  const { services } = context;
  return withPayrecon(context, { needsStripe: true, role: 'charge' }, async (payrecon) => {
    const outcome = await payrecon.charge(request, {
      ...options,
      signal: services.listenForStop(),
    });
    const { chargeHints, writeOutcome } = await import('../render/views/charge.ts');
    writeOutcome(outcome, context);
    if (!context.json)
      context.err.write(chargeHints(outcome, context.typed, context.err, services.now()));
    return { kind: 'charged', outcome };
  });
}
