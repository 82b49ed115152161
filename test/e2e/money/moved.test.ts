import { MIGRATIONS } from '../../../migrations/list.ts';
import { describe, expect, it, vi } from 'vitest';
import { PayreconError } from '../../../src/domain/errors.ts';
import type { ChargeRequest } from '../../../src/domain/transaction.ts';
import { pastTriggers, reseal } from '../../support/reseal.ts';
import { refusalOf } from '../exit-codes/refusals.ts';
import { AMOUNT, refusingUrl, type Fixture } from '../verdicts/fixture.ts';
import { aRemoval, contentOf, killedBetween, shown } from './moving.ts';
import { chargeOrder, expectPaidOnce, ORDER, paymentCalls } from './shop.ts';

/*
 * A ledger goes from its file to PostgreSQL, with everything that it knows. What was paid by the old one is
 * paid at the new place, and at no instant may both of them charge.
 */

vi.setConfig({ testTimeout: 240_000 });

/** Every command that would change a payment, or tell somebody of one. */
const WRITING: readonly (readonly string[])[] = [
  ['reconcile', '--json'],
  ['notifications', 'send', '--json'],
  ['stuck', 'resolve', 'open', '--as', 'retry', '--reason', 'to see', '--yes', '--json'],
  ['migrate', 'up', '--json'],
  ['migrate', 'down', '--yes', '--json'],
];

async function expectRefusesToWrite(old: Fixture): Promise<void> {
  const before = await contentOf(old);
  const sent = old.sandbox.books.summary().requests;
  for (const key of [ORDER, 'another-order']) {
    expect(refusalOf(await chargeOrder(old, key))).toMatchObject({
      exitCode: 2,
      code: 'ledger_moved',
      fields: ['DATABASE_URL'],
      transaction: null,
    });
  }
  expect(await contentOf(old)).toEqual(before);
  expect(paymentCalls(old, sent)).toEqual([]);
}

/** Paid, declined, and one whose outcome is open, with the e-mails about them. */
async function used(old: Fixture): Promise<void> {
  expect((await chargeOrder(old)).exitCode).toBe(0);
  expect((await old.charge('declined', { method: 'pm_card_chargeDeclined' })).exitCode).toBe(3);
  expect(
    (
      await old.charge('letters', {
        more: ['--description', 'Ein Stück “Kuchen” für später 🛒', '--metadata', 'größe=€'],
      })
    ).exitCode,
  ).toBe(0);
  expect(
    (await old.charge('open', { env: { STRIPE_API_BASE: await refusingUrl() } })).exitCode,
  ).toBe(75);
}

