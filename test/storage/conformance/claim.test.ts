import { describe, expect, it } from 'vitest';
import { actor, aRequest, aTransition, openOne, reconciler, recordOne } from '../payments.ts';
import { targets } from '../targets.ts';

const minute = 60_000;
const everything = { limit: 1_000, pendingAfterMs: 0, dueBy: Number.MAX_SAFE_INTEGER };

describe.each(targets)('leases on $name', (target) => {
  it('are taken once, and are free again after a release', async () => {
    const storage = await (await target.fresh()).open({ leaseMs: minute });
    const { transaction, lease } = await openOne(storage);
    expect(await storage.ledger.claim(transaction.id, reconciler)).toBeNull();
    await storage.ledger.release([lease]);
    const beforeMs = performance.now();
    const claimed = await storage.ledger.claim(transaction.id, reconciler);
    expect(claimed).toMatchObject({ transaction, lease: { transactionId: transaction.id } });
    expect(claimed!.lease.token).not.toBe(lease.token);
    expect(claimed!.lease.deadlineMs).toBeGreaterThanOrEqual(beforeMs + minute);
    expect(claimed!.lease.deadlineMs).toBeLessThanOrEqual(performance.now() + minute);
    expect(Math.abs(claimed!.now - (await storage.ledger.now()))).toBeLessThan(2_000);
    expect(await storage.ledger.claim(transaction.id, actor)).toBeNull();
    expect(await storage.ledger.claim('txn_nobody', actor)).toBeNull();
  });

  it('run out by the clock of the database, and the one who lost one changes nothing', async () => {
    let offsetMs = 0;
    const storage = await (
      await target.fresh()
    ).open({ leaseMs: minute, nowOffsetMs: () => offsetMs });
    const paused = await openOne(storage);
    offsetMs = minute - 5_000;
    expect(await storage.ledger.claim(paused.transaction.id, reconciler)).toBeNull();
    offsetMs = minute + 1_000;
    const taker = await storage.ledger.claim(paused.transaction.id, reconciler);
    expect(taker?.transaction).toEqual(paused.transaction);
    const late = await storage.ledger.record(
      paused.transaction,
      paused.lease,
      aTransition({ changes: { lookups: 9 }, release: true }),
      actor,
    );
    expect(late).toEqual({ kind: 'stale' });
    expect(await storage.ledger.renew([paused.lease])).toEqual([]);
    await storage.ledger.release([paused.lease]);
    expect(await storage.ledger.claim(paused.transaction.id, actor)).toBeNull();
    expect(await storage.ledger.find(paused.transaction.id)).toEqual(paused.transaction);
    expect(
      (await recordOne(storage, taker!, aTransition({ changes: { lookups: 1 } }))).lookups,
    ).toBe(1);
  });

  it('say when the first one of a due row ends, which may then be taken over', async () => {
    let offsetMs = 0;
    const storage = await (
      await target.fresh()
    ).open({ leaseMs: minute, nowOffsetMs: () => offsetMs });
    expect(await storage.ledger.takeOverInMs(0)).toBeNull();
    await openOne(storage);
    offsetMs = 20_000;
    await openOne(storage);
    const inMs = await storage.ledger.takeOverInMs(0);
    expect(inMs).toBeGreaterThan(minute - 25_000);
    expect(inMs).toBeLessThanOrEqual(minute - 20_000);
    // Too young to be due, so no pass would claim them.
    expect(await storage.ledger.takeOverInMs(10 * minute)).toBeNull();
    offsetMs = minute + 1_000;
    expect(await storage.ledger.takeOverInMs(0)).toBeGreaterThan(15_000);
    expect(await storage.ledger.claimDue(everything, reconciler)).toHaveLength(1);
    offsetMs = 4 * minute;
    expect(await storage.ledger.takeOverInMs(0)).toBeNull();
  });

  it('that ran out but that nobody took still write and can be renewed', async () => {
    let offsetMs = 0;
    const storage = await (
      await target.fresh()
    ).open({ leaseMs: minute, nowOffsetMs: () => offsetMs });
    const { transaction, lease } = await openOne(storage);
    offsetMs = 2 * minute;
    const next = await recordOne(
      storage,
      { transaction, lease },
      aTransition({ changes: { lookups: 1 } }),
    );
    expect(await storage.ledger.renew([lease])).toHaveLength(1);
    expect(await storage.ledger.claim(transaction.id, reconciler)).toBeNull();
    offsetMs = 3 * minute + 1_000;
    expect((await storage.ledger.claim(transaction.id, reconciler))?.transaction).toEqual(next);
  });

  it('are renewed with a deadline that counts from before the renewal', async () => {
    const storage = await (await target.fresh()).open({ leaseMs: minute });
    const open = [await openOne(storage), await openOne(storage), await openOne(storage)];
    await storage.ledger.release([open[1]!.lease]);
    const beforeMs = performance.now();
    const renewed = await storage.ledger.renew(open.map(({ lease }) => lease));
    expect(renewed.map(({ transactionId }) => transactionId).sort()).toEqual(
      [open[0]!.transaction.id, open[2]!.transaction.id].sort(),
    );
    for (const lease of renewed) {
      expect(lease.deadlineMs).toBeGreaterThanOrEqual(beforeMs + minute);
      expect(lease.deadlineMs).toBeLessThanOrEqual(performance.now() + minute);
    }
  });

  it('of due rows are taken oldest due first, up to the limit, and only of what is due', async () => {
    let offsetMs = 0;
    const storage = await (await target.fresh()).open({ nowOffsetMs: () => offsetMs });
    const due = async (inMs: number | 'never'): Promise<string> => {
      const { transaction, lease } = await openOne(storage);
      const nextAttempt = inMs === 'never' ? inMs : { inMs };
      await recordOne(
        storage,
        { transaction, lease },
        aTransition({ stamps: { nextAttempt }, release: true }),
      );
      return transaction.id;
    };
    const third = await due(3 * minute);
    const first = await due(minute);
    const second = await due(2 * minute);
    await due('never');
    await due(120 * minute);
    offsetMs = 10 * minute;
    const leased = await openOne(storage);
    await recordOne(storage, leased, aTransition({ stamps: { nextAttempt: { inMs: 0 } } }));
    const query = { limit: 2, pendingAfterMs: 0, dueBy: await storage.ledger.now() };

    expect((await storage.ledger.due({ ...query, limit: 10 })).map(({ id }) => id)).toEqual([
      first,
      second,
      third,
    ]);
    const claimed = await storage.ledger.claimDue(query, reconciler);
    expect(claimed.map(({ transaction }) => transaction.id)).toEqual([first, second]);
    expect((await storage.ledger.due(query)).map(({ id }) => id)).toEqual([third]);
    expect(
      (await storage.ledger.claimDue(query, reconciler)).map(({ transaction }) => transaction.id),
    ).toEqual([third]);
    expect(await storage.ledger.claimDue(query, reconciler)).toEqual([]);
    for (const { transaction, lease } of claimed)
      await recordOne(storage, { transaction, lease }, aTransition({ release: true }));
    offsetMs = 100 * minute;
    expect(
      (await storage.ledger.claimDue({ ...query, limit: 10 }, reconciler))
        .map(({ transaction }) => transaction.id)
        .sort(),
    ).toEqual([first, second, third, leased.transaction.id].sort());
  });

  it('are not taken of rows younger than asked for, nor of rows due after the pass began', async () => {
    let offsetMs = 0;
    const storage = await (await target.fresh()).open({ nowOffsetMs: () => offsetMs });
    const { transaction, lease } = await openOne(storage);
    await storage.ledger.release([lease]);
    const query = {
      limit: 10,
      pendingAfterMs: 5 * minute,
      dueBy: transaction.createdAt + 60 * minute,
    };
    expect(await storage.ledger.claimDue(query, reconciler)).toEqual([]);
    offsetMs = 5 * minute + 2_000;
    expect(
      await storage.ledger.claimDue({ ...query, dueBy: transaction.createdAt - 1 }, reconciler),
    ).toEqual([]);
    expect(
      await storage.ledger.claimDue({ ...query, dueBy: transaction.createdAt }, reconciler),
    ).toHaveLength(1);
  });

  it('go to one of many who ask at the same moment', async () => {
    const database = await target.fresh();
    const storages = await Promise.all(Array.from({ length: 4 }, () => database.open()));
    const ids: string[] = [];
    for (let index = 0; index < 40; index += 1) {
      const { transaction, lease } = await openOne(storages[0]!, aRequest());
      await storages[0]!.ledger.release([lease]);
      ids.push(transaction.id);
    }
    const single = await Promise.all(
      Array.from({ length: 12 }, (_, index) => storages[index % 4]!.ledger.claim(ids[0]!, actor)),
    );
    expect(single.filter((claimed) => claimed !== null)).toHaveLength(1);
    const blocks = await Promise.all(
      Array.from({ length: 16 }, (_, index) =>
        storages[index % 4]!.ledger.claimDue({ ...everything, limit: 3 }, reconciler),
      ),
    );
    const taken = blocks.flat().map(({ transaction }) => transaction.id);
    expect(taken).toHaveLength(39);
    expect(new Set([...taken, ids[0]])).toEqual(new Set(ids));
    const leases = blocks.flat().map(({ lease }) => lease);
    expect(await storages[0]!.ledger.renew(leases)).toHaveLength(39);
    await storages[1]!.ledger.release(leases);
    expect(await storages[2]!.ledger.claimDue(everything, reconciler)).toHaveLength(39);
  });
});
