import { describe, expect, it } from 'vitest';
import { BugError } from '../../../src/domain/errors.ts';
import type { ReopenResult } from '../../../src/app/ports.ts';
import type { ChargeRequest, Transaction } from '../../../src/domain/transaction.ts';
import type { Transition } from '../../../src/domain/transition.ts';
import type { Storage } from '../../../src/storage/open.ts';
import {
  actor,
  aRequest,
  aTransition,
  guard,
  noGuard,
  openOne,
  opened,
  reconciler,
  recordOne,
  stuck,
  succeeded,
} from '../payments.ts';
import { targets } from '../targets.ts';

/** Stripe refused the request: no bank was asked, no intent ever existed. */
const refused: Transition = aTransition({
  action: 'settled',
  changes: {
    status: 'failed',
    step: 'settled',
    failureKind: 'request',
    failureCode: 'resource_missing',
    failureMessage: 'No such PaymentMethod',
    lookups: 3,
    attempts: 2,
    expectedBy: 7,
  },
  stamps: { settledAt: 'now', nextAttempt: 'never', absentSince: 'if_unset' },
  release: true,
});

/** An intent existed, and was canceled at Stripe before anybody confirmed it. */
const fenced: Transition = aTransition({
  action: 'settled',
  changes: {
    status: 'canceled',
    step: 'settled',
    canceledBy: 'fence',
    paymentIntent: 'pi_1',
    stripeStatus: 'canceled',
  },
  stamps: { settledAt: 'now', nextAttempt: 'never', cancelSentAt: 'if_unset' },
  release: true,
});

async function dead(
  storage: Storage,
  request: ChargeRequest,
  transition: Transition = refused,
): Promise<Transaction> {
  return await recordOne(storage, await openOne(storage, request), transition);
}

const CORRECTED = 'e'.repeat(64);

function again(
  storage: Storage,
  current: Transaction,
  request: ChargeRequest = requestOf(current),
): Promise<ReopenResult> {
  const fingerprint =
    JSON.stringify(request) === JSON.stringify(requestOf(current))
      ? current.fingerprint
      : CORRECTED;
  return storage.ledger.reopen(current, { request, fingerprint, guard: noGuard }, actor);
}

function requestOf(transaction: Transaction): ChargeRequest {
  const { key, reference, amount, currency, customer, paymentMethod } = transaction;
  const { methodTypes, email, description, metadata, onSession } = transaction;
  return {
    key,
    reference,
    amount,
    currency,
    customer,
    paymentMethod,
    methodTypes,
    email,
    description,
    metadata,
    onSession,
  };
}

function reopened(result: ReopenResult): Extract<ReopenResult, { kind: 'opened' }> {
  if (result.kind !== 'opened') throw new Error(`not opened: ${result.kind}`);
  return result;
}

