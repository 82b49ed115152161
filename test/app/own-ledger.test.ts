import { expect, test } from 'vitest';
import type { Gateway } from '../../src/app/ports.ts';
import { targets } from '../storage/targets.ts';
import { errorOf } from '../storage/errors-of.ts';
import { aPaymentWorld, TEST_KEY, type PaymentWorld } from '../support/payment-world.ts';
import { aCard, AT_ONCE, EVERYTHING_DUE } from './payments-left.ts';

/* Whose ledger it is, in one process; what people are told is test/e2e/money's. */

const HOUR_MS = 3_600_000;
const ANOTHER_KEY = 'sk_test_another0123456789abcdef';
const ANOTHER_ACCOUNT = 'acct_1AnotherShop';

/** One local Stripe with two accounts, a key of each. */
const TWO_ACCOUNTS = {
  sandbox: { keys: [{ key: TEST_KEY }, { key: ANOTHER_KEY, account: ANOTHER_ACCOUNT }] },
};

function changesAt({ sandbox }: PaymentWorld): number {
  return sandbox.books.requests.filter(({ method }) => method !== 'GET').length;
}

test.each(targets)(
  'a key of another account charges nothing on a ledger that belongs to one ($name)',
  async (target) => {
    const world = await aPaymentWorld(target, TWO_ACCOUNTS);
    await (await world.open('charge')).charge(aCard('first'), AT_ONCE);
    const sent = changesAt(world);
    const other = await world.open('charge', { env: { STRIPE_SECRET_KEY: ANOTHER_KEY } });
    expect(await errorOf(other.charge(aCard('second'), AT_ONCE))).toMatchObject({
      kind: 'configuration',
      code: 'other_account',
    });
    expect(changesAt(world)).toBe(sent);
    expect(await (await world.database.raw()).rows('select key from transactions')).toEqual([
      { key: 'first' },
    ]);
  },
);

test.each(targets)(
  'a ledger that was bound before another one charged, and is still empty, is new all the same ($name)',
  async (target) => {
    const later = await aPaymentWorld(target);
    await (await later.open('charge')).inspect('nothing').catch(() => undefined);
    const first = await aPaymentWorld(target, { beside: later });
    await (await first.open('charge')).charge(aCard('order'), AT_ONCE);
    later.sandbox.clock.advance(25 * HOUR_MS);
    const sent = changesAt(later);

    for (const key of ['order', 'order', 'another order']) {
      const again = await later.open('charge', { overrides: { nowOffsetMs: () => 25 * HOUR_MS } });
      await again.reconcile({ limit: null, dryRun: false });
      expect(await errorOf(again.charge(aCard(key), AT_ONCE))).toMatchObject({
        kind: 'configuration',
        code: 'another_ledger',
      });
    }
    expect(changesAt(later)).toBe(sent);
    expect(await (await later.database.raw()).rows('select key from transactions')).toEqual([]);

    const meant = await later.open('charge', {
      env: { PAYRECON_NEW_LEDGER: '1' },
      overrides: { nowOffsetMs: () => 25 * HOUR_MS },
    });
    expect(await meant.charge(aCard('another order'), AT_ONCE)).toMatchObject({
      transaction: { status: 'succeeded' },
    });
    // It is a ledger of its own from now on, and need not be meant again.
    const charging = await later.open('charge', { overrides: { nowOffsetMs: () => 25 * HOUR_MS } });
    expect(await charging.charge(aCard('a third order'), AT_ONCE)).toMatchObject({
      transaction: { status: 'succeeded' },
    });
  },
);

test.each(targets)(
  'what the ledger answers or refuses by itself asks nothing of Stripe, however old the last look is ($name)',
  async (target) => {
    const world = await aPaymentWorld(target);
    const first = { ...aCard('first'), reference: 'order-1' };
    await (await world.open('charge')).charge(first, AT_ONCE);
    await (await world.database.raw()).run('update ledger set whole_checked_at = 1');
    const reads: string[] = [];
    const gate = {
      before: (_kind: string, sql: string) => {
        reads.push(sql);
      },
      after: () => undefined,
    };
    const payrecon = await world.open('charge', { overrides: { gate } });
    const sent = world.sandbox.books.requests.length;
    const guarded = { ...AT_ONCE, allowDuplicate: false };

    const taken = payrecon.charge({ ...aCard('second'), reference: 'order-1' }, AT_ONCE);
    expect(await errorOf(taken)).toMatchObject({ kind: 'refused', code: 'reference_taken' });
    expect(
      await errorOf(payrecon.charge({ ...first, key: 'third', reference: null }, guarded)),
    ).toMatchObject({ code: 'duplicate_suspected' });
    expect(
      await errorOf(payrecon.charge({ ...first, amount: first.amount + 1 }, AT_ONCE)),
    ).toMatchObject({ code: 'key_reused' });
    reads.splice(0);
    expect(await payrecon.charge(first, AT_ONCE)).toMatchObject({
      repeated: true,
      situation: 'settled',
      transaction: { status: 'succeeded' },
    });
    expect(reads.filter((sql) => sql.includes('from transactions'))).toHaveLength(1);
    expect(world.sandbox.books.requests).toHaveLength(sent);

    // Whatever is to be sent is another matter.
    await payrecon.charge(aCard('fourth'), AT_ONCE);
    expect(world.sandbox.books.requests[sent]).toMatchObject({
      method: 'GET',
      endpoint: 'payment_intents.list',
    });
  },
);

test.each(targets)(
  'a payment that was fenced off and whose reference was charged since is refused without a call ($name)',
  async (target) => {
    const world = await aPaymentWorld(target);
    const payrecon = await world.open('charge');
    const fenced = { ...aCard('fenced'), reference: 'order-1' };
    world.sandbox.setFaults('payment_intents.confirm=html_502');
    await payrecon.charge(fenced, AT_ONCE);
    world.sandbox.setFaults('');
    await payrecon.reconcile(EVERYTHING_DUE);
    await payrecon.charge({ ...aCard('other'), reference: 'order-1' }, AT_ONCE);
    await (await world.database.raw()).run('update ledger set whole_checked_at = 1');
    const sent = world.sandbox.books.requests.length;
    const again = (await world.open('charge')).charge(fenced, AT_ONCE);
    expect(await errorOf(again)).toMatchObject({ kind: 'refused', code: 'reference_taken' });
    expect(world.sandbox.books.requests).toHaveLength(sent);
  },
);

test.each(targets)(
  'half of the look at an empty ledger does not count as a look ($name)',
  async (target) => {
    const world = await aPaymentWorld(target);
    await (await world.open('charge')).inspect('nothing').catch(() => undefined);
    const raw = await world.database.raw();
    const before = await raw.rows('select whole_checked_at from ledger');
    // No other ledger is seen; whether this one has lost payments is not answered.
    const wrapGateway = (gateway: Gateway): Gateway => ({
      ...gateway,
      newestIntents: async (query) =>
        query.of === 'ledger'
          ? { kind: 'unknown', message: 'no answer' }
          : await gateway.newestIntents(query),
    });
    const payrecon = await world.open('charge', {
      overrides: { wrapGateway, nowOffsetMs: () => 25 * HOUR_MS },
    });
    expect(await errorOf(payrecon.charge(aCard('order'), AT_ONCE))).toMatchObject({
      code: 'stripe_unreachable',
    });
    expect(await raw.rows('select whole_checked_at from ledger')).toEqual(before);
    expect(changesAt(world)).toBe(0);
  },
);
