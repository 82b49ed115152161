import { describe, expect, it } from 'vitest';
import { BugError } from '../../../src/domain/errors.ts';
import type { Transition } from '../../../src/domain/transition.ts';
import {
  actor,
  aRequest,
  aTransition,
  failed,
  openOne,
  reconciler,
  recorded,
  recordOne,
  stuck,
  succeeded,
} from '../payments.ts';
import { targets } from '../targets.ts';

describe.each(targets)('recording a transition on $name', (target) => {
  it('changes what it names, keeps the rest, and appends one audit entry', async () => {
    const storage = await (await target.fresh()).open();
    const opening = await openOne(storage, aRequest({ customer: 'cus_1', reference: 'r' }));
    const transition = aTransition({
      action: 'created',
      changes: { step: 'created', paymentIntent: 'pi_1', stripeStatus: 'requires_confirmation' },
      detail: { asked: 'create', z: [1, 2.5, null, { b: true, a: 'ä\u0000' }], a: '' },
      requestId: 'req_1',
    });
    const { transaction, now } = recorded(
      await storage.ledger.record(opening.transaction, opening.lease, transition, reconciler),
    );
    expect(transaction).toEqual({
      ...opening.transaction,
      ...transition.changes,
      version: 2,
      updatedAt: now,
    });
    expect(await storage.ledger.find(transaction.id)).toEqual(transaction);
    const audit = await storage.history.audit(transaction.id);
    expect(audit).toHaveLength(2);
    expect(audit[1]).toMatchObject({
      transactionId: transaction.id,
      seq: 2,
      at: now,
      action: 'created',
      detail: transition.detail,
      requestId: 'req_1',
      from: { status: 'pending', step: 'create_sent' },
      to: { status: 'pending', step: 'created' },
      actor: { role: 'reconcile', host: 'host-b', pid: 4712, operator: 'ada', system_user: 'root' },
    });
    expect(await storage.history.verifyAudit(null)).toEqual({
      transactions: 1,
      entries: 2,
      partly: 0,
      firstBad: null,
    });
  });

  it('sets and clears every field', async () => {
    const storage = await (await target.fresh()).open();
    const opening = await openOne(storage);
    const review = {
      reason: 'undecided',
      message: 'm',
      at: 7,
      evidence: { n: 1, list: ['a'] },
      resolution: null,
    } as const;
    const full = await recordOne(storage, opening, {
      ...aTransition(),
      changes: {
        step: 'confirm_sent',
        paymentIntent: 'pi_1',
        stripeStatus: 's',
        failureCode: 'c',
        failureMessage: 'bad \u0000',
        attempts: 3,
        lookups: 4,
        expectedBy: 5,
        review,
      },
      stamps: {
        confirmSentAt: 'if_unset',
        cancelSentAt: 'if_unset',
        absentSince: 'if_unset',
        nextAttempt: { inMs: 1_500.4 },
      },
    });
    expect(full).toMatchObject({
      step: 'confirm_sent',
      paymentIntent: 'pi_1',
      stripeStatus: 's',
      failureCode: 'c',
      failureMessage: 'bad \uFFFD',
      attempts: 3,
      lookups: 4,
      expectedBy: 5,
      review,
      createSentAt: opening.now,
      confirmSentAt: full.updatedAt,
      cancelSentAt: full.updatedAt,
      absentSince: full.updatedAt,
      nextAttemptAt: full.updatedAt + 1_500,
    });
    const kept = await recordOne(
      storage,
      { ...opening, transaction: full },
      {
        ...aTransition(),
        stamps: {
          createSentAt: 'if_unset',
          confirmSentAt: 'if_unset',
          cancelSentAt: 'if_unset',
          absentSince: 'if_unset',
        },
      },
    );
    expect(kept).toEqual({ ...full, version: 3, updatedAt: kept.updatedAt });
    const cleared = await recordOne(
      storage,
      { ...opening, transaction: kept },
      {
        ...aTransition(),
        changes: {
          step: 'settled',
          status: 'canceled',
          paymentIntent: null,
          stripeStatus: null,
          failureCode: null,
          failureMessage: null,
          expectedBy: null,
          review: null,
          attempts: 0,
        },
        stamps: {
          createSentAt: 'clear',
          confirmSentAt: 'clear',
          absentSince: 'clear',
          nextAttempt: 'never',
          settledAt: 'now',
        },
      },
    );
    expect(cleared).toMatchObject({
      paymentIntent: null,
      stripeStatus: null,
      failureCode: null,
      failureMessage: null,
      expectedBy: null,
      review: null,
      attempts: 0,
      lookups: 4,
      createSentAt: null,
      confirmSentAt: null,
      cancelSentAt: full.cancelSentAt,
      absentSince: null,
      nextAttemptAt: null,
      settledAt: cleared.updatedAt,
    });
    const reopened = await recordOne(
      storage,
      { ...opening, transaction: cleared },
      aTransition({ changes: { status: 'stuck' }, stamps: { settledAt: 'clear' } }),
    );
    expect(reopened).toMatchObject({ status: 'stuck', settledAt: null });
  });

  it('gives the lease back with the write when asked to', async () => {
    const storage = await (await target.fresh()).open();
    const opening = await openOne(storage);
    const kept = await recordOne(storage, opening, aTransition());
    expect(await storage.ledger.claim(kept.id, reconciler)).toBeNull();
    await recordOne(storage, { ...opening, transaction: kept }, aTransition({ release: true }));
    expect(await storage.ledger.claim(kept.id, reconciler)).not.toBeNull();
  });

  it('changes nothing for a stale version, a foreign lease or no lease', async () => {
    const database = await target.fresh();
    const storage = await database.open();
    const opening = await openOne(storage);
    const current = await recordOne(storage, opening, aTransition({ changes: { lookups: 1 } }));
    const settle = {
      ...succeeded,
      notifications: ['customer_succeeded'],
    } as const satisfies Transition;
    expect(await storage.ledger.record(opening.transaction, opening.lease, settle, actor)).toEqual({
      kind: 'stale',
    });
    expect(
      await storage.ledger.record({ ...current, version: 3 }, opening.lease, settle, actor),
    ).toEqual({ kind: 'stale' });
    expect(
      await storage.ledger.record(current, { ...opening.lease, token: 'other' }, settle, actor),
    ).toEqual({ kind: 'stale' });
    await storage.ledger.release([opening.lease]);
    expect(await storage.ledger.record(current, opening.lease, settle, actor)).toEqual({
      kind: 'stale',
    });
    expect(await storage.ledger.find(current.id)).toEqual(current);
    expect(await storage.history.audit(current.id)).toHaveLength(2);
    expect(await storage.history.notifications(current.id)).toEqual([]);
  });

  it('lets one of many simultaneous writers of one version through', async () => {
    const database = await target.fresh();
    const storages = await Promise.all(Array.from({ length: 4 }, () => database.open()));
    const { transaction, lease } = await openOne(storages[0]!);
    const results = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        storages[index % 4]!.ledger.record(
          transaction,
          lease,
          aTransition({ changes: { lookups: index } }),
          actor,
        ),
      ),
    );
    expect(results.filter(({ kind }) => kind === 'recorded')).toHaveLength(1);
    expect(await storages[1]!.history.audit(transaction.id)).toHaveLength(2);
    expect((await storages[2]!.history.verifyAudit(null)).firstBad).toBeNull();
  });

  it('queues e-mails with the write: the customer only with an address, the operator always', async () => {
    const storage = await (await target.fresh()).open();
    const withAddress = await openOne(
      storage,
      aRequest({ email: 'Ada@example.com', reference: 'r' }),
    );
    const paid = await recordOne(storage, withAddress, {
      ...succeeded,
      notifications: ['customer_succeeded', 'operator_truth_changed'],
    });
    const mails = await storage.history.notifications(paid.id);
    expect(
      mails.map(({ kind, to, state, attempts, createdAt, nextAttemptAt }) => ({
        kind,
        to,
        state,
        attempts,
        createdAt,
        nextAttemptAt,
      })),
    ).toEqual([
      {
        kind: 'customer_succeeded',
        to: 'Ada@example.com',
        state: 'queued',
        attempts: 0,
        createdAt: paid.updatedAt,
        nextAttemptAt: paid.updatedAt,
      },
      {
        kind: 'operator_truth_changed',
        to: null,
        state: 'queued',
        attempts: 0,
        createdAt: paid.updatedAt,
        nextAttemptAt: paid.updatedAt,
      },
    ]);
    expect(mails[0]?.data).toEqual({
      transaction_id: paid.id,
      key: paid.key,
      reference: 'r',
      amount: 4999,
      currency: 'usd',
      customer: null,
      description: 'A thing',
      status: 'succeeded',
      stripe_status: null,
      payment_intent: null,
      failure_kind: null,
      failure_code: null,
      failure_message: null,
      amount_received: null,
      currency_received: null,
      review_reason: null,
      review_message: null,
      created_at: paid.createdAt,
    });
    const without = await openOne(storage, aRequest({ email: null }));
    const lost = await recordOne(storage, without, {
      ...stuck,
      notifications: ['customer_failed', 'operator_stuck'],
    });
    const [only, ...rest] = await storage.history.notifications(lost.id);
    expect(rest).toEqual([]);
    expect(only).toMatchObject({
      kind: 'operator_stuck',
      data: {
        review_reason: 'undecided',
        review_message: 'Five answers, none of them final.',
        status: 'stuck',
      },
    });
  });

  it.each<[string, Transition]>([
    [
      'a step that may not follow',
      aTransition({ changes: { step: 'settled', status: 'succeeded' }, stamps: {} }),
    ],
    ['no settled instant on a final status', aTransition({ changes: { status: 'failed' } })],
    ['a settled instant on an open status', aTransition({ stamps: { settledAt: 'now' } })],
    [
      'an unknown status',
      aTransition({ changes: { status: 'paid' as 'succeeded' }, stamps: { settledAt: 'now' } }),
    ],
  ])('refuses %s as a bug, before anything is written', async (_name, transition) => {
    const storage = await (await target.fresh()).open();
    const opening = await openOne(storage);
    await expect(
      storage.ledger.record(opening.transaction, opening.lease, transition, actor),
    ).rejects.toThrow(BugError);
    expect(await storage.ledger.find(opening.transaction.id)).toEqual(opening.transaction);
    expect(await storage.history.audit(opening.transaction.id)).toHaveLength(1);
  });

  it('refuses a confirm of an intent whose id is not stored', async () => {
    const storage = await (await target.fresh()).open();
    const { transaction, lease } = await openOne(storage);
    await expect(
      storage.ledger.record(
        transaction,
        lease,
        aTransition({ changes: { step: 'confirm_sent' } }),
        actor,
      ),
    ).rejects.toThrow(BugError);
    expect(await storage.ledger.find(transaction.id)).toEqual(transaction);
    expect(await storage.history.audit(transaction.id)).toHaveLength(1);
  });

  it('refuses to give one payment intent to two transactions', async () => {
    const storage = await (await target.fresh()).open();
    const created = aTransition({ changes: { step: 'created', paymentIntent: 'pi_1' } });
    await recordOne(storage, await openOne(storage), created);
    const second = await openOne(storage, aRequest({ reference: 'r' }));
    await expect(
      storage.ledger.record(second.transaction, second.lease, created, actor),
    ).rejects.toThrow(BugError);
    expect(await storage.ledger.find(second.transaction.id)).toEqual(second.transaction);
  });

  it('records the truth that arrives late even when another row holds the reference by now', async () => {
    const storage = await (await target.fresh()).open();
    const first = await openOne(storage, aRequest({ reference: 'order-1' }));
    const declined = await recordOne(storage, first, failed);
    const second = await openOne(storage, aRequest({ reference: 'order-1' }));
    const paid = await recordOne(storage, second, succeeded);
    const claimed = await storage.ledger.claim(declined.id, reconciler);
    const corrected = await recordOne(storage, claimed!, {
      ...succeeded,
      action: 'truth_corrected',
      notifications: ['operator_truth_changed'],
    });
    expect(corrected.status).toBe('succeeded');
    expect((await storage.history.audit(corrected.id)).at(-1)?.detail).toEqual({
      reference_also_held: true,
    });
    expect(await storage.history.notifications(corrected.id)).toHaveLength(1);
    const again = await storage.ledger.claim(paid.id, reconciler);
    await recordOne(storage, again!, { ...failed, action: 'truth_corrected' });
    const third = await storage.ledger.open(
      aRequest({ reference: 'order-1' }),
      'f',
      { windowMs: 0, allow: false },
      actor,
    );
    expect(third).toMatchObject({ kind: 'reference_taken', other: { id: corrected.id } });
    expect((await storage.history.verifyAudit(null)).firstBad).toBeNull();
  });
});
