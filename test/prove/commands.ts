import { type ChargeOutcome, type Payrecon, type ResolveRequest } from '../../src/app/payrecon.ts';
import { PayreconError } from '../../src/domain/errors.ts';
import { type ChargeRequest } from '../../src/domain/transaction.ts';
import { aCharge } from '../faults/lane.ts';
import { type Ground } from './ground.ts';

/*
 * The commands that write, each from the state in which it is run. What is prepared is prepared through the product
 * and a local Stripe that misbehaves, so each row is one that can exist.
 */

export interface Command {
  readonly name: string;
  readonly role: string;
  /** Begins with a database without tables. */
  readonly empty?: boolean;
  readonly prepare: (ground: Ground) => Promise<void>;
  readonly run: (payrecon: Payrecon) => Promise<unknown>;
  /** Whoever ran it runs it again after the crash; answers what is wrong with how that ended. */
  readonly again: (payrecon: Payrecon) => Promise<readonly string[]>;
}

export const KEY = 'order-1';

type Method = Pick<ChargeRequest, 'paymentMethod' | 'methodTypes'>;

const CARD: Method = { paymentMethod: 'pm_card_visa', methodTypes: ['card'] };
const DECLINED: Method = { paymentMethod: 'pm_card_chargeDeclined', methodTypes: ['card'] };
const DEBIT: Method = { paymentMethod: 'pm_usBankAccount', methodTypes: ['us_bank_account'] };
const AUTHENTICATION: Method = { paymentMethod: 'pm_card_authenticationRequired', methodTypes: ['card'] };

function charge(payrecon: Payrecon, method: Method, key = KEY): Promise<ChargeOutcome> {
  const request = aCharge({ key, reference: `reference of ${key}`, email: `${key}@example.com`, ...method });
  return payrecon.charge(request, { waitMs: 0, waitForOutcome: false, allowDuplicate: true });
}

function pass(payrecon: Payrecon): Promise<unknown> {
  return payrecon.reconcile({ limit: null, dryRun: false });
}

/** Only an expected error is one; anything else is a bug, and fails the case. */
async function expectedError(work: Promise<unknown>): Promise<PayreconError | null> {
  try {
    await work;
    return null;
  } catch (error) {
    if (error instanceof PayreconError) return error;
    throw error;
  }
}

/** While the local Stripe misbehaves like this. */
async function under(ground: Ground, faults: string, work: (payrecon: Payrecon) => Promise<unknown>, env: Readonly<Record<string, string>> = {}): Promise<void> {
  ground.sandbox.setFaults(faults);
  const payrecon = await ground.open('prepare', {}, env);
  await expectedError(work(payrecon));
  await payrecon.close();
  ground.sandbox.setFaults('');
}

// ---- charge ----------------------------------------------------------------------------------

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
      return right ? [] : [`the repetition ended ${transaction.status}, ${String(transaction.stripeStatus)} at Stripe, instead of ${status}, ${stripeStatus}`];
    },
  };
}

// ---- reconcile -------------------------------------------------------------------------------

/** A first charge that gets no further than this. */
interface Stop {
  readonly name: string;
  readonly method: Method;
  readonly faults: string;
  /** As the ledger must show it when the pass begins; a state that is not reached proves nothing. */
  readonly step: string;
  readonly status?: string;
  readonly then?: (ground: Ground) => Promise<void>;
}

function onlyIntent(ground: Ground): string {
  const [intent] = ground.sandbox.books.paymentIntents;
  if (intent === undefined) throw new Error('nothing was made at Stripe');
  return intent.id;
}

/** Stripe answers others, and of this one tells nothing: asked once too often. */
async function becomeStuck(ground: Ground): Promise<void> {
  await under(ground, 'payment_intents.retrieve#*=html_502', pass, { PAYRECON_MAX_ATTEMPTS: '1' });
}

async function takeAnotherAmount(ground: Ground): Promise<void> {
  await ground.settleAtStripe(onlyIntent(ground), { outcome: 'succeeded', late: true, amount: 5100 });
  await under(ground, '', pass);
}

