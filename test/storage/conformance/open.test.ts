import { describe, expect, it } from 'vitest';
import type { ChargeRequest } from '../../../src/domain/transaction.ts';
import {
  actor,
  aRequest,
  failed,
  guard,
  noGuard,
  opened,
  openOne,
  recordOne,
  stuck,
  succeeded,
} from '../payments.ts';
import { targets } from '../targets.ts';

const look = { amount: 4999, currency: 'usd', customer: null, email: null };

describe.each(targets)('opening a transaction on $name', (target) => {
  it('writes the row, the lease and the first audit entry at one instant', async () => {
    const storage = await (await target.fresh()).open({ leaseMs: 60_000 });
    const request = aRequest({ reference: 'order-1', customer: 'cus_1' });
    const before = performance.now();
    const result = opened(await storage.ledger.open(request, 'abc', guard, actor));
    const { transaction } = result;
    expect(transaction).toEqual({
      ...request,
      id: transaction.id,
      fingerprint: 'abc',
      status: 'pending',
      step: 'create_sent',
      paymentIntent: null,
      stripeStatus: null,
      attempt: 1,
      intents: 0,
      absentAttempts: 0,
      paramsVersion: 2,
      session: 'off_session',
      amountReceived: null,
      currencyReceived: null,
      failureCode: null,
      failureMessage: null,
      failureKind: null,
      canceledBy: null,
      keyConflictAt: null,
      createSentAt: result.now,
      confirmSentAt: null,
      cancelSentAt: null,
      attempts: 0,
      lookups: 0,
      absentSince: null,
      expectedBy: null,
      nextAttemptAt: result.now,
      review: null,
      version: 1,
      createdAt: result.now,
      updatedAt: result.now,
      settledAt: null,
    });
    expect(transaction.id).toMatch(/^txn_[0-9A-HJKMNP-TV-Z]{26}$/);
    expect(Math.abs(result.now - Date.now())).toBeLessThan(5_000);
    expect(result.lease.deadlineMs).toBeGreaterThanOrEqual(before + 60_000);
    expect(result.lease.deadlineMs).toBeLessThanOrEqual(performance.now() + 60_000);
    expect(await storage.ledger.find(transaction.id)).toEqual(transaction);
    expect(await storage.ledger.find(request.key)).toEqual(transaction);
    const audit = await storage.history.audit(transaction.id);
    expect(audit).toEqual([
      {
        transactionId: transaction.id,
        seq: 1,
        at: result.now,
        action: 'opened',
        from: null,
        requestId: null,
        to: { status: 'pending', step: 'create_sent' },
        actor: {
          role: 'charge',
          operator: 'ada',
          system_user: 'root',
          host: 'host-a',
          pid: 4711,
          ...(target.name === 'postgres' ? { database_user: 'postgres' } : {}),
        },
        detail: {
          fingerprint: 'abc',
          request_sha256: audit[0]?.detail['request_sha256'],
          duplicate_window_ms: 600_000,
          duplicate_allowed: false,
        },
        hash: audit[0]?.hash,
      },
    ]);
    expect(audit[0]?.detail['request_sha256']).toMatch(/^[0-9a-f]{64}$/);
  });

  it('keeps every text as it came', async () => {
    const storage = await (await target.fresh()).open();
    const request = aRequest({
      key: `ключ 🔑 ' " \\ ? $1 ${String(Math.random())}`,
      description: 'null',
      metadata: { 'ä ? $1': '{"a":1}', z: '', a: '\u0001' },
    });
    const { transaction } = await openOne(storage, request);
    expect(await storage.ledger.find(request.key)).toEqual(transaction);
    expect(transaction).toMatchObject(request);
  });

  it('answers with the existing transaction for a known key, whatever else was asked', async () => {
    const storage = await (await target.fresh()).open();
    const request = aRequest({ reference: 'order-1' });
    const { transaction } = await openOne(storage, request);
    const again = await storage.ledger.open(
      { ...request, amount: 1, reference: 'other' },
      'other',
      guard,
      actor,
    );
    expect(again).toEqual({ kind: 'exists', transaction, now: expect.any(Number) as number });
    expect(await storage.history.audit(transaction.id)).toHaveLength(1);
  });

  it('holds a reference while the transaction may have charged, and frees it when it did not', async () => {
    const storage = await (await target.fresh()).open();
    const open = (): ReturnType<typeof storage.ledger.open> =>
      storage.ledger.open(aRequest({ reference: 'order-1' }), 'f', noGuard, actor);
    const first = opened(await open());
    expect(await open()).toEqual({ kind: 'reference_taken', other: first.transaction });
    const undecided = await recordOne(storage, first, stuck);
    expect(await open()).toEqual({ kind: 'reference_taken', other: undecided });
    const claimed = await storage.ledger.claim(undecided.id, actor);
    await recordOne(storage, claimed!, failed);
    const second = opened(await open());
    const paid = await recordOne(storage, second, succeeded);
    expect(await open()).toEqual({ kind: 'reference_taken', other: paid });
  });

  it.each<[string, Partial<ChargeRequest>, Partial<ChargeRequest>, string[]]>([
    ['customer', { customer: 'cus_1' }, { customer: 'cus_1' }, ['customer']],
    ['e-mail in any case', { email: 'Ada@Example.com' }, { email: 'aDA@example.COM' }, ['email']],
    ['payment method', { paymentMethod: 'pm_1' }, { paymentMethod: 'pm_1' }, ['payment_method']],
    [
      'all of them',
      { customer: 'c', email: 'e@x', paymentMethod: 'pm_1' },
      { customer: 'c', email: 'e@x', paymentMethod: 'pm_1' },
      ['customer', 'email', 'payment_method'],
    ],
  ])('suspects the same payment under another key by %s', async (_name, one, other, matched) => {
    const storage = await (await target.fresh()).open();
    const first = await openOne(storage, aRequest({ ...look, ...one }));
    const second = aRequest({ ...look, ...other });
    expect(await storage.ledger.open(second, 'f', guard, actor)).toEqual({
      kind: 'duplicate_suspected',
      other: first.transaction,
      matched,
    });
    expect(await storage.ledger.find(second.key)).toBeNull();
    const allowed = opened(
      await storage.ledger.open(second, 'f', { ...guard, allow: true }, actor),
    );
    const [entry] = await storage.history.audit(allowed.transaction.id);
    expect(entry?.detail).toMatchObject({
      duplicate_allowed: true,
      looks_like: first.transaction.id,
    });
  });

  it.each<[string, Partial<ChargeRequest>]>([
    ['another amount', { amount: 5000 }],
    ['another currency', { currency: 'eur' }],
    ['nothing else in common', { customer: 'cus_2', paymentMethod: 'pm_2' }],
  ])('does not suspect a payment with %s', async (_name, changes) => {
    const storage = await (await target.fresh()).open();
    const request = aRequest({ ...look, customer: 'cus_1', paymentMethod: 'pm_1' });
    await openOne(storage, request);
    expect(
      (
        await storage.ledger.open(
          aRequest({ ...request, key: 'other', ...changes }),
          'f',
          guard,
          actor,
        )
      ).kind,
    ).toBe('opened');
  });

  it('suspects what succeeded or is stuck, not what failed, and only within the window', async () => {
    let offsetMs = 0;
    const storage = await (await target.fresh()).open({ nowOffsetMs: () => offsetMs });
    const again = async (): Promise<string> =>
      (
        await storage.ledger.open(
          aRequest({ ...look, customer: 'cus_1' }),
          'f',
          { ...guard, windowMs: 1_000 },
          actor,
        )
      ).kind;
    const first = await openOne(storage, aRequest({ ...look, customer: 'cus_1' }));
    const undecided = await recordOne(storage, first, stuck);
    expect(await again()).toBe('duplicate_suspected');
    await recordOne(storage, (await storage.ledger.claim(undecided.id, actor))!, succeeded);
    expect(await again()).toBe('duplicate_suspected');
    offsetMs = 1_500;
    expect(await again()).toBe('opened');
    offsetMs = 3_000;
    const late = await openOne(storage, aRequest({ ...look, customer: 'cus_2' }));
    await recordOne(storage, late, failed);
    expect(
      (await storage.ledger.open(aRequest({ ...look, customer: 'cus_2' }), 'f', guard, actor)).kind,
    ).toBe('opened');
  });

  it('opens one of many simultaneous openings of one key', async () => {
    const database = await target.fresh();
    const request = aRequest({ reference: 'order-1' });
    const storages = await Promise.all(Array.from({ length: 5 }, () => database.open()));
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        storages[index % 5]!.ledger.open(request, 'f', guard, actor),
      ),
    );
    expect(results.map(({ kind }) => kind).sort()).toEqual([
      ...Array.from({ length: 19 }, () => 'exists'),
      'opened',
    ]);
    expect(
      new Set(results.map((result) => 'transaction' in result && result.transaction.id)).size,
    ).toBe(1);
  });

  it.each<[string, Partial<ChargeRequest>]>([
    ['reference', { reference: 'order-1' }],
    ['customer', { customer: 'cus_1' }],
    ['e-mail', { email: 'ada@example.com' }],
    ['payment method', { paymentMethod: 'pm_1' }],
  ])('opens one of many simultaneous look-alikes by %s', async (_name, common) => {
    const database = await target.fresh();
    const storages = await Promise.all(Array.from({ length: 5 }, () => database.open()));
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        storages[index % 5]!.ledger.open(aRequest({ ...look, ...common }), 'f', guard, actor),
      ),
    );
    expect(results.filter(({ kind }) => kind === 'opened')).toHaveLength(1);
    expect(new Set(results.map(({ kind }) => kind)).size).toBe(2);
  });
});
