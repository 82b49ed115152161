import { describe, expect, it } from 'vitest';
import type { Storage } from '../../../src/storage/open.ts';
import { errorOf } from '../errors-of.ts';
import {
  actor,
  aRequest,
  aTransition,
  guard,
  openOne,
  opened,
  reconciler,
  recorded,
  recordOne,
  succeeded,
} from '../payments.ts';
import { postgresProxy, type Proxy } from '../postgres-proxy.ts';
import { postgres, type TestDatabase } from '../targets.ts';

/*
 * A connection that ends while an answer is due: what was asked may or may not have been done. The
 * proxy ends it before the server hears of the statement, or after it has answered.
 */

async function behindProxy(database: TestDatabase): Promise<{ proxy: Proxy; storage: Storage }> {
  const proxy = await postgresProxy(database.url);
  const storage = await postgres.openUrl(proxy.url);
  return { proxy, storage };
}

/** Cuts the connection once, before or after the first statement that fits. */
function cutOnce(proxy: Proxy, when: 'cut_before' | 'cut_after', fits: RegExp): void {
  let done = false;
  proxy.onStatement = (sql) => {
    if (done || !fits.test(sql)) return 'pass';
    done = true;
    return when;
  };
}

describe('a lost connection to PostgreSQL', () => {
  it.each(['cut_before', 'cut_after'] as const)(
    'answers truly when the connection is %s of an opening',
    async (when) => {
      for (const fits of [
        /^BEGIN/,
        /^insert into transactions/,
        /^insert into audit_events/,
        /^COMMIT/,
      ]) {
        const database = await postgres.fresh();
        const { proxy, storage } = await behindProxy(database);
        cutOnce(proxy, when, fits);
        const result = opened(
          await storage.ledger.open(aRequest({ reference: 'order-1' }), 'f', guard, actor),
        );
        expect(await storage.ledger.find(result.transaction.id)).toEqual(result.transaction);
        expect(
          await storage.history.page(
            {
              statuses: [],
              since: null,
              until: null,
              customer: null,
              reference: null,
              needsPerson: false,
            },
            10,
            null,
          ),
        ).toHaveLength(1);
        expect(await storage.history.verifyAudit(null)).toEqual({
          transactions: 1,
          entries: 1,
          partly: 0,
          firstBad: null,
        });
        expect((await recordOne(storage, result, aTransition())).version).toBe(2);
      }
    },
  );

  it.each(['cut_before', 'cut_after'] as const)(
    'answers truly when the connection is %s of a recording',
    async (when) => {
      const database = await postgres.fresh();
      const { proxy, storage } = await behindProxy(database);
      const opening = await openOne(storage);
      cutOnce(proxy, when, /^with clock .*update transactions/s);
      const settled = { ...succeeded, notifications: ['customer_succeeded'] } as const;
      const { transaction } = recorded(
        await storage.ledger.record(opening.transaction, opening.lease, settled, actor),
      );
      expect(transaction).toMatchObject({ status: 'succeeded', version: 2 });
      expect(await storage.history.audit(transaction.id)).toHaveLength(2);
      expect(await storage.history.notifications(transaction.id)).toHaveLength(1);
      expect(
        await storage.ledger.record(opening.transaction, opening.lease, succeeded, actor),
      ).toEqual({ kind: 'stale' });
    },
  );

  it('does not take the write of somebody else for its own after a lost connection', async () => {
    const database = await postgres.fresh();
    const { proxy, storage } = await behindProxy(database);
    const other = await database.open();
    const { transaction, lease } = await openOne(storage);
    let done = false;
    proxy.onStatement = (sql) => {
      if (done || !sql.includes('update transactions')) return 'pass';
      done = true;
      return 'cut_before';
    };
    const theirs = other.ledger.record(
      transaction,
      lease,
      aTransition({ changes: { lookups: 7 } }),
      { ...actor, pid: 1 },
    );
    await theirs;
    const mine = await storage.ledger.record(
      transaction,
      lease,
      aTransition({ changes: { lookups: 7 } }),
      actor,
    );
    expect(done).toBe(true);
    expect(mine).toEqual({ kind: 'stale' });
    expect((await theirs).kind).toBe('recorded');
  });

  it.each(['cut_before', 'cut_after'] as const)(
    'keeps its claims, passes and outages when the connection is %s',
    async (when) => {
      const database = await postgres.fresh();
      const { proxy, storage } = await behindProxy(database);
      const { transaction, lease } = await openOne(storage);
      await storage.ledger.release([lease]);
      cutOnce(proxy, when, /update transactions/);
      const claimed = await storage.ledger.claim(transaction.id, reconciler);
      expect(claimed).not.toBeNull();
      cutOnce(proxy, when, /update transactions/);
      expect(await storage.ledger.renew([claimed!.lease])).toHaveLength(1);
      cutOnce(proxy, when, /update transactions/);
      await storage.ledger.release([claimed!.lease]);
      cutOnce(proxy, when, /update transactions/);
      expect(
        await storage.ledger.claimDue(
          { limit: 5, pendingAfterMs: 0, dueBy: Number.MAX_SAFE_INTEGER },
          reconciler,
        ),
      ).toHaveLength(1);
      cutOnce(proxy, when, /^COMMIT/);
      expect(await storage.passes.openOutage({ n: 1 })).toBe(true);
      expect(await storage.passes.openOutage({ n: 1 })).toBe(false);
      expect(await storage.outbox.counts()).toMatchObject({ queued: 1 });
    },
  );

  it('says that it does not know, when a write was sent and the server does not come back', async () => {
    const database = await postgres.fresh();
    const { proxy, storage } = await behindProxy(database);
    const { transaction, lease } = await openOne(storage);
    proxy.onStatement = (sql) => {
      if (!sql.includes('update transactions')) return 'pass';
      proxy.refusing = true;
      return 'cut_after';
    };
    const error = await errorOf(storage.ledger.record(transaction, lease, succeeded, actor));
    expect(error).toMatchObject({ kind: 'unknown_outcome', code: 'database_write_unknown' });
    expect(await errorOf(storage.history.openCounts())).toMatchObject({ kind: 'unreachable' });
    proxy.refusing = false;
    proxy.onStatement = () => 'pass';
    expect((await storage.ledger.find(transaction.id))?.status).toBe('succeeded');
  });

  it('gets over connections that the server ended while nobody used them', async () => {
    const database = await postgres.fresh();
    const storage = await database.open();
    const opening = await openOne(storage);
    await (
      await database.raw()
    ).run(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'payrecon' and datname = current_database()`,
    );
    expect((await recordOne(storage, opening, aTransition())).version).toBe(2);
  });
});