describe.each(targets)('a new attempt on $name', (target) => {
  it('is the row as if it had just been opened, under a lease, with an entry that seals what is asked', async () => {
    const storage = await (await target.fresh()).open();
    const current = await dead(storage, aRequest({ reference: 'r', customer: 'cus_1' }));
    const corrected = {
      ...requestOf(current),
      paymentMethod: 'pm_right',
      amount: 5_000,
      metadata: { order: '18' },
      onSession: true,
    };
    const { transaction, lease, now } = reopened(await again(storage, current, corrected));
    expect(transaction).toEqual({
      ...current,
      ...corrected,
      fingerprint: CORRECTED,
      attempt: 2,
      intents: 0,
      session: 'on_session',
      status: 'pending',
      step: 'create_sent',
      failureKind: null,
      failureCode: null,
      failureMessage: null,
      lookups: 0,
      attempts: 0,
      expectedBy: null,
      absentSince: null,
      createSentAt: now,
      nextAttemptAt: now,
      updatedAt: now,
      settledAt: null,
      version: current.version + 1,
    });
    expect(await storage.ledger.find(current.id)).toEqual(transaction);
    expect(await storage.ledger.claim(current.id, reconciler)).toBeNull();
    const entry = (await storage.history.audit(current.id)).at(-1);
    expect(entry).toMatchObject({
      seq: current.version + 1,
      action: 'new_attempt',
      at: now,
      from: { status: 'failed', step: 'settled' },
      to: { status: 'pending', step: 'create_sent' },
      detail: {
        attempt: 2,
        fingerprint: CORRECTED,
        corrected: ['amount', 'payment_method', 'metadata', 'on_session'],
        last_attempt: {
          status: 'failed',
          failure_code: 'resource_missing',
          failure_kind: 'request',
          payment_intent: null,
        },
      },
    });
    expect((await storage.history.verifyAudit(null)).firstBad).toBeNull();
    expect((await recordOne(storage, { transaction, lease }, succeeded)).status).toBe('succeeded');
    expect((await storage.history.verifyAudit(null)).firstBad).toBeNull();
  });

  it('counts the intent of the attempt before, and keeps no trace of it on the row', async () => {
    const storage = await (await target.fresh()).open();
    const current = await dead(storage, aRequest(), fenced);
    const { transaction } = reopened(await again(storage, current));
    expect(transaction).toMatchObject({
      attempt: 2,
      intents: 1,
      paymentIntent: null,
      stripeStatus: null,
      canceledBy: null,
      cancelSentAt: null,
    });
    const [, , entry] = await storage.history.audit(current.id);
    expect(entry?.detail).toMatchObject({
      last_attempt: { payment_intent: 'pi_1', canceled_by: 'fence', status: 'canceled' },
    });
    expect(entry?.detail).not.toHaveProperty('corrected');
  });

  it('is begun by one of many who ask at the same moment', async () => {
    const database = await target.fresh();
    const storages = await Promise.all(Array.from({ length: 4 }, () => database.open()));
    const current = await dead(storages[0]!, aRequest({ reference: 'r' }));
    const results = await Promise.all(
      Array.from({ length: 12 }, (_, index) => again(storages[index % 4]!, current)),
    );
    expect(results.map(({ kind }) => kind).sort()).toEqual([
      'opened',
      ...Array.from({ length: 11 }, () => 'stale'),
    ]);
    expect(await storages[0]!.history.audit(current.id)).toHaveLength(3);
  });

  it('is stale where somebody else has changed the row, or holds it', async () => {
    const storage = await (await target.fresh()).open();
    const current = await dead(storage, aRequest());
    const held = await storage.ledger.claim(current.id, reconciler);
    expect(await again(storage, current)).toEqual({ kind: 'stale' });
    const changed = await recordOne(storage, held!, aTransition({ release: true }));
    expect(await again(storage, current)).toEqual({ kind: 'stale' });
    expect(reopened(await again(storage, changed)).transaction.version).toBe(4);
  });

  it.each<[string, Transition]>([
    [
      'declined by a bank',
      aTransition({ ...refused, changes: { ...refused.changes, failureKind: 'declined' } }),
    ],
    [
      'canceled by a person',
      aTransition({ ...fenced, changes: { ...fenced.changes, canceledBy: 'person' } }),
    ],
    [
      'fenced, but not seen canceled',
      aTransition({
        ...fenced,
        changes: { ...fenced.changes, stripeStatus: 'requires_confirmation' },
      }),
    ],
    ['that went through', succeeded],
    ['stuck', stuck],
    [
      'whose key was used elsewhere',
      aTransition({ ...refused, stamps: { ...refused.stamps, keyConflictAt: 'if_unset' } }),
    ],
  ])('is a bug on a row %s', async (_name, transition) => {
    const storage = await (await target.fresh()).open();
    const current = await dead(storage, aRequest(), transition);
    await expect(again(storage, current)).rejects.toThrow(BugError);
    expect(await storage.ledger.find(current.id)).toEqual(current);
  });

  it('may not ask for anything else once there was an intent, nor for another key', async () => {
    const storage = await (await target.fresh()).open();
    const current = await dead(storage, aRequest(), fenced);
    await expect(again(storage, current, { ...requestOf(current), amount: 1 })).rejects.toThrow(
      /other parameters \(amount\)/,
    );
    const other = await dead(storage, aRequest());
    await expect(again(storage, other, { ...requestOf(other), key: 'other' })).rejects.toThrow(
      /other parameters \(key\)/,
    );
  });

  it('cannot change the request by a statement of its own either, past the one case', async () => {
    const database = await target.fresh();
    const storage = await database.open();
    const raw = await database.raw();
    const withIntent = await dead(storage, aRequest(), fenced);
    const without = await dead(storage, aRequest());
    const correcting = (id: string, more = ''): string =>
      `update transactions set amount = 1, attempt = attempt + 1${more} where id = '${id}'`;
    await expect((async () => raw.run(correcting(withIntent.id)))()).rejects.toThrow(
      'request of a transaction is fixed',
    );
    await expect(
      (async () => raw.run(`update transactions set amount = 1 where id = '${without.id}'`))(),
    ).rejects.toThrow('request of a transaction is fixed');
    await expect(
      (async () => raw.run(correcting(without.id, `, key = 'other'`)))(),
    ).rejects.toThrow('request of a transaction is fixed');
    await raw.run(correcting(without.id));
    expect((await storage.ledger.find(without.id))?.amount).toBe(1);
  });

  it('never forgets that the key was used elsewhere', async () => {
    const database = await target.fresh();
    const storage = await database.open();
    const current = await recordOne(
      storage,
      await openOne(storage),
      aTransition({ stamps: { keyConflictAt: 'if_unset' } }),
    );
    const raw = await database.raw();
    for (const value of ['null', String(current.keyConflictAt! + 1)]) {
      await expect(
        (async () => raw.run(`update transactions set key_conflict_at = ${value}`))(),
      ).rejects.toThrow('fixed');
    }
  });
});

