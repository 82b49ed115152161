import { describe, expect, it } from 'vitest';
import type { CancelOutcome } from '../../src/app/service.ts';
import { exitCode } from '../../src/cli/exit-code.ts';
import { errorOf } from '../storage/errors-of.ts';
import { sqlite, targets } from '../storage/targets.ts';
import type { PaymentWorld } from '../support/payment-world.ts';
import { aCard, aPatientWorld, AT_ONCE, failingGate, isRecord } from './payments-left.ts';

const WANTS_CUSTOMER = 'pm_card_threeDSecure2Required';
const WHY = { reason: 'the customer called' };

/** With a card that wants to be authenticated its customer is there. */
function asOrder(method: string): ReturnType<typeof aCard> {
  const onSession = method === WANTS_CUSTOMER;
  return { ...aCard('order-1'), paymentMethod: method, reference: 'order', onSession };
}

async function left(world: PaymentWorld, faults: string, method = 'pm_card_visa'): Promise<void> {
  world.sandbox.setFaults(faults);
  const payrecon = await world.open('charge');
  const request = asOrder(method);
  await payrecon.charge(request, AT_ONCE).catch(() => undefined);
  world.sandbox.setFaults('');
}

async function canceled(world: PaymentWorld): Promise<CancelOutcome> {
  return await (await world.open('cancel')).cancel('order-1', WHY);
}

function exitOf(outcome: CancelOutcome): number {
  return exitCode({ kind: 'canceled', outcome }, null);
}

describe.each(targets)('cancel, on $name', (target) => {
  it.each([
    ['whose create was lost', 'payment_intents.create#*=html_502', 'pm_card_visa'],
    ['whose create was made and lost', 'payment_intents.create#*=html_502_after', 'pm_card_visa'],
    ['that was not confirmed', 'payment_intents.confirm#*=html_502', 'pm_card_visa'],
    ['that waits for its customer', '', WANTS_CUSTOMER],
  ])('fences off a payment %s, and frees its reference, not its key', async (_, faults, method) => {
    const world = await aPatientWorld(target);
    await left(world, faults, method);
    const outcome = await canceled(world);
    expect(outcome.transaction).toMatchObject({ status: 'canceled', canceledBy: 'person' });
    expect(exitOf(outcome)).toBe(0);
    expect(world.sandbox.books.paymentIntents.map(({ status }) => status)).toEqual(['canceled']);

    const payrecon = await world.open('charge');
    const again = await payrecon.charge(asOrder(method), AT_ONCE);
    expect(again).toMatchObject({
      repeated: true,
      transaction: { status: 'canceled', attempt: 1 },
    });
    const other = await payrecon.charge({ ...aCard('order-2'), reference: 'order' }, AT_ONCE);
    expect(other.transaction.status).toBe('succeeded');
    expect(world.sandbox.books.succeededCount()).toBe(1);
    expect((await payrecon.verifyAudit(null)).firstBad).toBeNull();
  });

  it('says who and why in the audit trail', async () => {
    const world = await aPatientWorld(target);
    await left(world, 'payment_intents.confirm#*=html_502');
    await canceled(world);
    const { audit } = await (await world.open('show')).show('order-1');
    expect(audit.find(({ action }) => action === 'cancel_sent')).toMatchObject({
      actor: { role: 'cancel', operator: 'tester' },
      detail: { because: 'canceled by a person', reason: 'the customer called' },
    });
  });

  it('ends what was never sent once the list agrees, and creates nothing for it', async () => {
    const world = await aPatientWorld(target);
    await left(world, 'payment_intents.create#*=401');
    const before = world.sandbox.books.requests.length;
    const outcome = await canceled(world);
    expect(outcome.transaction).toMatchObject({ status: 'canceled', canceledBy: 'person' });
    expect(
      world.sandbox.books.requests.slice(before).map(({ endpoint }) => endpoint),
    ).not.toContain('payment_intents.create');
    expect(world.sandbox.books.paymentIntents).toEqual([]);
  });

  it('is refused where the money has moved, and records that it has', async () => {
    const world = await aPatientWorld(target);
    await left(world, 'payment_intents.confirm#*=html_502_after');
    const error = await errorOf(canceled(world));
    expect(error).toMatchObject({
      kind: 'refused',
      code: 'already_succeeded',
      transaction: { status: 'succeeded' },
    });
    expect(world.sandbox.books.succeededCount()).toBe(1);
    expect(await errorOf(canceled(world))).toMatchObject({ code: 'already_succeeded' });
  });
});

describe('cancel', () => {
  it('does not believe a restored backup that says nothing was sent', async () => {
    const world = await aPatientWorld(sqlite);
    await left(world, '');
    // As a copy from before the send has it, and so young that a caller would believe it.
    const raw = await world.database.raw();
    await raw.run(
      "update transactions set status = 'pending', step = 'recorded', payment_intent = null, stripe_status = null, create_sent_at = null, confirm_sent_at = null, settled_at = null, amount_received = null, currency_received = null, next_attempt_at = created_at",
    );
    expect(await errorOf(canceled(world))).toMatchObject({
      code: 'already_succeeded',
      transaction: { status: 'succeeded' },
    });
  });

  it('that meets a database away once it was begun says that nobody knows', async () => {
    const world = await aPatientWorld(sqlite);
    await left(world, 'payment_intents.confirm#*=html_502');
    const gate = failingGate(
      sqlite,
      (sql) => world.sandbox.books.count('payment_intents.cancel') > 0 && isRecord(sql),
    );
    const canceling = await world.open('cancel', { overrides: { gate } });
    expect(await errorOf(canceling.cancel('order-1', WHY))).toMatchObject({
      kind: 'unknown_outcome',
      transaction: { key: 'order-1' },
    });
    expect((await canceled(world)).transaction.status).toBe('canceled');
  });

  it('stays pending where the cancel was lost, and is canceled by the same command again', async () => {
    const world = await aPatientWorld(sqlite);
    await left(world, 'payment_intents.confirm#*=html_502');
    world.sandbox.setFaults('payment_intents.cancel#*=html_502');
    const lost = await canceled(world);
    expect(lost.transaction.status).toBe('pending');
    expect(exitOf(lost)).toBe(75);
    world.sandbox.setFaults('');
    const outcome = await canceled(world);
    expect(outcome.transaction).toMatchObject({ status: 'canceled', canceledBy: 'person' });
  });

  it('leaves a decline a decline, and one that has ended as it is', async () => {
    const world = await aPatientWorld(sqlite);
    await left(world, 'payment_intents.cancel#*=html_502', 'pm_card_chargeDeclined');
    const outcome = await canceled(world);
    expect(outcome.transaction).toMatchObject({ status: 'failed', failureKind: 'declined' });
    expect(exitOf(outcome)).toBe(0);
    const before = world.sandbox.books.requests.length;
    expect(await canceled(world)).toMatchObject({ isKnown: true, note: null });
    expect(
      world.sandbox.books.requests.slice(before).filter(({ endpoint }) => endpoint !== 'account'),
    ).toEqual([]);
  });

  it('knows nobody by that name', async () => {
    const world = await aPatientWorld(sqlite);
    expect(await errorOf(canceled(world))).toMatchObject({ code: 'no_such_transaction' });
  });
});
