import { describe, expect, it } from 'vitest';
import type { Claimed, RecordResult } from '../../../src/app/ports.ts';
import { BugError } from '../../../src/domain/errors.ts';
import type { Transaction } from '../../../src/domain/transaction.ts';
import type { Transition } from '../../../src/domain/transition.ts';
import type { Storage } from '../../../src/storage/open.ts';
import {
  actor,
  aRequest,
  aTransition,
  failed,
  openOne,
  recorded,
  recordOne,
  stuck,
  succeeded,
} from '../payments.ts';
import { targets, type Target } from '../targets.ts';

const review = {
  reason: 'undecided',
  message: 'half a \ud800',
  at: 7,
  evidence: { n: 1, list: ['a'] },
  resolution: null,
} as const;

/** One of each kind of change; the second is applied to what the first made. */
const CHAINS: readonly (readonly [Transition, Transition])[] = [
  [
    aTransition({
      changes: { step: 'created', paymentIntent: 'pi_0', stripeStatus: 'requires_confirmation' },
      detail: { z: [1, null, { b: 'ä\u0000' }] },
      requestId: 'req_1',
    }),
    { ...succeeded, notifications: ['customer_succeeded', 'operator_truth_changed'] },
  ],
  [
    aTransition({
      changes: {
        step: 'confirm_sent',
        paymentIntent: 'pi_1',
        stripeStatus: 's',
        failureCode: 'c',
        failureMessage: 'bad \u0000 \ud800',
        attempts: 3,
        lookups: 4,
        expectedBy: 5,
        review,
      },
      stamps: {
        confirmSentAt: 'if_unset',
        cancelSentAt: 'if_unset',
        absentSince: 'if_unset',
        nextAttempt: { inMs: 1_500.4 },
      },
    }),
    aTransition({
      changes: {
        step: 'settled',
        status: 'canceled',
        paymentIntent: null,
        stripeStatus: null,
        failureCode: null,
        failureMessage: null,
        expectedBy: null,
        review: null,
        attempts: 0,
      },
      stamps: {
        createSentAt: 'clear',
        confirmSentAt: 'clear',
        absentSince: 'clear',
        nextAttempt: 'never',
        settledAt: 'now',
      },
    }),
  ],
  [failed, aTransition({ changes: { status: 'stuck' }, stamps: { settledAt: 'clear' } })],
  [stuck, { ...succeeded, action: 'truth_corrected' }],
  [
    aTransition({ stamps: { createSentAt: 'if_unset', confirmSentAt: 'if_unset' } }),
    aTransition({ release: true }),
  ],
];

async function openAll(storage: Storage, count: number): Promise<Claimed[]> {
  const claims: Claimed[] = [];
  for (let index = 0; index < count; index += 1)
    claims.push(
      await openOne(storage, aRequest({ key: `key-${index}`, paymentMethod: `pm_${index}` })),
    );
  return claims;
}

function together(
  storage: Storage,
  claims: readonly Claimed[],
  transitionOf: (index: number) => Transition,
): Promise<RecordResult[]> {
  return Promise.all(
    claims.map(({ transaction, lease }, index) =>
      storage.ledger.record(transaction, lease, transitionOf(index), actor),
    ),
  );
}

/** Without what differs between two ledgers: ids, and when it was. */
function comparable(value: unknown, claims: readonly Claimed[]): unknown {
  const text = claims.reduce(
    (all, { transaction }, index) => all.replaceAll(transaction.id, `txn_${index}`),
    JSON.stringify(value),
  );
  return JSON.parse(
    text
      .replaceAll(/\b1[78]\d{11}\b/g, '0')
      .replaceAll(/"(?:hash|id|token)":"(?!txn_\d)[^"]*"/g, '"x":0'),
  ) as unknown;
}

async function everything(storage: Storage, claims: readonly Claimed[]): Promise<unknown> {
  const rows = await Promise.all(
    claims.map(async ({ transaction: { id } }) => ({
      transaction: await storage.ledger.find(id),
      audit: await storage.history.audit(id),
      mails: await storage.history.notifications(id),
    })),
  );
  return comparable(rows, claims);
}

/** As they are in the ledger. */
async function found(storage: Storage, transactions: readonly Transaction[]): Promise<unknown> {
  return await Promise.all(transactions.map(async ({ id }) => await storage.ledger.find(id)));
}

async function bothWays(
  target: Target,
  apply: (storage: Storage, claims: readonly Claimed[]) => Promise<void>,
): Promise<unknown> {
  const storage = await (await target.fresh()).open();
  const claims = await openAll(storage, CHAINS.length);
  await apply(storage, claims);
  expect((await storage.history.verifyAudit(null)).firstBad).toBeNull();
  return await everything(storage, claims);
}

