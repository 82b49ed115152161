import { describe, expect, it } from 'vitest';
import { freshPostgresDatabase } from '../../support/postgres.ts';
import { sqlite, targets } from '../../storage/targets.ts';
import { aFixture, chargeFlags, refusingUrl } from '../verdicts/fixture.ts';
import { outcomeOf, refusalOf } from './refusals.ts';
import { startPayrecon } from './running.ts';

describe.each(targets)('charge on $name ends with', (target) => {
  it('0 when it succeeded, also when it is run again', async () => {
    const fixture = await aFixture(target);
    const first = outcomeOf(await fixture.charge('order-1'));
    expect(first).toMatchObject({
      exitCode: 0,
      transaction: { key: 'order-1', status: 'succeeded' },
    });
    expect(outcomeOf(await fixture.charge('order-1'))).toEqual(first);
    expect(fixture.sandbox.books.succeededCount()).toBe(1);
  });

  it('3 when it is final and did not succeed, also when it is run again', async () => {
    const fixture = await aFixture(target);
    const declined = outcomeOf(
      await fixture.charge('declined', { method: 'pm_card_chargeDeclined' }),
    );
    expect(declined).toMatchObject({
      exitCode: 3,
      transaction: { status: 'failed', failure_code: 'generic_decline' },
    });
    expect(
      outcomeOf(await fixture.charge('declined', { method: 'pm_card_chargeDeclined' })),
    ).toEqual(declined);

    const waiting = { method: 'pm_card_authenticationRequired', more: ['--on-session'] };
    expect((await fixture.charge('canceled', waiting)).exitCode).toBe(75);
    await fixture.elsewhere(`/${fixture.sandbox.books.paymentIntents.at(-1)!.id}/cancel`);
    expect(outcomeOf(await fixture.charge('canceled', waiting))).toMatchObject({
      exitCode: 3,
      transaction: { status: 'canceled', canceled_by: 'person' },
    });
  });

  it('0 after a new attempt, where nobody confirmed the last one and it was fenced off', async () => {
    const fixture = await aFixture(target);
    expect(
      (await fixture.charge('left', { faults: 'payment_intents.confirm=html_502' })).exitCode,
    ).toBe(75);
    expect(await fixture.pass()).toMatchObject({ report: { settled: { canceled: 1 } } });
    expect(outcomeOf(await fixture.charge('left'))).toMatchObject({
      exitCode: 0,
      transaction: { status: 'succeeded', attempt: 2 },
    });
    expect(fixture.sandbox.books.paymentIntents.map(({ status }) => status)).toEqual([
      'canceled',
      'succeeded',
    ]);
    await fixture.verifyAudit();
  });

  it('2 when Stripe refused the request: no bank was asked, and the key is not used up', async () => {
    const fixture = await aFixture(target);
    const refused = {
      exitCode: 2,
      transaction: {
        status: 'failed',
        payment_intent: null,
        failure_kind: 'request',
        failure_code: 'resource_missing',
      },
    };
    expect(
      outcomeOf(await fixture.charge('refused', { method: 'pm_card_nobodyHasThis' })),
    ).toMatchObject(refused);
    expect(outcomeOf(await fixture.charge('refused'))).toMatchObject({
      exitCode: 0,
      transaction: { status: 'succeeded', attempt: 2, failure_kind: null },
    });
  });

  it('4 when it is refused: key reused, reference taken, duplicate suspected; nothing is sent', async () => {
    const fixture = await aFixture(target);
    const method = 'pm_card_chargeDeclined';
    expect(
      await fixture.charge('first', { method, more: ['--reference', 'basket-7'] }),
    ).toMatchObject({ exitCode: 3 });
    const sent = fixture.sandbox.books.summary().requests;
    const reused = refusalOf(
      await fixture.run([
        ...chargeFlags('first', method).with(4, '50.00'),
        '--reference',
        'basket-8',
      ]),
    );
    expect(reused).toMatchObject({
      exitCode: 4,
      code: 'key_reused',
      fields: ['amount', 'reference'],
      transaction: { key: 'first', amount: 4999, reference: 'basket-7' },
    });
    expect(fixture.sandbox.books.summary().requests).toBe(sent);

    const paid = outcomeOf(await fixture.charge('paid', { more: ['--reference', 'basket-7'] }));
    expect(paid.exitCode).toBe(0);
    const after = fixture.sandbox.books.summary().requests;
    const taken = refusalOf(await fixture.charge('other', { more: ['--reference', 'basket-7'] }));
    expect(taken).toMatchObject({
      exitCode: 4,
      code: 'reference_taken',
      fields: ['reference'],
      transaction: { key: 'paid', status: 'succeeded' },
    });
    const duplicate = refusalOf(
      await fixture.charge('paid-again', { env: { PAYRECON_DUPLICATE_WINDOW: '10m' } }),
    );
    expect(duplicate).toMatchObject({
      exitCode: 4,
      code: 'duplicate_suspected',
      fields: ['payment_method'],
      transaction: { key: 'paid' },
    });
    expect(fixture.sandbox.books.summary().requests).toBe(after);
    expect(refusalOf(await fixture.run(['show', 'other', '--json']))).toMatchObject({
      exitCode: 6,
    });

    expect(
      outcomeOf(
        await fixture.charge('paid-again', {
          more: ['--allow-duplicate'],
          env: { PAYRECON_DUPLICATE_WINDOW: '10m' },
        }),
      ).exitCode,
    ).toBe(0);
  });

  it('75 while the outcome is not known, and 5 once it is stuck', async () => {
    const fixture = await aFixture(target);
    const lost = outcomeOf(
      await fixture.charge('lost', { faults: 'payment_intents.confirm=html_502_after' }),
    );
    expect(lost).toMatchObject({
      exitCode: 75,
      transaction: { status: 'pending', step: 'confirm_sent', settled_at: null },
    });
    expect(
      outcomeOf(await fixture.charge('lost', { faults: 'payment_intents.retrieve=500_before' }))
        .exitCode,
    ).toBe(75);
    fixture.sandbox.setFaults('payment_intents.retrieve=500_before');
    expect(await fixture.pass({ PAYRECON_MAX_ATTEMPTS: '1' })).toMatchObject({ exitCode: 5 });
    fixture.sandbox.setFaults('');
    expect(outcomeOf(await fixture.charge('lost'))).toMatchObject({
      exitCode: 5,
      transaction: { status: 'stuck', review: { reason: 'undecided' } },
    });
  });

  it('75 while another process holds it for longer than the wait, which else gets the outcome', async () => {
    const fixture = await aFixture(target);
    // Longer than two programs need to start on a busy machine, and within the time limit of the call.
    fixture.sandbox.setFaults('payment_intents.confirm=slow:12000');
    const first = await startPayrecon(chargeFlags('held'), {
      ...fixture.env,
      PAYRECON_STRIPE_DEADLINE: '40s',
    });
    await expect
      .poll(() => fixture.sandbox.books.count('payment_intents.confirm'), { timeout: 15_000 })
      .toBe(1);
    const [impatient, patient] = await Promise.all([
      fixture.run([...chargeFlags('held'), '--wait', '100ms']),
      fixture.run([...chargeFlags('held'), '--wait', '30s']),
    ]);
    expect(outcomeOf(impatient)).toMatchObject({
      exitCode: 75,
      transaction: { status: 'pending', step: 'confirm_sent' },
    });
    expect(outcomeOf(patient)).toMatchObject({ exitCode: 0, transaction: { status: 'succeeded' } });
    expect(await first.end).toMatchObject({ exitCode: 0 });
    expect(fixture.sandbox.books.succeededCount()).toBe(1);
    expect(fixture.sandbox.books.count('payment_intents.confirm')).toBe(1);
  });
});