describe.each(targets)('what stands against a new attempt on $name', (target) => {
  it('is another payment that holds the reference by now', async () => {
    const storage = await (await target.fresh()).open();
    const current = await dead(storage, aRequest({ reference: 'r' }));
    const other = await openOne(storage, aRequest({ reference: 'r' }));
    expect(await again(storage, current)).toEqual({
      kind: 'reference_taken',
      other: other.transaction,
    });
    await recordOne(storage, other, refused);
    expect((await again(storage, current)).kind).toBe('opened');
  });

  it('is a reference that is given by the correction', async () => {
    const storage = await (await target.fresh()).open();
    const current = await dead(storage, aRequest());
    const other = await openOne(storage, aRequest({ reference: 'r' }));
    const result = await again(storage, current, { ...requestOf(current), reference: 'r' });
    expect(result).toEqual({ kind: 'reference_taken', other: other.transaction });
    expect(await storage.ledger.find(current.id)).toEqual(current);
  });

  it('is whoever is first of many new attempts and openings under one reference', async () => {
    const database = await target.fresh();
    const storages = await Promise.all(Array.from({ length: 4 }, () => database.open()));
    for (let round = 0; round < 6; round += 1) {
      const reference = `order-${String(round)}`;
      const current = await dead(storages[0]!, aRequest({ reference }));
      const second = await dead(storages[0]!, aRequest({ reference }));
      const results = await Promise.all(
        Array.from({ length: 12 }, async (_, index) => {
          const storage = storages[index % 4]!;
          if (index % 3 === 0)
            return (await storage.ledger.open(aRequest({ reference }), 'f', noGuard, actor)).kind;
          return (await again(storage, index % 3 === 1 ? current : second)).kind;
        }),
      );
      expect(results.filter((kind) => kind === 'opened')).toHaveLength(1);
      expect(new Set(results.filter((kind) => kind !== 'opened' && kind !== 'stale'))).toEqual(
        new Set(['reference_taken']),
      );
    }
    expect((await storages[0]!.history.verifyAudit(null)).firstBad).toBeNull();
  });

  it('is a look-alike under another key, but never the row itself', async () => {
    const storage = await (await target.fresh()).open();
    const look = { customer: 'cus_1', email: null, paymentMethod: 'pm_1' };
    const current = await dead(storage, aRequest(look));
    const opening = { request: requestOf(current), fingerprint: current.fingerprint, guard };
    const other = await openOne(storage, aRequest(look));
    expect(await storage.ledger.reopen(current, opening, actor)).toEqual({
      kind: 'duplicate_suspected',
      other: other.transaction,
      matched: ['customer', 'payment_method'],
    });
    const allowed = reopened(
      await storage.ledger.reopen(current, { ...opening, guard: { ...guard, allow: true } }, actor),
    );
    expect((await storage.history.audit(current.id)).at(-1)?.detail).toMatchObject({
      duplicate_allowed: true,
      duplicate_window_ms: guard.windowMs,
      looks_like: other.transaction.id,
    });
    const failedAgain = await recordOne(storage, allowed, refused);
    await recordOne(storage, other, refused);
    expect((await storage.ledger.reopen(failedAgain, opening, actor)).kind).toBe('opened');
  });

  it('is one of many look-alikes that begin at the same moment', async () => {
    const database = await target.fresh();
    const storages = await Promise.all(Array.from({ length: 4 }, () => database.open()));
    const rows: Transaction[] = [];
    for (let index = 0; index < 4; index += 1)
      rows.push(await dead(storages[0]!, aRequest({ customer: 'cus_1', email: null })));
    const results = await Promise.all([
      ...rows.map((row, index) =>
        storages[index]!.ledger.reopen(
          row,
          { request: requestOf(row), fingerprint: row.fingerprint, guard },
          actor,
        ),
      ),
      ...storages.map((storage) =>
        storage.ledger.open(aRequest({ customer: 'cus_1', email: null }), 'f', guard, actor),
      ),
    ]);
    expect(results.filter(({ kind }) => kind === 'opened')).toHaveLength(1);
    expect(new Set(results.map(({ kind }) => kind))).toEqual(
      new Set(['opened', 'duplicate_suspected']),
    );
  });
});

