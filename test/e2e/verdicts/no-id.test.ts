import { describe, expect, it } from 'vitest';
import { targets } from '../../storage/targets.ts';
import { AMOUNT, aFixture, DAY_MS, HOUR_MS, MINUTE_MS, type Fixture } from './fixture.ts';

const CANCELED = { status: 'canceled', amount: AMOUNT, currency: 'usd', amount_received: 0 };

/** The create was answered by nobody, and that was a day ago: its key is forgotten at Stripe, and may not be used again. */
async function aDayOldCreate(fixture: Fixture, fault: string): Promise<void> {
  expect(
    await fixture.charge('unknown', { faults: `payment_intents.create=${fault}` }),
  ).toMatchObject({ exitCode: 75, stderr: '' });
  await fixture.age('unknown', 25 * HOUR_MS);
  fixture.sandbox.clock.advance(25 * HOUR_MS);
}

describe.each(targets)('a payment whose create was never answered, on $name', (target) => {
  it('while its key is young is asked for again under the same key, and the one intent is canceled', async () => {
    const fixture = await aFixture(target);
    expect(
      await fixture.charge('young', { faults: 'payment_intents.create#1-2=drop_after' }),
    ).toMatchObject({ exitCode: 75 });
    await fixture.age('young', 22 * HOUR_MS);
    expect(await fixture.pass()).toMatchObject({
      exitCode: 0,
      report: {
        due: 1,
        settled: { canceled: 1 },
        stripe_calls: { list: 1, retrieve: 0, other: 2 },
      },
    });

    const { row, intents, mails } = await fixture.look('young');
    expect(row).toMatchObject({ status: 'canceled', step: 'settled' });
    expect(row.audit.map(({ action }) => action)).toEqual([
      'opened',
      'observed',
      'cancel_sent',
      'settled',
    ]);
    expect(intents).toEqual([{ id: row.payment_intent, ...CANCELED }]);
    const creates = fixture.sandbox.books.requests.filter(
      ({ endpoint }) => endpoint === 'payment_intents.create',
    );
    expect(creates.map(({ executed, replayed }) => ({ executed, replayed }))).toEqual([
      { executed: true, replayed: false },
      { executed: false, replayed: true },
      { executed: false, replayed: true },
    ]);
    expect(new Set(creates.map((create) => create.idempotency_key)).size).toBe(1);
    // It was never confirmed: there is nothing to tell the customer.
    expect(row).toMatchObject({ canceled_by: 'fence', failure_kind: null });
    expect(mails).toEqual([]);
    await fixture.verifyAudit();
  });

  it('is canceled with proof when it is too old for its key: two complete scans, apart in time, missed it', async () => {
    const fixture = await aFixture(target, { env: { PAYRECON_STUCK_AFTER: '7d' } });
    await aDayOldCreate(fixture, 'html_502');
    const creates = fixture.sandbox.books.count('payment_intents.create');

    // A scan that did not come to its end proves nothing. The first list call asks whether the ledger is whole, and the
    // scan takes two, since Stripe's clock is a day ahead of the ledger's: the window is read by either clock.
    fixture.sandbox.setFaults('payment_intents.list#2=cut_body');
    expect(await fixture.pass()).toMatchObject({ exitCode: 0, report: { due: 1, pending: 1 } });
    fixture.sandbox.setFaults('');
    expect((await fixture.look('unknown')).row.audit.at(-1)).toMatchObject({
      action: 'observed',
      detail: { asked: 'scan', reason: 'malformed' },
    });

    expect(await fixture.pass()).toMatchObject({
      exitCode: 0,
      report: { due: 1, pending: 1, stripe_calls: { list: 3, retrieve: 0, other: 0 } },
    });
    expect((await fixture.look('unknown')).row.audit.at(-1)).toMatchObject({
      action: 'observed',
      to: { status: 'pending' },
      detail: { asked: 'scan', pages: 2 },
    });
    // Not apart in time yet: neither a pass nor the caller decides anything, and nothing is created.
    expect(await fixture.pass()).toMatchObject({
      exitCode: 0,
      report: { due: 0, stripe_calls: { list: 1, retrieve: 0, other: 0 } },
    });
    expect(await fixture.charge('unknown')).toMatchObject({ exitCode: 75 });

    await fixture.age('unknown', 6 * MINUTE_MS);
    expect(await fixture.pass()).toMatchObject({
      exitCode: 0,
      report: {
        due: 1,
        settled: { canceled: 1 },
        stripe_calls: { list: 3, retrieve: 0, other: 0 },
      },
    });
    const { row, intents, mails } = await fixture.look('unknown');
    expect(row).toMatchObject({ status: 'canceled', step: 'settled', payment_intent: null });
    expect(row.audit.at(-1)).toMatchObject({
      action: 'settled',
      detail: { proof: 'two complete scans apart in time' },
    });
    const {
      first_missed_at: firstMissed,
      scanned_from: from,
      scanned_to: to,
    } = row.audit.at(-1)!.detail;
    expect(Date.parse(row.audit.at(-1)!.at) - Number(firstMissed)).toBeGreaterThanOrEqual(
      5 * MINUTE_MS,
    );
    expect(Number(to) - Number(from)).toBeGreaterThan(25 * HOUR_MS);
    expect(intents).toEqual([]);
    expect(fixture.sandbox.books.count('payment_intents.create')).toBe(creates);
    expect(row).toMatchObject({ canceled_by: 'fence' });
    expect(mails).toEqual([]);
    await fixture.verifyAudit();
  });

  it.each([
    {
      name: 'unconfirmed is found by the scan and canceled',
      confirm: false,
      status: 'canceled',
      exitCode: 0,
    },
    {
      name: 'that somebody has confirmed meanwhile is found by the scan and recorded',
      confirm: true,
      status: 'succeeded',
      exitCode: 0,
    },
  ])('too old for its key, but there: an intent $name', async ({ confirm, status, exitCode }) => {
    const fixture = await aFixture(target);
    await aDayOldCreate(fixture, 'html_502_after');
    const creates = fixture.sandbox.books.count('payment_intents.create');
    const [intent] = fixture.sandbox.books.paymentIntents;
    if (confirm) await fixture.elsewhere(`/${intent!.id}/confirm`);
    expect(await fixture.pass()).toMatchObject({
      exitCode,
      report: {
        due: 1,
        settled: { [status]: 1 },
        stripe_calls: { list: 3, retrieve: 0, other: confirm ? 0 : 1 },
      },
    });

    const { row, intents, mails } = await fixture.look('unknown');
    expect(row).toMatchObject({ status, step: 'settled', payment_intent: intent!.id });
    expect(intents).toMatchObject([
      { id: intent!.id, status, amount_received: confirm ? AMOUNT : 0 },
    ]);
    expect(fixture.sandbox.books.count('payment_intents.create')).toBe(creates);
    expect(mails).toEqual(confirm ? ['customer_succeeded'] : []);
    await fixture.verifyAudit();
  });

  it('with a stored 500 under its key is looked for in the list, not asked for forever', async () => {
    const fixture = await aFixture(target);
    await fixture.charge('made', { faults: 'payment_intents.create=500_after' });
    await fixture.charge('not-made', { faults: 'payment_intents.create=500_before' });
    expect(await fixture.pass()).toMatchObject({
      exitCode: 0,
      report: { due: 2, pending: 1, settled: { canceled: 1 } },
    });
    await fixture.age('not-made', 6 * MINUTE_MS);
    expect(await fixture.pass()).toMatchObject({
      exitCode: 0,
      report: { due: 1, settled: { canceled: 1 } },
    });

    const made = await fixture.look('made');
    expect(made.row).toMatchObject({ status: 'canceled' });
    expect(made.intents).toEqual([{ id: made.row.payment_intent, ...CANCELED }]);
    const notMade = await fixture.look('not-made');
    expect(notMade.row).toMatchObject({ status: 'canceled', payment_intent: null });
    expect(notMade.intents).toEqual([]);
    expect([made.mails, notMade.mails]).toEqual([[], []]);
    await fixture.verifyAudit();
  });
});

