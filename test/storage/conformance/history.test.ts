import { describe, expect, it } from 'vitest';
import type { ListFilter, PagePosition } from '../../../src/app/ports.ts';
import type { Transaction } from '../../../src/domain/transaction.ts';
import type { Storage } from '../../../src/storage/open.ts';
import { errorOf } from '../errors-of.ts';
import {
  actor,
  aRequest,
  aTransition,
  failed,
  noGuard,
  openOne,
  recordOne,
  stuck,
  succeeded,
} from '../payments.ts';
import { targets } from '../targets.ts';

const all: ListFilter = {
  statuses: [],
  since: null,
  until: null,
  customer: null,
  reference: null,
  needsPerson: false,
};

async function pages(
  storage: Storage,
  filter: ListFilter,
  limit: number,
): Promise<readonly Transaction[]> {
  const found: Transaction[] = [];
  for (let after: PagePosition | null = null; ;) {
    const page = await storage.history.page(filter, limit, after);
    found.push(...page);
    const last = page.at(-1);
    if (last === undefined) return found;
    expect(page.length).toBeLessThanOrEqual(limit);
    expect(found.length).toBeLessThan(100);
    after = { createdAt: last.createdAt, id: last.id };
  }
}

/** Twelve transactions over twelve hours, of every status and two customers. */
async function twelve(
  storage: Storage,
  at: (hour: number) => void,
): Promise<readonly Transaction[]> {
  const made: Transaction[] = [];
  for (let index = 0; index < 12; index += 1) {
    at(index);
    const opening = await openOne(
      storage,
      aRequest({
        customer: index % 2 === 0 ? 'cus_even' : 'cus_odd',
        reference: index === 4 ? 'order-4' : null,
      }),
    );
    const transition = [
      succeeded,
      failed,
      stuck,
      aTransition({ changes: { expectedBy: opening.now + 60_000 }, release: true }),
    ][index % 4]!;
    made.push(await recordOne(storage, opening, transition));
  }
  return made.reverse();
}

const ids = (transactions: readonly Transaction[]): readonly string[] =>
  transactions.map(({ id }) => id);

describe.each(targets)('the history on $name', (target) => {
  it('is paged newest first, each row once, with every filter', async () => {
    let offsetMs = 0;
    const storage = await (await target.fresh()).open({ nowOffsetMs: () => offsetMs });
    const made = await twelve(storage, (hour) => (offsetMs = hour * 3_600_000));
    offsetMs = 13 * 3_600_000;
    const since = made[8]!.createdAt;
    const until = made[2]!.createdAt;
    const cases: readonly (readonly [
      Partial<ListFilter>,
      (transaction: Transaction) => boolean,
    ])[] = [
      [{}, () => true],
      [{ statuses: ['succeeded'] }, ({ status }) => status === 'succeeded'],
      [
        { statuses: ['failed', 'stuck', 'failed'] },
        ({ status }) => status === 'failed' || status === 'stuck',
      ],
      [{ customer: 'cus_odd' }, ({ customer }) => customer === 'cus_odd'],
      [
        { customer: 'cus_even', statuses: ['succeeded', 'pending'] },
        ({ customer, status }) =>
          customer === 'cus_even' && (status === 'succeeded' || status === 'pending'),
      ],
      [{ reference: 'order-4' }, ({ reference }) => reference === 'order-4'],
      [{ since, until }, ({ createdAt }) => createdAt >= since && createdAt < until],
      [{ needsPerson: true }, ({ status }) => status === 'stuck' || status === 'pending'],
      [{ needsPerson: true, statuses: ['stuck'] }, ({ status }) => status === 'stuck'],
      [
        { needsPerson: true, statuses: ['pending'], customer: 'cus_odd', since },
        ({ status, createdAt }) => status === 'pending' && createdAt >= since,
      ],
      [{ needsPerson: true, statuses: ['failed'] }, () => false],
      [{ customer: 'nobody' }, () => false],
    ];
    for (const [filter, wanted] of cases) {
      for (const limit of [1, 2, 5, 100]) {
        expect({
          filter,
          limit,
          ids: ids(await pages(storage, { ...all, ...filter }, limit)),
        }).toEqual({ filter, limit, ids: ids(made.filter(wanted)) });
      }
    }
    expect(await storage.history.page(all, 3, null)).toEqual(made.slice(0, 3));
  });

  it('pages through rows of one instant', async () => {
    const database = await target.fresh();
    const storage = await database.open();
    const made: string[] = [];
    for (let index = 0; index < 7; index += 1) made.push((await openOne(storage)).transaction.id);
    const raw = await database.raw();
    await raw.run(
      target.name === 'postgres'
        ? 'alter table transactions disable trigger user'
        : 'drop trigger transactions_request_is_fixed',
    );
    await raw.run('update transactions set created_at = 5');
    expect(ids(await pages(storage, all, 2))).toEqual(made.sort().reverse());
  });

  it('says who needs a person: stuck, and pending for longer than its method takes', async () => {
    let offsetMs = 0;
    const storage = await (await target.fresh()).open({ nowOffsetMs: () => offsetMs });
    expect(await storage.history.openCounts()).toEqual({
      pending: 0,
      stuck: 0,
      overdue: 0,
      changed: 0,
      oldestPendingAt: null,
    });
    const made = await twelve(storage, () => undefined);
    const oldest = Math.min(
      ...made.filter(({ status }) => status === 'pending').map(({ createdAt }) => createdAt),
    );
    expect(await storage.history.openCounts()).toEqual({
      pending: 3,
      stuck: 3,
      overdue: 0,
      changed: 0,
      oldestPendingAt: oldest,
    });
    expect(await storage.history.needsPerson()).toEqual({ stuck: 3, overdue: 0, changed: 0 });
    expect(await storage.history.page({ ...all, needsPerson: true }, 10, null)).toHaveLength(3);
    offsetMs = 120_000;
    expect(await storage.history.needsPerson()).toEqual({ stuck: 3, overdue: 3, changed: 0 });
    expect(await storage.history.page({ ...all, needsPerson: true }, 10, null)).toHaveLength(6);
  });

  it('finds nothing where there is nothing', async () => {
    const storage = await (await target.fresh()).open();
    expect(await storage.ledger.find('txn_nobody')).toBeNull();
    expect(await storage.history.page(all, 20, null)).toEqual([]);
    expect(await storage.history.audit('txn_nobody')).toEqual([]);
    expect(await storage.history.notifications('txn_nobody')).toEqual([]);
    expect(await storage.history.verifyAudit('txn_nobody')).toEqual({
      transactions: 0,
      entries: 0,
      partly: 0,
      firstBad: null,
    });
  });

  it('is all that can be had when the ledger is opened for reading only', async () => {
    const database = await target.fresh();
    const { transaction, lease } = await openOne(await database.open());
    const storage = await database.open({ readOnly: true });
    expect(await storage.ledger.find(transaction.id)).toEqual(transaction);
    const writes = [
      () => storage.ledger.open(aRequest(), 'f', noGuard, actor),
      () => storage.ledger.record(transaction, lease, succeeded, actor),
      () => storage.ledger.release([lease]),
      () => storage.passes.closeOutage(),
      () => storage.migrateUp(),
    ];
    for (const write of writes)
      expect(await errorOf(write())).toMatchObject({
        kind: 'configuration',
        code: 'database_read_only',
      });
  });

  it('finds by id before it finds by key', async () => {
    const storage = await (await target.fresh()).open();
    const first = await openOne(storage);
    await openOne(storage, aRequest({ key: first.transaction.id }));
    expect(await storage.ledger.find(first.transaction.id)).toEqual(first.transaction);
  });
});