describe.each(targets)('after a new attempt on $name', (target) => {
  it('a look-alike is suspected however old the row is', async () => {
    let offsetMs = -86_400_000;
    const storage = await (await target.fresh()).open({ nowOffsetMs: () => offsetMs });
    const look = { customer: 'cus_1', email: null };
    const current = await dead(storage, aRequest(look));
    offsetMs = 0;
    const { transaction } = reopened(await again(storage, current));
    const result = await storage.ledger.open(aRequest(look), 'f', guard, actor);
    expect(result).toEqual({
      kind: 'duplicate_suspected',
      other: transaction,
      matched: ['customer'],
    });
    expect(
      (await storage.ledger.open(aRequest({ ...look, amount: 1 }), 'f', guard, actor)).kind,
    ).toBe('opened');
    expect(
      (await storage.ledger.open(aRequest({ customer: 'cus_2', email: null }), 'f', guard, actor))
        .kind,
    ).toBe('opened');
  });

  it("the reference is the row's own again, although it once shared it", async () => {
    const database = await target.fresh();
    const storage = await database.open();
    const first = await dead(storage, aRequest({ reference: 'r' }));
    const second = await recordOne(
      storage,
      await openOne(storage, aRequest({ reference: 'r' })),
      succeeded,
    );
    // The truth arrives late on the first, and is corrected back: it has shared the reference meanwhile.
    const paid = await recordOne(storage, (await storage.ledger.claim(first.id, actor))!, {
      ...succeeded,
      action: 'truth_corrected',
    });
    const back = await recordOne(storage, (await storage.ledger.claim(paid.id, actor))!, {
      ...refused,
      action: 'truth_corrected',
    });
    await recordOne(storage, (await storage.ledger.claim(second.id, actor))!, {
      ...refused,
      action: 'truth_corrected',
    });
    reopened(await again(storage, back));
    const raw = await database.raw();
    expect(
      await raw.rows(`select reference_shared from transactions where id = '${first.id}'`),
    ).toEqual([{ reference_shared: 0 }]);
    expect(
      await storage.ledger.open(aRequest({ reference: 'r' }), 'f', noGuard, actor),
    ).toMatchObject({ kind: 'reference_taken' });
  });

  it('the same key is known, with its new parameters', async () => {
    const storage = await (await target.fresh()).open();
    const current = await dead(storage, aRequest());
    const corrected = { ...requestOf(current), amount: 1 };
    const { transaction } = reopened(await again(storage, current, corrected));
    expect(await storage.ledger.open(corrected, 'f', guard, actor)).toMatchObject({
      kind: 'exists',
      transaction,
    });
    expect(
      opened(await storage.ledger.open(aRequest(), 'f', guard, actor)).transaction.attempt,
    ).toBe(1);
  });
});