/** A clock that was wrong when the create was stamped, by so much (ahead: negative), and was put right; the create was so long ago. */
const WRONG_CLOCKS = [
  { name: 'a year behind', behindMs: 365 * DAY_MS, agoMs: 25 * HOUR_MS },
  { name: 'a year behind, just now', behindMs: 365 * DAY_MS, agoMs: 0 },
  { name: 'a year ahead', behindMs: -365 * DAY_MS, agoMs: 10 * DAY_MS },
  { name: 'five days ahead, a week ago', behindMs: -5 * DAY_MS, agoMs: 7 * DAY_MS },
];

describe.each(targets)(
  'a create that was stamped by a clock that was wrong, on $name',
  (target) => {
    async function stampedWrongly(
      fault: string,
      { behindMs, agoMs }: (typeof WRONG_CLOCKS)[number],
    ): Promise<Fixture> {
      const fixture = await aFixture(target, { env: { PAYRECON_STUCK_AFTER: '7d' } });
      fixture.sandbox.clock.advance(-agoMs);
      await fixture.charge('unknown', { faults: `payment_intents.create=${fault}` });
      fixture.sandbox.clock.advance(agoMs);
      await fixture.age('unknown', agoMs + behindMs);
      return fixture;
    }

    it.each(WRONG_CLOCKS)(
      'is found where it was carried out, and canceled: $name',
      async (clock) => {
        const fixture = await stampedWrongly('html_502_after', clock);
        expect(await fixture.pass()).toMatchObject({
          exitCode: 0,
          report: { due: 1, settled: { canceled: 1 } },
        });
        const { row, intents, mails } = await fixture.look('unknown');
        expect(intents).toEqual([{ id: row.payment_intent, ...CANCELED }]);
        expect(mails).toEqual([]);
        await fixture.verifyAudit();
      },
    );

    it.each(WRONG_CLOCKS)(
      'is called absent after two scans where it was not: $name',
      async (clock) => {
        const fixture = await stampedWrongly('html_502', clock);
        expect(await fixture.pass()).toMatchObject({ exitCode: 0, report: { due: 1, pending: 1 } });
        await fixture.age('unknown', 6 * MINUTE_MS);
        expect(await fixture.pass()).toMatchObject({
          exitCode: 0,
          report: { due: 1, settled: { canceled: 1 } },
        });
        const { row, intents } = await fixture.look('unknown');
        expect(row).toMatchObject({ payment_intent: null, canceled_by: 'fence' });
        expect(Number(row.audit.at(-1)!.detail['scanned_from'])).toBeLessThan(
          Date.now() - clock.agoMs,
        );
        expect(Number(row.audit.at(-1)!.detail['scanned_to'])).toBeGreaterThan(Date.now());
        expect(intents).toEqual([]);
        await fixture.verifyAudit();
      },
    );
  },
);

