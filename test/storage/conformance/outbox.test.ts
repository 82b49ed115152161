import { describe, expect, it } from 'vitest';
import type { Storage } from '../../../src/storage/open.ts';
import { actor, openOne, recordOne, reconciler, succeeded } from '../payments.ts';
import { targets } from '../targets.ts';

const minute = 60_000;

async function queueOne(storage: Storage): Promise<string> {
  const transaction = await recordOne(storage, await openOne(storage), {
    ...succeeded,
    notifications: ['customer_succeeded'],
  });
  const [mail] = await storage.history.notifications(transaction.id);
  return mail!.id;
}

describe.each(targets)('the outbox on $name', (target) => {
  it('hands each e-mail to one sender at a time, oldest first', async () => {
    const database = await target.fresh();
    const storages = await Promise.all(Array.from({ length: 4 }, () => database.open()));
    const queued: string[] = [];
    for (let index = 0; index < 20; index += 1) {
      queued.push(await queueOne(storages[0]!));
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    const [first] = await storages[0]!.outbox.claim(1, actor);
    expect(first).toMatchObject({
      notification: {
        id: queued[0],
        state: 'sending',
        attempts: 1,
        kind: 'customer_succeeded',
        to: 'ada@example.com',
      },
    });
    const rest = await Promise.all(
      Array.from({ length: 12 }, (_, index) => storages[index % 4]!.outbox.claim(2, reconciler)),
    );
    expect(
      rest
        .flat()
        .map(({ notification }) => notification.id)
        .sort(),
    ).toEqual(queued.slice(1).sort());
    for (const block of rest)
      expect(block.map(({ notification }) => notification.createdAt)).toEqual(
        block.map(({ notification }) => notification.createdAt).sort(),
      );
    expect(await storages[0]!.outbox.counts()).toEqual({ queued: 0, sending: 20, failed: 0 });
  });

  it('takes back what a sender left behind, who then changes nothing any more', async () => {
    let offsetMs = 0;
    const storage = await (await target.fresh()).open({ nowOffsetMs: () => offsetMs });
    const id = await queueOne(storage);
    const [left] = await storage.outbox.claim(10, actor);
    offsetMs = minute - 5_000;
    expect(await storage.outbox.claim(10, reconciler)).toEqual([]);
    offsetMs = minute + 1_000;
    const [taken] = await storage.outbox.claim(10, reconciler);
    expect(taken).toMatchObject({ notification: { id, attempts: 2 } });
    await storage.outbox.markSent(left!, 'late');
    await storage.outbox.markFailed(left!, 'late', null);
    expect(await storage.outbox.counts()).toEqual({ queued: 0, sending: 1, failed: 0 });
    await storage.outbox.markSent(taken!, 'message-1');
    const [sent] = await storage.outbox.list(['sent'], 10);
    expect(sent).toMatchObject({
      id,
      state: 'sent',
      messageId: 'message-1',
      nextAttemptAt: null,
      lastError: null,
      attempts: 2,
    });
    expect(Math.abs(sent!.sentAt! - (await storage.ledger.now()))).toBeLessThan(2_000);
    offsetMs = 10 * minute;
    expect(await storage.outbox.claim(10, actor)).toEqual([]);
  });

  it.each([
    ['queued', false],
    ['being sent by a process that is gone', true],
  ])(
    'takes an e-mail whose time a clock that was a year ahead has written: %s',
    async (_state, claimed) => {
      let offsetMs = 365 * 24 * 60 * minute;
      const storage = await (await target.fresh()).open({ nowOffsetMs: () => offsetMs });
      const id = await queueOne(storage);
      if (claimed) await storage.outbox.claim(10, actor);
      offsetMs = 0;
      expect(await storage.outbox.claim(10, reconciler)).toMatchObject([{ notification: { id } }]);
      // Claimed by the clock as it is now: nobody else takes it meanwhile.
      expect(await storage.outbox.claim(10, actor)).toEqual([]);
    },
  );

  it('puts a failure back for later, or gives it up for good', async () => {
    let offsetMs = 0;
    const storage = await (await target.fresh()).open({ nowOffsetMs: () => offsetMs });
    const id = await queueOne(storage);
    const [first] = await storage.outbox.claim(10, actor);
    await storage.outbox.markFailed(first!, 'busy \u0000', 5 * minute + 0.5);
    const [queued] = await storage.outbox.list(['queued'], 10);
    expect(queued).toMatchObject({
      id,
      state: 'queued',
      attempts: 1,
      lastError: 'busy \uFFFD',
      sentAt: null,
    });
    expect(await storage.outbox.claim(10, actor)).toEqual([]);
    offsetMs = 5 * minute + 1_000;
    const [second] = await storage.outbox.claim(10, actor);
    await storage.outbox.markFailed(second!, 'refused', null);
    expect(await storage.outbox.list(['failed'], 10)).toMatchObject([
      { id, state: 'failed', attempts: 2, lastError: 'refused', nextAttemptAt: null },
    ]);
    offsetMs = 100 * minute;
    expect(await storage.outbox.claim(10, actor)).toEqual([]);
  });

  it('queues the same message again as a new e-mail, as often as asked', async () => {
    const storage = await (await target.fresh()).open();
    const id = await queueOne(storage);
    const [claimed] = await storage.outbox.claim(1, actor);
    await storage.outbox.markSent(claimed!, 'm');
    const again = await Promise.all(Array.from({ length: 4 }, () => storage.outbox.requeue(id)));
    expect(new Set([id, ...again.map((mail) => mail?.id)]).size).toBe(5);
    for (const mail of again)
      expect(mail).toMatchObject({
        state: 'queued',
        attempts: 0,
        to: 'ada@example.com',
        data: claimed!.notification.data,
      });
    expect(await storage.outbox.requeue(again[0]!.id)).not.toBeNull();
    expect(await storage.outbox.counts()).toEqual({ queued: 5, sending: 0, failed: 0 });
    expect(await storage.outbox.requeue('ntf_nobody')).toBeNull();
  });

  it('lists by state, newest first, up to the limit', async () => {
    const storage = await (await target.fresh()).open();
    const queued: string[] = [];
    for (let index = 0; index < 5; index += 1) {
      queued.push(await queueOne(storage));
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    const [first] = await storage.outbox.claim(1, actor);
    const listed = async (...query: Parameters<typeof storage.outbox.list>): Promise<string[]> =>
      (await storage.outbox.list(...query)).map(({ id }) => id);
    expect(await listed(['queued', 'sending', 'sent', 'failed'], 10)).toEqual(
      [...queued].reverse(),
    );
    expect(await listed(['queued'], 2)).toEqual([queued[4], queued[3]]);
    expect(await listed(['sending'], 2)).toEqual([first!.notification.id]);
    expect(await listed([], 2)).toEqual([]);
  });
});
