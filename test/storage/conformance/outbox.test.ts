import { describe, expect, it } from 'vitest';
import type { Storage } from '../../../src/storage/open.ts';
import type { SendEnd } from '../../../src/app/ports.ts';
import { actor, openOne, recordOne, reconciler, stuck, succeeded } from '../payments.ts';
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
        attempts: 0,
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

  it('hands out those of operators alone where they are asked for', async () => {
    const storage = await (await target.fresh()).open();
    await queueOne(storage);
    await recordOne(storage, await openOne(storage), stuck);
    const claimed = await storage.outbox.claim(10, actor, 'operator');
    expect(claimed.map(({ notification }) => notification.kind)).toEqual(['operator_stuck']);
    expect(await storage.outbox.claim(10, actor)).toMatchObject([
      { notification: { kind: 'customer_succeeded' } },
    ]);
  });

  it('counts a try where something was tried, ends many claims together, and those alone', async () => {
    const storage = await (await target.fresh()).open();
    for (let index = 0; index < 5; index += 1) await queueOne(storage);
    const claimed = await storage.outbox.claim(5, actor);
    const ends: readonly SendEnd[] = [
      { kind: 'sent', messageId: 'm' },
      { kind: 'again', error: 'busy', inMs: minute },
      { kind: 'not_tried', error: 'no address', inMs: minute },
      { kind: 'failed', error: 'refused' },
      { kind: 'not_tried', error: null, inMs: 0 },
    ];
    await storage.outbox.end(ends.map((end, index) => ({ claimed: claimed[index]!, end })));
    const rows = await Promise.all(
      claimed.map(async ({ notification: { id, transactionId } }) => {
        const own = await storage.history.notifications(transactionId!);
        return own.find((each) => each.id === id)!;
      }),
    );
    expect(rows.map(({ state, attempts, lastError }) => [state, attempts, lastError])).toEqual([
      ['sent', 1, null],
      ['queued', 1, 'busy'],
      ['queued', 0, 'no address'],
      ['failed', 1, 'refused'],
      ['queued', 0, null],
    ]);
    expect(await storage.outbox.claim(5, actor)).toMatchObject([
      { notification: { id: rows[4]!.id, attempts: 0 } },
    ]);
    expect((await storage.history.verifyAudit(null)).firstBad).toBeNull();
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
    expect(taken).toMatchObject({ notification: { id, attempts: 0 } });
    await storage.outbox.end([{ claimed: left!, end: { kind: 'sent', messageId: 'late' } }]);
    await storage.outbox.end([{ claimed: left!, end: { kind: 'failed', error: 'late' } }]);
    expect(await storage.outbox.counts()).toEqual({ queued: 0, sending: 1, failed: 0 });
    await storage.outbox.end([{ claimed: taken!, end: { kind: 'sent', messageId: 'message-1' } }]);
    const [sent] = await storage.outbox.list(['sent'], 10);
    expect(sent).toMatchObject({
      id,
      state: 'sent',
      messageId: 'message-1',
      nextAttemptAt: null,
      lastError: null,
      attempts: 1,
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
    await storage.outbox.end([
      { claimed: first!, end: { kind: 'again', error: 'busy \u0000', inMs: 5 * minute + 0.5 } },
    ]);
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
    await storage.outbox.end([{ claimed: second!, end: { kind: 'failed', error: 'refused' } }]);
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
    await storage.outbox.end([{ claimed: claimed!, end: { kind: 'sent', messageId: 'm' } }]);
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