describe.each(targets)('a payment that was taken as absent, on $name', (target) => {
  it.each([
    { name: 'unconfirmed is canceled too', params: {}, status: 'canceled', told: [] },
    {
      name: 'paid is accepted, and everybody is told',
      params: { confirm: 'true' },
      status: 'succeeded',
      told: ['customer_succeeded', 'operator_truth_changed'],
    },
  ])(
    'is looked for once more: an intent that appears late and $name',
    async ({ params, status, told }) => {
      const fixture = await aFixture(target);
      await aDayOldCreate(fixture, 'html_502');
      await fixture.pass();
      await fixture.age('unknown', 6 * MINUTE_MS);
      await fixture.pass();
      const { row: absent } = await fixture.look('unknown');
      expect(absent).toMatchObject({ status: 'canceled', payment_intent: null });

      fixture.sandbox.clock.advance(-25 * HOUR_MS);
      const late = await fixture.elsewhere('', {
        amount: String(AMOUNT),
        currency: 'usd',
        payment_method: 'pm_card_visa',
        'allowed_payment_method_types[0]': 'card',
        'metadata[payrecon_transaction]': absent.id,
        'metadata[payrecon_ledger]': await fixture.ledgerId(),
        'metadata[payrecon_attempt]': '1',
        ...params,
      });
      await fixture.age('unknown', DAY_MS);
      expect(await fixture.pass()).toMatchObject({
        exitCode: status === 'canceled' ? 0 : 5,
        report: { due: 1, settled: { [status]: 1 } },
      });
      const { row, intents, mails } = await fixture.look('unknown');
      expect(row).toMatchObject({ status, payment_intent: late.id, step: 'settled' });
      expect(intents).toMatchObject([{ id: late.id, status }]);
      expect(mails.toSorted()).toEqual(told);
      await fixture.verifyAudit();
    },
  );
});