describe('a ledger that is moved to PostgreSQL', () => {
  it('takes everything along: a paid order is answered there, and charged nowhere again', async () => {
    const { old, there, move } = await aRemoval();
    await used(old);
    const before = await contentOf(old);
    const id = await old.ledgerId();

    const run = await move();
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    expect(run.json()).toEqual({
      direction: 'up',
      migrations: MIGRATIONS.map(({ name }) => name),
      moved: {
        from: old.database.url,
        to: shown(there),
        transactions: 4,
        audit_entries: before['audit_events']?.length,
        notifications: before['notifications']?.length,
      },
    });
    expect(before['notifications']?.length).toBeGreaterThan(0);
    expect(await contentOf(there)).toEqual(before);
    expect(await there.ledgerId()).toBe(id);
    expect(
      await there.sql('select moved_to, moved_at, whole_checked_at, whole_witness from ledger'),
    ).toEqual([{ moved_to: null, moved_at: null, whole_checked_at: null, whole_witness: null }]);
    await there.verifyAudit();

    const sent = there.sandbox.books.summary().requests;
    const answered = await chargeOrder(there);
    expect(answered).toMatchObject({ exitCode: 0, stderr: '' });
    expect(answered.json()).toMatchObject({
      key: ORDER,
      status: 'succeeded',
      amount_received: AMOUNT,
    });
    expect(paymentCalls(there, sent)).toEqual([]);
    expect((await there.charge('new-order')).exitCode).toBe(0);
    // Whether the ledger has all of its payments was looked at before that one was sent, as it is in another storage now.
    expect(await there.sql('select whole_checked_at is not null as checked from ledger')).toEqual([
      { checked: true },
    ]);
    expect((await there.charge('open')).exitCode).toBe(0);
    expect(paidOrders(there)).toBe(4);
    expect((await there.pass()).exitCode).toBe(0);
    await there.verifyAudit();
  });

  it('is marked: every command on the old one that would change something is refused, and reading is not', async () => {
    const { old, move } = await aRemoval();
    await used(old);
    expect((await move()).exitCode).toBe(0);
    await expectRefusesToWrite(old);
    for (const args of WRITING) {
      expect(refusalOf(await old.run(args)), args.join(' ')).toMatchObject({
        exitCode: 2,
        code: 'ledger_moved',
        transaction: null,
      });
    }
    for (const args of [
      ['list'],
      ['show', ORDER],
      ['stuck', 'list'],
      ['notifications', 'list'],
      ['status'],
      ['migrate', 'status'],
    ]) {
      expect((await old.run([...args, '--json'])).exitCode, args.join(' ')).toBe(0);
    }
    await old.verifyAudit();
    expect(paidOrders(old)).toBe(2);
  });

  it('is refused to a process that had the old one open', async () => {
    const { old, move } = await aRemoval();
    const payrecon = await old.open('charge');
    const options = { waitMs: 0, waitForOutcome: false, allowDuplicate: true };
    expect(await payrecon.charge(request('before'), options)).toMatchObject({
      transaction: { status: 'succeeded' },
    });
    expect((await move()).exitCode).toBe(0);
    const sent = old.sandbox.books.summary().requests;
    const refused = await payrecon
      .charge(request('after'), options)
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(PayreconError);
    expect(refused).toMatchObject({ kind: 'configuration', code: 'ledger_moved' });
    expect(paymentCalls(old, sent)).toEqual([]);
  });

  it('is moved once: the same command again changes nothing, and it goes to no other place', async () => {
    const { old, there, move } = await aRemoval();
    await used(old);
    const first = (await move()).json();
    expect((await there.charge('new-order')).exitCode).toBe(0);
    const held = await contentOf(there);
    const again = await move();
    expect(again).toMatchObject({ exitCode: 0, stderr: '' });
    expect(again.json()).toEqual({ ...(first as object), migrations: [] });
    expect(await contentOf(there)).toEqual(held);

    const other = (await aRemoval()).there;
    const elsewhere = refusalOf(await move(old.database.url, { DATABASE_URL: other.database.url }));
    expect(elsewhere).toMatchObject({ exitCode: 2, code: 'ledger_moved', fields: ['from'] });
    expect(elsewhere.message).toContain(shown(there));
    expect(await tablesOf(other)).toBe(0);
  });

  it('takes the place of an empty ledger that was made there before', async () => {
    const { old, there, move } = await aRemoval();
    await used(old);
    expect((await there.run(['migrate'])).exitCode).toBe(0);
    expect((await there.charge('too-early')).exitCode).toBe(2);
    expect(await move()).toMatchObject({ exitCode: 0, stderr: '' });
    expect(await there.ledgerId()).toBe(await old.ledgerId());
    await there.verifyAudit();
    expect((await chargeOrder(there)).exitCode).toBe(0);
    expect(paidOrders(there)).toBe(2);
  });
});

describe('a move that dies', () => {
  it('between the mark and the copy charges nowhere, and is ended by the same command', async () => {
    const removal = await aRemoval();
    const { old, there, move } = removal;
    expect((await chargeOrder(old)).exitCode).toBe(0);
    await killedBetween(removal);

    await expectRefusesToWrite(old);
    const sent = there.sandbox.books.summary().requests;
    expect((await chargeOrder(there)).exitCode).toBe(2);
    // Whoever does as it is told there makes an empty ledger, on which nothing can be charged either.
    expect((await there.run(['migrate'])).exitCode).toBe(0);
    expect(refusalOf(await chargeOrder(there))).toMatchObject({
      exitCode: 2,
      code: 'another_ledger',
    });
    expect(paymentCalls(there, sent)).toEqual([]);
    const elsewhere = refusalOf(
      await move(old.database.url, { DATABASE_URL: (await aRemoval()).there.database.url }),
    );
    expect(elsewhere).toMatchObject({ exitCode: 2, code: 'ledger_moved' });

    expect(await move()).toMatchObject({ exitCode: 0, stderr: '' });
    await there.verifyAudit();
    expect(await chargeOrder(there)).toMatchObject({ exitCode: 0, stderr: '' });
    await expectRefusesToWrite(old);
    expectPaidOnce(there);
  });

  it('after the copy was committed is ended by the same command, whatever was charged at the new place since', async () => {
    const { old, there, move } = await aRemoval();
    expect((await chargeOrder(old)).exitCode).toBe(0);
    expect((await move()).exitCode).toBe(0);
    await notEnded(old);
    await expectRefusesToWrite(old);
    expect((await there.charge('new-order')).exitCode).toBe(0);
    const held = await contentOf(there);
    expect(await move()).toMatchObject({ exitCode: 0, stderr: '' });
    expect(await contentOf(there)).toEqual(held);
    expect(await old.sql('select moved_at is not null as ended from ledger')).toEqual([
      { ended: 1 },
    ]);
  });

  it('stays marked while the new place cannot be reached, and says so', async () => {
    const removal = await aRemoval();
    const { old, there, move } = removal;
    expect((await chargeOrder(old)).exitCode).toBe(0);
    await killedBetween(removal);
    // The same address to a person; nobody listens at the host that is connected to.
    const gone = new URL(there.database.url);
    gone.password = 'wrong-password-for-this-user';
    const { port } = new URL(await refusingUrl());
    await old.sql(
      `update ledger set moved_to = 'postgres://${gone.username}@127.0.0.1:${port}${gone.pathname}'`,
    );
    gone.port = port;
    gone.hostname = '127.0.0.1';
    const refused = refusalOf(await move(old.database.url, { DATABASE_URL: gone.href }));
    expect(refused).toMatchObject({ exitCode: 69, code: 'database_unreachable' });
    expect(refused.message).toContain('stays marked');
    expect(refused.message).not.toContain('wrong-password');
    await expectRefusesToWrite(old);
  });

  it('finds the ledger gone from where it was moved to, and copies no old state over it', async () => {
    const { old, there, move } = await aRemoval();
    expect((await chargeOrder(old)).exitCode).toBe(0);
    expect((await move()).exitCode).toBe(0);
    await there.sql('drop schema public cascade');
    await there.sql('create schema public');
    expect(refusalOf(await move())).toMatchObject({ exitCode: 2, code: 'ledger_moved' });
    expect(await tablesOf(there)).toBe(0);
  });
});