const STOPS: readonly Stop[] = [
  { name: 'recorded', method: CARD, faults: 'payment_intents.create=401', step: 'recorded' },
  { name: 'create_sent, made at Stripe', method: CARD, faults: 'payment_intents.create#*=html_502_after', step: 'create_sent' },
  { name: 'create_sent, never there', method: CARD, faults: 'payment_intents.create#*=html_502', step: 'create_sent' },
  { name: 'created', method: CARD, faults: 'payment_intents.confirm=401', step: 'created' },
  { name: 'confirm_sent, paid', method: CARD, faults: 'payment_intents.confirm#*=html_502_after', step: 'confirm_sent' },
  { name: 'confirm_sent, never there', method: CARD, faults: 'payment_intents.confirm#*=html_502', step: 'confirm_sent' },
  { name: 'confirm_sent, declined', method: DECLINED, faults: 'payment_intents.confirm#*=html_502_after', step: 'confirm_sent' },
  { name: 'cancel_sent', method: DECLINED, faults: 'payment_intents.cancel#*=html_502', step: 'cancel_sent' },
  { name: 'cancel_sent, canceled', method: DECLINED, faults: 'payment_intents.cancel#*=html_502_after', step: 'cancel_sent' },
  { name: 'processing, now paid', method: DEBIT, faults: '', step: 'confirm_sent', then: (ground) => ground.settleAtStripe(onlyIntent(ground), { outcome: 'succeeded' }) },
  { name: 'processing, now failed', method: DEBIT, faults: '', step: 'confirm_sent', then: (ground) => ground.settleAtStripe(onlyIntent(ground), { outcome: 'failed' }) },
  { name: 'stuck, paid', method: CARD, faults: 'payment_intents.confirm#*=html_502_after', step: 'confirm_sent', status: 'stuck', then: becomeStuck },
  { name: 'stuck, another amount', method: CARD, faults: 'payment_intents.confirm#*=html_502', step: 'confirm_sent', status: 'stuck', then: takeAnotherAmount },
];

async function stopAt(ground: Ground, { method, faults, step, status = 'pending', then }: Stop): Promise<void> {
  await under(ground, faults, (payrecon) => charge(payrecon, method));
  ground.advance(1_000);
  await then?.(ground);
  const [row] = await ground.raw().rows('select status, step from transactions');
  if (row?.['step'] !== step || row['status'] !== status) throw new Error(`prepared ${JSON.stringify(row)} instead of ${status}, ${step}`);
}

function reconciling(stop: Stop): Command {
  return {
    name: `reconcile, ${stop.name}`,
    role: 'reconcile',
    prepare: (ground) => stopAt(ground, stop),
    run: pass,
    // The customer asks again; the reconciler may have canceled it already, so any truthful end is right.
    again: async (payrecon) => {
      const { transaction, situation } = await charge(payrecon, stop.method);
      return situation === 'in_progress' ? [`${transaction.id} is still held by the process that died`] : [];
    },
  };
}

// ---- stuck resolve ---------------------------------------------------------------------------

function resolving(name: string, stop: Stop, decision: Omit<ResolveRequest, 'reason'>): Command {
  const resolve = (payrecon: Payrecon): Promise<unknown> => payrecon.resolve(KEY, { ...decision, reason: 'asked the bank' });
  return {
    name: `stuck resolve, ${name}`,
    role: 'resolve',
    prepare: (ground) => stopAt(ground, stop),
    run: resolve,
    // Decided already is the only reason to refuse the same decision.
    async again(payrecon) {
      const error = await expectedError(resolve(payrecon));
      return error === null || error.code === 'not_stuck' ? [] : [`the same decision again: ${error.message}`];
    },
  };
}

const UNDECIDED: Stop = { name: 'undecided', method: CARD, faults: 'payment_intents.confirm#*=html_502', step: 'confirm_sent', status: 'stuck', then: becomeStuck };
const PAID: Stop = { ...UNDECIDED, name: 'paid', faults: 'payment_intents.confirm#*=html_502_after' };
const OTHER_AMOUNT: Stop = { ...UNDECIDED, name: 'another amount', then: takeAnotherAmount };

// ---- the rest --------------------------------------------------------------------------------

const notificationsSend: Command = {
  name: 'notifications send',
  role: 'notify',
  async prepare(ground) {
    await under(ground, '', async (payrecon) => [await charge(payrecon, CARD), await charge(payrecon, DECLINED, 'order-2')]);
  },
  run: (payrecon) => payrecon.sendNotifications(null),
  async again(payrecon) {
    const { queued, failed, refused } = await payrecon.sendNotifications(null);
    return queued === 0 && failed === 0 && refused === null ? [] : [`${queued} e-mails are left, ${failed} failed`];
  },
};

const migrateUp: Command = {
  name: 'migrate up',
  role: 'migrate',
  empty: true,
  prepare: () => Promise.resolve(),
  run: (payrecon) => payrecon.migrate('up'),
  async again(payrecon) {
    await payrecon.migrate('up');
    const { pending, unknown } = await payrecon.migrationStatus();
    return [...pending, ...unknown].map((name) => `${name} is not as it should be after the migration`);
  },
};

export const COMMANDS: readonly Command[] = [
  charging('a card', CARD, 'succeeded', 'succeeded'),
  charging('a card that is declined', DECLINED, 'failed', 'canceled'),
  charging('a bank debit', DEBIT, 'pending', 'processing'),
  charging('3-D Secure', AUTHENTICATION, 'pending', 'requires_action'),
  ...STOPS.map(reconciling),
  resolving('as succeeded', PAID, { as: 'succeeded', cancelAtStripe: false }),
  resolving('as succeeded with another amount', OTHER_AMOUNT, { as: 'succeeded', cancelAtStripe: false }),
  resolving('as canceled, at Stripe too', UNDECIDED, { as: 'canceled', cancelAtStripe: true }),
  resolving('as retry', UNDECIDED, { as: 'retry', cancelAtStripe: false }),
  notificationsSend,
  migrateUp,
];