describe('charge ends with', () => {
  it('2 for bad input, and sends nothing', async () => {
    const fixture = await aFixture(sqlite);
    const wrong = refusalOf(
      await fixture.run([
        'charge',
        '--key',
        '',
        '--amount',
        '4999',
        '--currency',
        'usd',
        '--wait',
        'long',
        '--json',
      ]),
    );
    expect(wrong).toMatchObject({ exitCode: 2, code: 'invalid_request', transaction: null });
    expect(wrong.fields.toSorted()).toEqual(['amount', 'key', 'payment_method', 'wait']);
    expect(
      refusalOf(await fixture.run([...chargeFlags('typo'), '--ammount', '1.00'])),
    ).toMatchObject({ exitCode: 2, code: 'unknown_option', transaction: null });
    expect(
      refusalOf(await fixture.run(chargeFlags('no-key'), { env: { STRIPE_SECRET_KEY: '' } })),
    ).toMatchObject({ exitCode: 2, fields: ['STRIPE_SECRET_KEY'], transaction: null });
    expect(fixture.sandbox.books.summary().requests).toBe(0);
    expect((await fixture.run(['list', '--json'])).json()).toMatchObject({ data: [] });
  });

  it('2 for a key that Stripe refuses, with the payment kept; and goes on when the key is right', async () => {
    const fixture = await aFixture(sqlite);
    const refused = refusalOf(
      await fixture.charge('kept', { faults: 'payment_intents.create=401' }),
    );
    expect(refused).toMatchObject({
      exitCode: 2,
      code: 'stripe_unauthorized',
      fields: ['STRIPE_SECRET_KEY'],
      transaction: { status: 'pending', step: 'recorded' },
    });
    expect(outcomeOf(await fixture.charge('kept')).exitCode).toBe(0);
    expect(fixture.sandbox.books.succeededCount()).toBe(1);
  });

  it('2 for a database whose schema is behind, and says what to run', async () => {
    const database = await freshPostgresDatabase();
    const fixture = await aFixture(sqlite);
    const refused = refusalOf(
      await fixture.charge('early', { env: { DATABASE_URL: database.url } }),
    );
    expect(refused).toMatchObject({ exitCode: 2, code: 'schema_behind', transaction: null });
    expect(refused.message).toContain('payrecon migrate');
    expect(fixture.sandbox.books.summary().requests).toBe(0);
  });

  it('69 when the database is out of reach, and sends nothing', async () => {
    const fixture = await aFixture(sqlite);
    const nowhere = (await refusingUrl())
      .replace('http:', 'postgres://nobody@')
      .replace('@//', '@');
    const refused = refusalOf(
      await fixture.charge('nowhere', { env: { DATABASE_URL: `${nowhere}/payrecon` } }),
    );
    expect(refused).toMatchObject({ exitCode: 69, transaction: null });
    expect(fixture.sandbox.books.summary().requests).toBe(0);
  });
});
