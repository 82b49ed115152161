import type { Payrecon, ResolveRequest } from '../../src/app/service.ts';
import type { Harness } from './harness.ts';
import {
  AUTHENTICATION,
  AUTHENTICATION_ALONE,
  becomeStuck,
  CARD,
  charge,
  DEBIT,
  DECLINED,
  expectedError,
  KEY,
  pass,
  stopAt,
  STOPS,
  takeAnotherAmount,
  under,
  type Method,
  type Stop,
} from './stops.ts';

export { KEY };

/* The commands that write, each from the state in which it is run. */

export interface Command {
  readonly name: string;
  readonly role: string;
  /** Begins with a database without tables. */
  readonly empty?: boolean;
  readonly prepare: (harness: Harness) => Promise<void>;
  readonly run: (payrecon: Payrecon) => Promise<unknown>;
  /** Run by the daemon, which opens and closes for its pass; then `run` is not called. */
  readonly daemon?: boolean;
  /** How Stripe and the mail service misbehave while it runs for the first time. */
  readonly faults?: string;
  /** What happens elsewhere while it sleeps for the first time. */
  readonly meanwhile?: (harness: Harness) => Promise<void>;
  /** Has several payments under way at a time. */
  readonly sideBySide?: boolean;
  /** Whoever ran it runs it again after the crash; answers what is wrong with how that ended. */
  readonly again: (payrecon: Payrecon) => Promise<readonly string[]>;
}

function charging(name: string, method: Method, status: string, stripeStatus: string): Command {
  return {
    name: `charge, ${name}`,
    role: 'charge',
    prepare: () => Promise.resolve(),
    run: (payrecon) => charge(payrecon, method),
    // Whenever the first process died: a customer who asks again gets the outcome that there is without the crash.
    async again(payrecon) {
      const { transaction } = await charge(payrecon, method);
      const right = transaction.status === status && transaction.stripeStatus === stripeStatus;
      return right
        ? []
        : [
            `the repetition ended ${transaction.status}, ${String(transaction.stripeStatus)} at Stripe, instead of ${status}, ${stripeStatus}`,
          ];
    },
  };
}

export function reconciling(stop: Stop): Command {
  return {
    name: `reconcile, ${stop.name}`,
    role: 'reconcile',
    prepare: (harness) => stopAt(harness, stop),
    run: pass,
    // The customer asks again; the reconciler may have canceled it already, so any truthful end is right.
    again: async (payrecon) => {
      const { transaction, situation } = await charge(payrecon, stop.method);
      return situation === 'in_progress'
        ? [`${transaction.id} is still held by the process that died`]
        : [];
    },
  };
}

export function resolving(
  name: string,
  stop: Stop,
  decision: Omit<ResolveRequest, 'reason'>,
): Command {
  const resolve = (payrecon: Payrecon): Promise<unknown> =>
    payrecon.resolve(KEY, { ...decision, reason: 'asked the bank' });
  return {
    name: `stuck resolve, ${name}`,
    role: 'resolve',
    prepare: (harness) => stopAt(harness, stop),
    run: resolve,
    // Decided already is a reason to refuse the same decision, and so is what the first process did at Stripe: it was canceled, not declined.
    async again(payrecon) {
      const error = await expectedError(resolve(payrecon));
      return error === null ||
        error.code === 'not_stuck' ||
        (decision.as === 'failed' && error.code === 'illegal_resolution')
        ? []
        : [`the same decision again: ${error.message}`];
    },
  };
}

export const UNDECIDED: Stop = {
  name: 'undecided',
  method: CARD,
  faults: 'payment_intents.confirm#*=html_502',
  step: 'confirm_sent',
  status: 'stuck',
  then: becomeStuck,
};
const PAID: Stop = {
  ...UNDECIDED,
  name: 'paid',
  faults: 'payment_intents.confirm#*=html_502_after',
};
const OTHER_AMOUNT: Stop = { ...UNDECIDED, name: 'another amount', then: takeAnotherAmount };

const notificationsSend: Command = {
  name: 'notifications send',
  role: 'notify',
  async prepare(harness) {
    await under(harness, '', async (payrecon) => [
      await charge(payrecon, CARD),
      await charge(payrecon, DECLINED, 'order-2'),
    ]);
  },
  run: (payrecon) => payrecon.sendNotifications(null),
  async again(payrecon) {
    const { queued, failed, refused } = await payrecon.sendNotifications(null);
    return queued === 0 && failed === 0 && refused === null
      ? []
      : [`${queued} e-mails are left, ${failed} failed`];
  },
};

/** Whichever way it went before: up to date in the end. */
export async function migratedAgain(payrecon: Payrecon): Promise<readonly string[]> {
  await payrecon.migrate('up');
  const { pending, unknown } = await payrecon.migrationStatus();
  return [...pending, ...unknown].map(
    (name) => `${name} is not as it should be after the migration`,
  );
}

const migrateUp: Command = {
  name: 'migrate up',
  role: 'migrate',
  empty: true,
  prepare: () => Promise.resolve(),
  run: (payrecon) => payrecon.migrate('up'),
  again: migratedAgain,
};

export const COMMANDS: readonly Command[] = [
  charging('a card', CARD, 'succeeded', 'succeeded'),
  charging('a card that is declined', DECLINED, 'failed', 'canceled'),
  charging('a bank debit', DEBIT, 'pending', 'processing'),
  charging('3-D Secure', AUTHENTICATION, 'pending', 'requires_action'),
  charging('3-D Secure without the customer', AUTHENTICATION_ALONE, 'failed', 'canceled'),
  ...STOPS.map(reconciling),
  resolving('as succeeded', PAID, { as: 'succeeded', cancelAtStripe: false }),
  resolving('as succeeded with another amount', OTHER_AMOUNT, {
    as: 'succeeded',
    cancelAtStripe: false,
  }),
  resolving('as canceled, at Stripe too', UNDECIDED, { as: 'canceled', cancelAtStripe: true }),
  resolving('as retry', UNDECIDED, { as: 'retry', cancelAtStripe: false }),
  notificationsSend,
  migrateUp,
];
