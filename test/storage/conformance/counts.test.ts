import { describe, expect, it } from 'vitest';
import { COUNT_SHARDS } from '../../../src/storage/counts.ts';
import { actor, aRequest, aTransition, openOne, reconciler, succeeded } from '../payments.ts';
import { chance, targets } from '../targets.ts';

/** All writers meet in one shard, where they wait for each other and see each other's sums. */
const inOneShard = { ...chance, uniform: () => 0 };

describe.each(targets)('the counts on $name', (target) => {
  it(
    'are right after many writers in one shard, alone and in groups',
    { timeout: 60_000 },
    async () => {
      const database = await target.fresh();
      const storages = await Promise.all(
        Array.from({ length: 4 }, () => database.open({ chance: inOneShard })),
      );
      await storages[0]!.identity.create('');
      await Promise.all(
        storages.map(async (storage) => {
          const opened = await Promise.all(
            Array.from({ length: 12 }, () => openOne(storage, aRequest())),
          );
          const recorded = await Promise.all(
            opened.map(({ transaction, lease }) =>
              storage.ledger.record(
                transaction,
                lease,
                { ...succeeded, notifications: ['customer_succeeded'] },
                actor,
              ),
            ),
          );
          expect(recorded.every(({ kind }) => kind === 'recorded')).toBe(true);
          for (let index = 0; index < 5; index += 1) {
            const { transaction, lease } = await openOne(storage, aRequest());
            await storage.ledger.record(transaction, lease, aTransition(), actor);
            await storage.passes.begin(reconciler);
            await storage.outbox.claim(1, actor);
          }
          await storage.passes.openOutage({});
        }),
      );
      const raw = await database.raw();
      const [sums] =
        await raw.rows(`select cast(sum(transactions) as integer) as transactions, cast(sum(entries) as integer) as entries,
      cast(sum(notifications) as integer) as notifications, cast(sum(passes) as integer) as passes, cast(sum(outages) as integer) as outages,
      cast(sum(ledgers) as integer) as ledgers, count(*) filter (where transactions > 0) as used from ledger_counts`);
      expect({ ...sums, used: Number(sums?.['used']) }).toEqual({
        transactions: 68,
        entries: 136,
        notifications: 49,
        passes: 20,
        outages: 1,
        ledgers: 1,
        used: 1,
      });
      expect((await storages[0]!.history.verifyAudit(null)).firstBad).toBeNull();
    },
  );

  it('are not touched by a write that changes nothing', async () => {
    const database = await target.fresh();
    const storage = await database.open();
    const opening = await openOne(storage);
    const { transaction } = opening;
    await storage.ledger.record(transaction, opening.lease, succeeded, actor);
    const stale = Promise.all(
      [1, 2, 3].map(() => storage.ledger.record(transaction, opening.lease, succeeded, actor)),
    );
    expect((await stale).map(({ kind }) => kind)).toEqual(['stale', 'stale', 'stale']);
    expect((await storage.history.verifyAudit(null)).firstBad).toBeNull();
  });

  it('have as many rows as the migration made', async () => {
    const database = await target.fresh();
    await database.open();
    expect(await (await database.raw()).rows('select shard from ledger_counts')).toHaveLength(
      COUNT_SHARDS,
    );
  });
});
