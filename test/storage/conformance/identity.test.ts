import { describe, expect, it } from 'vitest';
import type { LedgerIdentity } from '../../../src/app/ports.ts';
import { aRequest, aTransition, openOne, recordOne } from '../payments.ts';
import { targets } from '../targets.ts';

const account = { account: 'acct_1', livemode: false };

describe.each(targets)('who the ledger is, on $name', (target) => {
  it('is nobody until it is given an id, and the same one from then on', async () => {
    const database = await target.fresh();
    const storage = await database.open();
    expect(await storage.identity.read()).toBeNull();
    const made = await storage.identity.create('shop-a');
    expect(made).toEqual({
      id: made.id,
      account: null,
      livemode: null,
      namespace: 'shop-a',
      createdAt: made.createdAt,
      boundAt: null,
      movedTo: null,
      movedAt: null,
      rolledBackAt: null,
      rolledBackEvidence: null,
      wholeCheckedAt: null,
      wholeWitness: null,
    });
    expect(made.id).toMatch(/^led_[0-9A-HJKMNP-TV-Z]{26}$/);
    expect(await storage.identity.create('shop-b')).toEqual(made);
    expect(await (await database.open()).identity.read()).toEqual(made);
  });

  it('is given one id by many who ask at the same moment', async () => {
    const database = await target.fresh();
    const storages = await Promise.all(Array.from({ length: 4 }, () => database.open()));
    const made = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        storages[index % 4]!.identity.create(`n${String(index)}`),
      ),
    );
    expect(new Set(made.map(({ id, namespace }) => `${id} ${namespace}`)).size).toBe(1);
  });

  it('is bound once to an account and a mode', async () => {
    const storage = await (await target.fresh()).open();
    await storage.identity.create('');
    const bound = await storage.identity.bind(account);
    expect(bound).toMatchObject({
      account: 'acct_1',
      livemode: false,
      boundAt: expect.any(Number) as number,
    });
    expect(await storage.identity.bind({ account: 'acct_2', livemode: true })).toEqual(bound);
    expect(await storage.identity.bind({ account: 'acct_2', livemode: false })).toEqual(bound);
    expect(await storage.identity.bind({ account: null, livemode: true })).toEqual(bound);
    expect(await storage.identity.read()).toEqual(bound);
  });

  it('is bound to one of two accounts that come at the same moment', async () => {
    const database = await target.fresh();
    const storages = await Promise.all(Array.from({ length: 4 }, () => database.open()));
    await storages[0]!.identity.create('');
    const bound = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        storages[index % 4]!.identity.bind({
          account: `acct_${String(index)}`,
          livemode: index % 2 === 0,
        }),
      ),
    );
    expect(new Set(bound.map((identity) => JSON.stringify(identity))).size).toBe(1);
  });

  it('gets the account that a restricted key could not read from a later key of the same mode alone', async () => {
    const storage = await (await target.fresh()).open();
    await storage.identity.create('');
    const byMode = await storage.identity.bind({ account: null, livemode: true });
    expect(byMode).toMatchObject({ account: null, livemode: true });
    expect(await storage.identity.bind({ account: 'acct_1', livemode: false })).toEqual(byMode);
    const whole = await storage.identity.bind({ account: 'acct_1', livemode: true });
    expect(whole).toEqual({ ...byMode, account: 'acct_1' });
    expect(await storage.identity.bind({ account: 'acct_2', livemode: true })).toEqual(whole);
  });

  it('remembers which account a key belongs to, and never loses it', async () => {
    const storage = await (await target.fresh()).open();
    const one = '1'.repeat(64);
    const other = '2'.repeat(64);
    expect(await storage.identity.keyAccount(one)).toBeNull();
    await storage.identity.rememberKey(one, { account: null, livemode: true });
    expect(await storage.identity.keyAccount(one)).toEqual({ account: null, livemode: true });
    await storage.identity.rememberKey(one, { account: 'acct_1', livemode: true });
    await storage.identity.rememberKey(other, account);
    await storage.identity.rememberKey(one, { account: null, livemode: true });
    expect(await storage.identity.keyAccount(one)).toEqual({ account: 'acct_1', livemode: true });
    expect(await storage.identity.keyAccount(other)).toEqual(account);
  });

  it('is marked as rolled back once, until that is cleared', async () => {
    const storage = await (await target.fresh()).open();
    const made = await storage.identity.create('');
    const evidence = { payment_intent: 'pi_1', transaction: 'txn_1' };
    expect(await storage.identity.markRolledBack(evidence)).toBe(true);
    const marked = await storage.identity.read();
    expect(marked).toMatchObject({
      rolledBackAt: expect.any(Number) as number,
      rolledBackEvidence: evidence,
    });
    expect(await storage.identity.markRolledBack({ payment_intent: 'pi_2' })).toBe(false);
    expect(await storage.identity.read()).toEqual(marked);
    await storage.identity.clearRolledBack();
    expect(await storage.identity.read()).toEqual(made);
  });

  it('is marked as whole, in this storage', async () => {
    const database = await target.fresh();
    const storage = await database.open();
    await storage.identity.create('');
    const witness = await storage.identity.witness();
    await storage.identity.markWhole(witness);
    expect(await storage.identity.read()).toMatchObject({
      wholeWitness: witness,
      wholeCheckedAt: expect.any(Number) as number,
    });
    expect(await storage.identity.witness()).toBe(witness);
    expect(await (await database.open()).identity.witness()).toBe(witness);
    expect(await (await (await target.fresh()).open()).identity.witness()).not.toBe(witness);
  });

  it('tells what it knows of transactions, and whether there are any', async () => {
    const storage = await (await target.fresh()).open();
    expect(await storage.identity.isEmpty()).toBe(true);
    expect(await storage.identity.standings(['txn_none'])).toEqual([]);
    const first = await openOne(storage);
    const second = await openOne(storage, aRequest());
    await recordOne(
      storage,
      second,
      aTransition({ changes: { step: 'created', paymentIntent: 'pi_1' } }),
    );
    expect(await storage.identity.isEmpty()).toBe(false);
    const asked = [
      ...Array.from({ length: 1_200 }, (_, index) => `txn_${String(index)}`),
      first.transaction.id,
      second.transaction.id,
    ];
    expect(
      [...(await storage.identity.standings(asked))].sort((a, b) => (a.step < b.step ? 1 : -1)),
    ).toEqual(
      [
        { id: second.transaction.id, step: 'created', attempt: 1, paymentIntent: 'pi_1' },
        { id: first.transaction.id, step: 'create_sent', attempt: 1, paymentIntent: null },
      ].sort((a, b) => (a.step < b.step ? 1 : -1)),
    );
  });

  it.each(['bind', 'markRolledBack', 'rememberKey'] as const)(
    'is as before where a process dies in the commit of %s',
    async (name) => {
      const database = await target.fresh();
      let dying = false;
      let dead = false;
      const gate = {
        before: (kind: string) => {
          dead ||= dying && kind === 'commit';
          if (dead) throw new Error('the process died here');
        },
        after: () => undefined,
      };
      const storage = await database.open({ gate });
      const before: LedgerIdentity = await storage.identity.create('');
      dying = true;
      const work = {
        bind: () => storage.identity.bind(account),
        markRolledBack: () => storage.identity.markRolledBack({}),
        rememberKey: () => storage.identity.rememberKey('k', account),
      };
      await expect(work[name]()).rejects.toThrow('the process died here');
      await storage.close();
      const { identity } = await database.open();
      expect(await identity.read()).toEqual(before);
      expect(await identity.keyAccount('k')).toBeNull();
    },
  );
});
