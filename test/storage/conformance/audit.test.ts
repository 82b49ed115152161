import { describe, expect, it } from 'vitest';
import { entryHash } from '../../../src/storage/ledger/audit-chain.ts';
import type { Storage } from '../../../src/storage/open.ts';
import { aRequest, aTransition, openOne, recordOne, succeeded } from '../payments.ts';
import { targets, type RawConnection, type Target } from '../targets.ts';

/** Three transactions of four entries; ids in the order of creation. */
async function threeTrails(storage: Storage): Promise<readonly [string, string, string]> {
  const ids: string[] = [];
  for (let index = 0; index < 3; index += 1) {
    const opening = await openOne(storage, aRequest({ metadata: { n: String(index) } }));
    const created = await recordOne(
      storage,
      opening,
      aTransition({
        action: 'created',
        changes: { step: 'created', paymentIntent: `pi_${String(index)}` },
      }),
    );
    const sent = await recordOne(
      storage,
      { ...opening, transaction: created },
      aTransition({ action: 'confirm_sent', changes: { step: 'confirm_sent' } }),
    );
    await recordOne(storage, { ...opening, transaction: sent }, succeeded);
    ids.push(opening.transaction.id);
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
  return ids as unknown as [string, string, string];
}

async function dropTriggers(target: Target, raw: RawConnection): Promise<void> {
  if (target.name === 'postgres') {
    await raw.run(
      'alter table audit_events disable trigger user; alter table transactions disable trigger user; alter table audit_events drop constraint audit_events_transaction_id_fkey',
    );
    return;
  }
  await raw.run('pragma foreign_keys = off');
  for (const { name } of await raw.rows(`select name from sqlite_schema where type = 'trigger'`))
    await raw.run(`drop trigger ${String(name)}`);
}

interface Tampering {
  readonly name: string;
  readonly sql: (id: string) => string;
  readonly seq: number;
  readonly problem: RegExp;
}

const swap = (id: string): string =>
  [
    `update audit_events set seq = 12 where transaction_id = '${id}' and seq = 2`,
    `update audit_events set seq = 2 where transaction_id = '${id}' and seq = 3`,
    `update audit_events set seq = 3 where transaction_id = '${id}' and seq = 12`,
  ].join('; ');

const tamperings: readonly Tampering[] = [
  {
    name: 'a detail',
    sql: (id) =>
      `update audit_events set detail = '{"x":1}' where transaction_id = '${id}' and seq = 2`,
    seq: 2,
    problem: /hash does not fit/,
  },
  {
    name: 'an instant',
    sql: (id) => `update audit_events set at = at + 1 where transaction_id = '${id}' and seq = 3`,
    seq: 3,
    problem: /hash does not fit/,
  },
  {
    name: 'an actor',
    sql: (id) =>
      `update audit_events set actor = '{"operator":"eve"}' where transaction_id = '${id}' and seq = 1`,
    seq: 1,
    problem: /hash does not fit/,
  },
  {
    name: 'a verdict',
    sql: (id) =>
      `update audit_events set to_status = 'failed' where transaction_id = '${id}' and seq = 4`,
    seq: 4,
    problem: /hash does not fit/,
  },
  {
    name: 'a request id',
    sql: (id) =>
      `update audit_events set request_id = 'req' where transaction_id = '${id}' and seq = 4`,
    seq: 4,
    problem: /hash does not fit/,
  },
  {
    name: 'a hash',
    sql: (id) => `update audit_events set hash = 'f' where transaction_id = '${id}' and seq = 4`,
    seq: 4,
    problem: /hash does not fit/,
  },
  {
    name: 'an entry into something unreadable',
    sql: (id) => `update audit_events set detail = 'x' where transaction_id = '${id}' and seq = 2`,
    seq: 2,
    problem: /cannot be read/,
  },
  {
    name: 'a status that does not exist',
    sql: (id) =>
      `update audit_events set to_status = 'paid' where transaction_id = '${id}' and seq = 2`,
    seq: 2,
    problem: /cannot be read/,
  },
  { name: 'two entries by swapping them', sql: swap, seq: 2, problem: /hash does not fit/ },
  {
    name: 'the middle by deleting it',
    sql: (id) => `delete from audit_events where transaction_id = '${id}' and seq = 2`,
    seq: 2,
    problem: /missing/,
  },
  {
    name: 'the beginning by deleting it',
    sql: (id) => `delete from audit_events where transaction_id = '${id}' and seq = 1`,
    seq: 1,
    problem: /missing/,
  },
  {
    name: 'the tail by deleting it',
    sql: (id) => `delete from audit_events where transaction_id = '${id}' and seq = 4`,
    seq: 3,
    problem: /entries after 3 are missing/,
  },
  {
    name: 'everything by deleting it',
    sql: (id) => `delete from audit_events where transaction_id = '${id}'`,
    seq: 1,
    problem: /no audit entry/,
  },
  {
    name: 'the tail and the row',
    sql: (id) =>
      `delete from audit_events where transaction_id = '${id}' and seq = 4; update transactions set version = 3 where id = '${id}'`,
    seq: 3,
    problem: /does not carry the hash/,
  },
  {
    name: "the row's status",
    sql: (id) => `update transactions set status = 'failed' where id = '${id}'`,
    seq: 4,
    problem: /says failed \(settled\), its last entry succeeded/,
  },
  {
    name: "the row's step",
    sql: (id) => `update transactions set step = 'confirm_sent' where id = '${id}'`,
    seq: 4,
    problem: /says succeeded \(confirm_sent\)/,
  },
  {
    name: "the row's amount",
    sql: (id) => `update transactions set amount = 1 where id = '${id}'`,
    seq: 1,
    problem: /the amount or another field/,
  },
  {
    name: "the row's e-mail",
    sql: (id) => `update transactions set email = 'eve@example.com' where id = '${id}'`,
    seq: 1,
    problem: /the amount or another field/,
  },
  {
    name: "the row's stored parameters",
    sql: (id) => `update transactions set sent_params = '{}' where id = '${id}'`,
    seq: 1,
    problem: /the amount or another field/,
  },
  {
    name: "the row's fingerprint",
    sql: (id) => `update transactions set fingerprint = 'x' where id = '${id}'`,
    seq: 1,
    problem: /the amount or another field/,
  },
  {
    name: "the row's metadata into something unreadable",
    sql: (id) => `update transactions set metadata = 'x' where id = '${id}'`,
    seq: 1,
    problem: /cannot be read/,
  },
  {
    name: 'the row by deleting it',
    sql: (id) => `delete from transactions where id = '${id}'`,
    seq: 1,
    problem: /transaction that is gone/,
  },
];

describe.each(targets)('the audit trail on $name', (target) => {
  it('verifies as it was written', async () => {
    const database = await target.fresh();
    const storage = await database.open();
    expect(await storage.history.verifyAudit(null)).toEqual({
      transactions: 0,
      entries: 0,
      partly: 0,
      firstBad: null,
    });
    const [first] = await threeTrails(storage);
    expect(await storage.history.verifyAudit(null)).toEqual({
      transactions: 3,
      entries: 12,
      partly: 0,
      firstBad: null,
    });
    expect(await storage.history.verifyAudit(first)).toEqual({
      transactions: 1,
      entries: 4,
      partly: 0,
      firstBad: null,
    });
    const entries = await storage.history.audit(first);
    expect(entries.map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
    const [third] = await (
      await database.raw()
    ).rows(`select changes from audit_events where transaction_id = '${first}' and seq = 3`);
    expect(third?.['changes']).toBe('{"at":{"updated_at":0},"set":{"step":"confirm_sent"}}');
    expect(entries[2]!.hash).toBe(
      entryHash(entries[1]!.hash, { ...entries[2]!, changes: String(third?.['changes']) }),
    );
  });

  it('is verified in batches', async () => {
    const storage = await (await target.fresh()).open();
    for (let index = 0; index < 405; index += 1) await openOne(storage);
    expect(await storage.history.verifyAudit(null)).toEqual({
      transactions: 405,
      entries: 405,
      partly: 0,
      firstBad: null,
    });
  });

  it('shows every tampering, in the right transaction and at the right entry', async () => {
    const database = await target.fresh();
    const storage = await database.open();
    const [, second, third] = await threeTrails(storage);
    const raw = await database.raw();
    await dropTriggers(target, raw);
    const found = [];
    for (const tampering of tamperings) {
      await raw.run('create table kept_transactions as select * from transactions');
      await raw.run('create table kept_events as select * from audit_events');
      await raw.run(tampering.sql(second));
      const all = await storage.history.verifyAudit(null);
      const one = await storage.history.verifyAudit(second);
      const other = await storage.history.verifyAudit(third);
      found.push({
        name: tampering.name,
        all: all.firstBad,
        one: one.firstBad,
        other: other.firstBad,
      });
      await raw.run('delete from audit_events; delete from transactions');
      await raw.run(
        'insert into transactions select * from kept_transactions; insert into audit_events select * from kept_events',
      );
      await raw.run('drop table kept_transactions; drop table kept_events');
    }
    const expected = tamperings.map(({ name, seq, problem }) => {
      const bad = {
        table: expect.any(String) as string,
        id: second,
        transactionId: second,
        seq,
        problem: expect.stringMatching(problem) as string,
      };
      return { name, all: bad, one: bad, other: null };
    });
    expect(found).toEqual(expected);
    // What this test took away itself is all that is left to find.
    expect(await storage.history.verifyAudit(null)).toMatchObject({
      transactions: 3,
      entries: 12,
      firstBad: { table: 'triggers' },
    });
  });

  it.each([
    ['update audit_events set detail = detail', 'append-only'],
    ['delete from audit_events', 'append-only'],
    ['delete from transactions', 'append-only'],
    [`update transactions set amount = amount + 1`, 'request of a transaction is fixed'],
    [`update transactions set reference = 'other'`, 'request of a transaction is fixed'],
    [`update transactions set email = null`, 'request of a transaction is fixed'],
    [`update transactions set key = 'other'`, 'request of a transaction is fixed'],
    [`update transactions set sent_params = '{}'`, 'request of a transaction is fixed'],
  ])('refuses %s', async (sql, message) => {
    const database = await target.fresh();
    const storage = await database.open();
    const { transaction } = await openOne(storage, aRequest({ reference: 'r' }));
    const raw = await database.raw();
    if (target.name === 'sqlite') await raw.run('pragma recursive_triggers = on');
    await expect((async () => raw.run(sql))()).rejects.toThrow(message);
    expect(await storage.ledger.find(transaction.id)).toEqual(transaction);
    expect((await storage.history.verifyAudit(null)).firstBad).toBeNull();
  });

  it.each(
    target.name === 'postgres'
      ? ['truncate audit_events', 'truncate transactions cascade']
      : [
          'insert or replace into audit_events select * from audit_events',
          'insert or replace into transactions select * from transactions',
          'replace into transactions select * from transactions',
        ],
  )('refuses %s', async (sql) => {
    const database = await target.fresh();
    const storage = await database.open();
    const { transaction } = await openOne(storage);
    const raw = await database.raw();
    if (target.name === 'sqlite') await raw.run('pragma recursive_triggers = on');
    await expect((async () => raw.run(sql))()).rejects.toThrow('append-only');
    expect(await storage.history.audit(transaction.id)).toHaveLength(1);
  });
});