describe.each(targets)('recording many transitions at the same time on $name', (target) => {
  it('writes what writing them one by one writes', async () => {
    const alone = await bothWays(target, async (storage, claims) => {
      for (const [index, claimed] of claims.entries()) {
        const transaction = await recordOne(storage, claimed, CHAINS[index]![0]);
        const again = await storage.ledger.claim(transaction.id, actor);
        await recordOne(
          storage,
          { transaction, lease: again?.lease ?? claimed.lease },
          CHAINS[index]![1],
        );
      }
    });
    const atOnce = await bothWays(target, async (storage, claims) => {
      const first = (await together(storage, claims, (index) => CHAINS[index]![0])).map(
        (result) => recorded(result).transaction,
      );
      expect(first).toEqual(await found(storage, first));
      const again = await Promise.all(first.map(({ id }) => storage.ledger.claim(id, actor)));
      const second = await together(
        storage,
        first.map((transaction, index) => ({
          ...claims[index]!,
          transaction,
          lease: again[index]?.lease ?? claims[index]!.lease,
        })),
        (index) => CHAINS[index]![1],
      );
      expect(new Set(second.map((result) => recorded(result).now)).size).toBe(1);
      expect(second.map((result) => recorded(result).transaction)).toEqual(
        await found(storage, first),
      );
    });
    expect(atOnce).toEqual(alone);
  });

  it('is one commit, and a few statements', async () => {
    const statements: string[] = [];
    const storage = await (
      await target.fresh()
    ).open({ gate: { before: (kind) => void statements.push(kind), after: () => undefined } });
    const claims = await openAll(storage, 40);
    statements.length = 0;
    const results = await together(storage, claims, () => ({
      ...succeeded,
      notifications: ['customer_succeeded'],
    }));
    expect(results.every(({ kind }) => kind === 'recorded')).toBe(true);
    expect(statements).toEqual(
      target.name === 'postgres'
        ? ['with']
        : ['begin', 'with', 'with', 'insert', 'insert', 'update', 'commit'],
    );
  });

  it('leaves out a row that somebody else has changed, and no other', async () => {
    const storage = await (await target.fresh()).open();
    const claims = await openAll(storage, 6);
    await recordOne(storage, claims[1]!, aTransition({ changes: { lookups: 1 } }));
    const stale = [...claims];
    stale[3] = { ...claims[3]!, lease: { ...claims[3]!.lease, token: 'other' } };
    const results = await together(storage, stale, () => succeeded);
    expect(results.map(({ kind }) => kind)).toEqual([
      'recorded',
      'stale',
      'recorded',
      'stale',
      'recorded',
      'recorded',
    ]);
    expect((await storage.history.audit(claims[3]!.transaction.id)).length).toBe(1);
    expect((await storage.history.verifyAudit(null)).firstBad).toBeNull();
  });

  it('leaves out a row that somebody else holds by now, though nothing of it was changed', async () => {
    const storage = await (await target.fresh()).open();
    const claims = await openAll(storage, 4);
    const late = claims.map((claimed, index) =>
      index === 2 ? { ...claimed, lease: { ...claimed.lease, token: 'other' } } : claimed,
    );
    const results = await together(storage, late, () => succeeded);
    expect(results.map(({ kind }) => kind)).toEqual(['recorded', 'recorded', 'stale', 'recorded']);
    expect(await storage.ledger.find('key-2')).toEqual(claims[2]!.transaction);
    expect((await storage.history.verifyAudit(null)).firstBad).toBeNull();
  });

  it('refuses a row that does not go in, and records the others', async () => {
    const storage = await (await target.fresh()).open();
    const claims = await openAll(storage, 4);
    const outcomes = await Promise.allSettled(
      claims.map(({ transaction, lease }, index) =>
        storage.ledger.record(
          transaction,
          lease,
          index === 2 ? aTransition({ changes: { step: 'confirm_sent' } }) : succeeded,
          actor,
        ),
      ),
    );
    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
    expect(outcomes[2]).toMatchObject({ reason: expect.any(BugError) as BugError });
    expect(await storage.ledger.find('key-2')).toEqual(claims[2]!.transaction);
    expect((await storage.ledger.find('key-3'))?.status).toBe('succeeded');
    expect((await storage.history.verifyAudit(null)).firstBad).toBeNull();
  });

  it('takes one of two transitions of the same row', async () => {
    const storage = await (await target.fresh()).open();
    const [claimed] = await openAll(storage, 1);
    const results = await together(storage, [claimed!, claimed!, claimed!], () =>
      aTransition({ changes: { lookups: 1 } }),
    );
    expect(results.map(({ kind }) => kind).sort()).toEqual(['recorded', 'stale', 'stale']);
  });
});
