import pLimit from 'p-limit';
import { expect, onTestFinished } from 'vitest';
import type { ChargeOptions, Payrecon } from '../../src/app/service.ts';
import type { Transaction } from '../../src/domain/transaction.ts';
import { DriverError } from '../../src/storage/driver-errors.ts';
import type { Gate } from '../../src/storage/statement-hook.ts';
import { aRequest } from '../storage/payments.ts';
import type { Target } from '../storage/targets.ts';
import { bindLedger } from '../support/bound-ledger.ts';
import { aPaymentWorld, TEST_KEY, type PaymentWorld } from '../support/payment-world.ts';

/** Payments in every state in which a charge may have left them, and databases that fail at one statement. */

export const AT_ONCE: ChargeOptions = { waitMs: 0, waitForOutcome: false, allowDuplicate: true };

export const EVERYTHING_DUE = { limit: null, dryRun: false };

/** A ledger that knows whose it is. No answer is waited for in vain here, so a busy machine must not look like one that was lost. */
export async function aPatientWorld(
  target: Target,
  env: Readonly<Record<string, string>> = {},
): Promise<PaymentWorld> {
  const world = await aPaymentWorld(target, { env: { PAYRECON_STRIPE_DEADLINE: '10s', ...env } });
  await bindLedger(world.database, TEST_KEY);
  return world;
}

/** A card that the local Stripe accepts, and an address for the e-mail. */
export function aCard(key: string): ReturnType<typeof aRequest> {
  return aRequest({ key, paymentMethod: 'pm_card_visa', email: `${key}@example.com` });
}

/** What the answer to the confirm was lost of: Stripe has the money, the ledger does not know. */
export async function lostPayments(
  world: PaymentWorld,
  count: number,
): Promise<readonly Transaction[]> {
  return await leftAt(world, 'payment_intents.confirm#*=html_502_after', count);
}

/** The confirm never arrived: the intent is there and could still be confirmed. */
export async function unconfirmedPayments(
  world: PaymentWorld,
  count: number,
): Promise<readonly Transaction[]> {
  return await leftAt(world, 'payment_intents.confirm#*=html_502', count);
}

const CHARGES_AT_ONCE = 6;

async function leftAt(
  world: PaymentWorld,
  faults: string,
  count: number,
): Promise<readonly Transaction[]> {
  const { sandbox } = world;
  const payrecon = await world.open('charge');
  const limit = pLimit(CHARGES_AT_ONCE);
  sandbox.setFaults(faults);
  const charges = Array.from(
    { length: count },
    async (_, index) =>
      await limit(async () => await payrecon.charge(aCard(`left-${String(index)}`), AT_ONCE)),
  );
  const left = (await Promise.all(charges)).map(({ transaction }) => transaction);
  for (const transaction of left)
    expect(transaction).toMatchObject({ status: 'pending', step: 'confirm_sent' });
  sandbox.setFaults('');
  // As a pass meets them.
  return left.sort(
    (a, b) => (a.nextAttemptAt ?? 0) - (b.nextAttemptAt ?? 0) || (a.id < b.id ? -1 : 1),
  );
}

/** As they are recorded now, in the order given. */
export async function asRecorded(
  payrecon: Payrecon,
  transactions: readonly Transaction[],
): Promise<readonly Transaction[]> {
  return await Promise.all(
    transactions.map(async ({ id }) => (await payrecon.show(id)).transaction),
  );
}

/** A transition of a transaction, on either database. */
export function isRecord(sql: string): boolean {
  return sql.includes('insert into audit_events');
}

/** Lets the disk fail under every statement that `strikes` says. */
export function failingGate({ name }: Target, strikes: (sql: string) => boolean): Gate {
  const told = name === 'sqlite' ? { rawCode: 10 } : { code: '58030', severity: 'ERROR' };
  return {
    before(_kind, sql) {
      if (strikes(sql))
        throw new DriverError('statement', Object.assign(new Error('disk I/O error'), told), true);
    },
    after: () => undefined,
  };
}

/** Failures that nobody waits for: each would end the process. */
export function watchUnhandled(): readonly unknown[] {
  const unhandled: unknown[] = [];
  const listener = (reason: unknown): void => void unhandled.push(reason);
  process.on('unhandledRejection', listener);
  onTestFinished(() => void process.off('unhandledRejection', listener));
  return unhandled;
}
