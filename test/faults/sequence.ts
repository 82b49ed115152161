/*
 * A sequence: the commands that are run one after the other, each under its own faults of the local Stripe and
 * SendGrid (in the sandbox's own syntax), with signals, time and the bank in between. Its text is what a failure
 * prints, what PROVE_CASE takes, and what a regression is kept as:
 *
 *   script: charge card under payment_intents.confirm#1=drop_after | later 6m | pass stopped at 2 | send
 */

export const ORDERS = {
  card: { paymentMethod: 'pm_card_visa', methodTypes: ['card'], reference: 'order card' },
  /** Another key for the same order. */
  again: { paymentMethod: 'pm_card_visa', methodTypes: ['card'], reference: 'order card' },
  declined: {
    paymentMethod: 'pm_card_chargeDeclinedInsufficientFunds',
    methodTypes: ['card'],
    reference: 'order declined',
  },
  debit: {
    paymentMethod: 'pm_usBankAccount',
    methodTypes: ['us_bank_account'],
    reference: 'order debit',
  },
  authentication: {
    paymentMethod: 'pm_card_authenticationRequired',
    methodTypes: ['card'],
    onSession: true,
    reference: 'order authentication',
  },
} as const;
export type OrderName = keyof typeof ORDERS;

export const AMOUNTS = [4999, 5000] as const;
export type Amount = (typeof AMOUNTS)[number];

/** A command, the faults that it meets, and at which of its requests it is told to stop (0: before the first). */
export interface Run {
  readonly faults: readonly string[];
  readonly stopAt: number | null;
}

export type Step =
  | ({ readonly act: 'charge'; readonly order: OrderName; readonly amount: Amount } & Run)
  | ({ readonly act: 'pass' } & Run)
  | ({ readonly act: 'send' } & Run)
  | { readonly act: 'later'; readonly minutes: number }
  | { readonly act: 'bank'; readonly says: 'pays' | 'refuses' };

export type Sequence = readonly Step[];

const PREFIX = 'script: ';
const BETWEEN = ' | ';

export function textOf(sequence: Sequence): string {
  return `${PREFIX}${sequence.map(textOfStep).join(BETWEEN)}`;
}

export function textOfStep(step: Step): string {
  switch (step.act) {
    case 'later':
      return `later ${step.minutes}m`;
    case 'bank':
      return `bank ${step.says}`;
    case 'charge':
      return `charge ${step.order}${step.amount === AMOUNTS[0] ? '' : ` as ${step.amount}`}${textOfRun(step)}`;
    case 'pass':
    case 'send':
      return `${step.act}${textOfRun(step)}`;
  }
}

function textOfRun({ faults, stopAt }: Run): string {
  return `${faults.length === 0 ? '' : ` under ${faults.join('; ')}`}${stopAt === null ? '' : ` stopped at ${stopAt}`}`;
}

const STEP =
  /^(?<act>charge|pass|send|later|bank)(?: (?<what>[\w-]+))?(?: as (?<amount>\d+))?(?: under (?<faults>.*?))?(?: stopped at (?<stop>\d+))?$/;

/** Null for what is no text of a sequence. @throws Error for one with a mistake in it. */
export function parseSequence(text: string): Sequence | null {
  if (!text.startsWith(PREFIX)) return null;
  return text.slice(PREFIX.length).split(BETWEEN).map(parseStep);
}

function parseStep(text: string): Step {
  const { act, what = '', amount, faults, stop } = STEP.exec(text.trim())?.groups ?? {};
  const run: Run = {
    faults: faults === undefined ? [] : faults.split('; '),
    stopAt: stop === undefined ? null : Number(stop),
  };
  switch (act) {
    case 'charge':
      return {
        act,
        order: oneOf(Object.keys(ORDERS) as OrderName[], what, text),
        amount: amount === undefined ? AMOUNTS[0] : oneOf(AMOUNTS, Number(amount), text),
        ...run,
      };
    case 'pass':
    case 'send':
      return { act, ...run };
    case 'later':
      return { act, minutes: Number(what.replace(/m$/, '')) };
    case 'bank':
      return { act, says: oneOf(['pays', 'refuses'] as const, what, text) };
    default:
      throw new Error(`"${text}" is no step of a sequence`);
  }
}

function oneOf<Value>(values: readonly Value[], wanted: unknown, text: string): Value {
  const found = values.find((value) => value === wanted);
  if (found === undefined) throw new Error(`"${text}" names none of ${values.join(', ')}`);
  return found;
}

// ---- for a person who replays it ---------------------------------------------------------------

const MS_A_MINUTE = 60_000;

/** The same as a person types it, against `payrecon sandbox`; the ledger's own clock is the one thing that cannot be moved from outside. */
export function replayOf(sequence: Sequence): readonly string[] {
  return ['payrecon sandbox --port 12111 &', ...sequence.flatMap(typed)];
}

function control(path: string, body: object): string {
  return `curl -X POST http://127.0.0.1:12111/_sandbox/${path} -d '${JSON.stringify(body)}'`;
}

function typed(step: Step): readonly string[] {
  switch (step.act) {
    case 'later':
      return [
        `${control('clock', { advance_ms: step.minutes * MS_A_MINUTE })}  # and as much on the ledger's clock`,
      ];
    case 'bank':
      return [
        control('payment_intents/ID/settle', {
          outcome: step.says === 'pays' ? 'succeeded' : 'failed',
        }),
      ];
    case 'charge': {
      const { paymentMethod, methodTypes, reference } = ORDERS[step.order];
      const flags = `--key ${step.order} --reference '${reference}' --amount-minor ${step.amount} --currency usd --payment-method ${paymentMethod} --method-type ${methodTypes[0]}`;
      return underFaults(step, `payrecon charge ${flags} --email ada@example.com`);
    }
    case 'pass':
      return underFaults(step, 'payrecon reconcile');
    case 'send':
      return underFaults(step, 'payrecon notifications send');
  }
}

function underFaults({ faults, stopAt }: Run, command: string): readonly string[] {
  const signal =
    stopAt === null
      ? ''
      : `  # SIGTERM ${stopAt === 0 ? 'at once' : `when its request number ${stopAt} has arrived`}`;
  return [control('faults', { spec: faults.join('; ') }), `${command}${signal}`];
}