describe('a copy that fails is taken back, and the old ledger goes on', () => {
  it('when the server refuses something in the middle', async () => {
    const { old, there, move } = await aRemoval();
    await used(old);
    expect((await there.run(['migrate'])).exitCode).toBe(0);
    await there.sql('alter table passes add constraint none_here check (due < 0)');
    await old.pass();
    expect((await move()).exitCode).toBe(1);
    expect(await there.sql('select id from transactions')).toEqual([]);
    expect(await old.sql('select moved_to, moved_at from ledger')).toEqual([
      { moved_to: null, moved_at: null },
    ]);
    await old.verifyAudit();
    expect((await old.charge('new-order')).exitCode).toBe(0);
    await there.sql('alter table passes drop constraint none_here');
    expect((await move()).exitCode).toBe(0);
  });

  it('when the copy does not have what was taken along', async () => {
    const { old, there, move } = await aRemoval();
    await used(old);
    expect((await there.run(['migrate'])).exitCode).toBe(0);
    await there.sql(
      `create function other() returns trigger language plpgsql as $$ begin new.description = 'other'; return new; end $$`,
    );
    await there.sql(
      'create trigger other before insert on transactions for each row execute function other()',
    );
    const refused = refusalOf(await move());
    expect(refused).toMatchObject({ exitCode: 5, code: 'move_differs' });
    expect(refused.message).toContain('a row of transactions is not as it was');
    expect(await there.sql('select id from transactions')).toEqual([]);
    expect((await old.charge('new-order')).exitCode).toBe(0);
  });

  it('when the new place has other triggers than payrecon makes', async () => {
    const { old, there, move } = await aRemoval();
    await used(old);
    expect((await there.run(['migrate'])).exitCode).toBe(0);
    await there.sql('drop trigger transactions_request_is_fixed on transactions');
    expect(refusalOf(await move())).toMatchObject({ exitCode: 5, code: 'move_differs' });
    expect((await old.charge('new-order')).exitCode).toBe(0);
  });
});

function request(key: string): ChargeRequest {
  return {
    key,
    reference: null,
    amount: AMOUNT,
    currency: 'usd',
    customer: null,
    paymentMethod: 'pm_card_visa',
    methodTypes: ['card'],
    email: null,
    description: null,
    metadata: {},
    onSession: false,
  };
}

/** By Stripe's own books. */
function paidOrders({ sandbox }: Fixture): number {
  return sandbox.books.paymentIntents.filter(({ status }) => status === 'succeeded').length;
}

/** As a process leaves it that dies after the commit at the new place. */
async function notEnded({ database }: Fixture): Promise<void> {
  const raw = await database.raw();
  await pastTriggers(raw, 'sqlite', ['update ledger set moved_at = null']);
  await reseal(raw, 'sqlite');
}

async function tablesOf(fixture: Fixture): Promise<number> {
  const rows = await fixture.sql(
    `select count(*)::integer as tables from information_schema.tables where table_schema = 'public'`,
  );
  return Number(rows[0]?.['tables']);
}
