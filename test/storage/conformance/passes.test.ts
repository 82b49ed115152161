import { describe, expect, it } from 'vitest';
import type { PassReport } from '../../../src/app/ports.ts';
import { actor } from '../payments.ts';
import { targets } from '../targets.ts';

const report: PassReport = {
  due: 9,
  settled: { succeeded: 1, failed: 2, canceled: 3 },
  pending: 4,
  stuck: 5,
  stripeCalls: { list: 6, retrieve: 7, other: 8 },
  notSent: 10,
  outage: true,
  stoppedBy: 'outage',
  durationMs: 1_234.5,
};

describe.each(targets)('passes and outages on $name', (target) => {
  it('a pass leaves a heartbeat when it begins and its report when it ends', async () => {
    const storage = await (await target.fresh()).open();
    expect(await storage.passes.last()).toBeNull();
    const first = await storage.passes.begin(actor);
    expect(first.outageOpen).toBe(false);
    expect(Math.abs(first.startedAt - (await storage.ledger.now()))).toBeLessThan(2_000);
    expect(await storage.passes.last()).toMatchObject({
      id: first.id,
      host: 'host-a',
      startedAt: first.startedAt,
      finishedAt: null,
      due: 0,
      outage: false,
    });
    await storage.passes.finish(first.id, report);
    const last = await storage.passes.last();
    expect(last).toEqual({
      ...report,
      durationMs: 1_235,
      id: first.id,
      host: 'host-a',
      startedAt: first.startedAt,
      finishedAt: last?.finishedAt,
    });
    expect(last!.finishedAt!).toBeGreaterThanOrEqual(first.startedAt);
    await new Promise((resolve) => setTimeout(resolve, 2));
    const second = await storage.passes.begin(actor);
    expect((await storage.passes.last())?.id).toBe(second.id);
  });

  it('an outage is opened once, with one e-mail, however many hosts see it', async () => {
    const database = await target.fresh();
    const storages = await Promise.all(Array.from({ length: 4 }, () => database.open()));
    const results = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        storages[index % 4]!.passes.openOutage({ failures: 5, last: 'timeout' }),
      ),
    );
    expect(results.filter(Boolean)).toHaveLength(1);
    const mails = await storages[0]!.outbox.list(['queued'], 10);
    expect(mails).toMatchObject([
      {
        kind: 'operator_outage',
        transactionId: null,
        to: null,
        data: { failures: 5, last: 'timeout' },
      },
    ]);
    expect((await storages[1]!.passes.begin(actor)).outageOpen).toBe(true);

    const closed = await Promise.all(storages.map((storage) => storage.passes.closeOutage()));
    expect(closed.filter(Boolean)).toHaveLength(1);
    expect((await storages[1]!.passes.begin(actor)).outageOpen).toBe(false);
    expect(await storages[0]!.passes.openOutage({ failures: 6 })).toBe(true);
    expect(await storages[0]!.outbox.counts()).toMatchObject({ queued: 2 });
  });

  it('the e-mail of an outage can be sent again', async () => {
    const storage = await (await target.fresh()).open();
    await storage.passes.openOutage({ failures: 5 });
    const [mail] = await storage.outbox.claim(1, actor);
    await storage.outbox.end([{ claimed: mail!, end: { kind: 'sent', messageId: null } }]);
    expect(await storage.outbox.requeue(mail!.notification.id)).toMatchObject({
      kind: 'operator_outage',
      state: 'queued',
      data: { failures: 5 },
    });
  });
});
