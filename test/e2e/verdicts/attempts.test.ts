import { describe, expect, it, onTestFinished } from 'vitest';
import { startSandbox } from '../../../src/sandbox/server.ts';
import { targets } from '../../storage/targets.ts';
import { AMOUNT, aFixture, HOUR_MS, MINUTE_MS, refusingUrl, type Fixture } from './fixture.ts';

/** Confirmed by somebody else who wants to capture by hand: Stripe answers, and it is neither paid nor canceled. */
async function anAuthorization(fixture: Fixture, key: string): Promise<string> {
  expect(await fixture.charge(key, { faults: 'payment_intents.confirm=html_502' })).toMatchObject({
    exitCode: 75,
  });
  const intent = fixture.sandbox.books.paymentIntents.at(-1)!;
  await fixture.elsewhere(`/${intent.id}`, { capture_method: 'manual' });
  expect(await fixture.elsewhere(`/${intent.id}/confirm`)).toMatchObject({
    status: 'requires_capture',
  });
  return intent.id;
}

describe.each(targets)('a payment that Stripe leaves undecided, on $name', (target) => {
  it('is stuck after the fifth answer with the evidence, and settled when the truth arrives', async () => {
    const fixture = await aFixture(target);
    const intent = await anAuthorization(fixture, 'undecided');
    for (let attempts = 1; attempts <= 4; attempts += 1) {
      expect(await fixture.pass()).toMatchObject({
        exitCode: 0,
        report: { due: 1, pending: 1, stuck: 0 },
      });
    }
    expect((await fixture.look('undecided')).row).toMatchObject({
      status: 'pending',
      attempts: 4,
      review: null,
    });
    expect(await fixture.pass()).toMatchObject({
      exitCode: 5,
      report: { due: 1, pending: 0, stuck: 1 },
    });

    const stuck = await fixture.look('undecided');
    expect(stuck.row).toMatchObject({
      status: 'stuck',
      attempts: 5,
      stripe_status: 'requires_capture',
      failure_code: null,
      settled_at: null,
    });
    expect(stuck.row.review).toMatchObject({
      reason: 'undecided',
      message:
        'Stripe was asked 5 times and left it undecided: Stripe shows the status requires_capture',
      evidence: {
        asked: 'retrieve',
        payment_intent: intent,
        stripe_status: 'requires_capture',
        amount: AMOUNT,
        attempts: 5,
      },
      resolution: null,
    });
    expect(stuck.row.audit.at(-1)).toMatchObject({
      action: 'marked_stuck',
      from: { status: 'pending' },
      to: { status: 'stuck' },
    });
    expect(stuck.intents).toMatchObject([
      { id: intent, status: 'requires_capture', amount_received: 0 },
    ]);
    expect(stuck.mails).toEqual(['operator_stuck']);
    expect(await fixture.run(['stuck', 'list', '--json'])).toMatchObject({
      exitCode: 5,
      stdout: expect.stringContaining(stuck.row.id) as string,
    });
    await fixture.verifyAudit();

    // The truth arrives late: a person has captured it.
    await fixture.elsewhere(`/${intent}/capture`);
    await fixture.makeDue('undecided');
    expect(await fixture.pass()).toMatchObject({
      exitCode: 0,
      report: { due: 1, stuck: 0, settled: { succeeded: 1 } },
    });
    const { row, intents, mails } = await fixture.look('undecided');
    expect(row).toMatchObject({ status: 'succeeded', review: null });
    expect(row.audit.at(-1)).toMatchObject({
      action: 'settled',
      from: { status: 'stuck' },
      to: { status: 'succeeded' },
    });
    expect(intents).toMatchObject([{ id: intent, status: 'succeeded', amount_received: AMOUNT }]);
    expect(mails.toSorted()).toEqual([
      'customer_succeeded',
      'operator_stuck',
      'operator_truth_changed',
    ]);
    expect(fixture.mails()).toContainEqual({
      to: 'operator@example.com',
      subject: 'A stuck payment is settled: $49.99, undecided',
    });
    await fixture.verifyAudit();
  });

  it('is stuck when it is older than the age ceiling, however few the answers', async () => {
    const fixture = await aFixture(target);
    await anAuthorization(fixture, 'old');
    await fixture.age('old', 23 * HOUR_MS);
    expect(await fixture.pass()).toMatchObject({ exitCode: 0, report: { pending: 1, stuck: 0 } });
    await fixture.age('old', 2 * HOUR_MS);
    expect(await fixture.pass()).toMatchObject({ exitCode: 5, report: { pending: 0, stuck: 1 } });

    const { row, intents, mails } = await fixture.look('old');
    expect(row).toMatchObject({
      status: 'stuck',
      attempts: 2,
      review: { reason: 'too_old', evidence: { stripe_status: 'requires_capture', attempts: 2 } },
    });
    expect(intents).toMatchObject([{ status: 'requires_capture' }]);
    expect(mails).toEqual(['operator_stuck']);
    await fixture.verifyAudit();
  });

  it('is stuck at another ceiling and after another number of answers, where these are set', async () => {
    const fixture = await aFixture(target);
    await anAuthorization(fixture, 'young');
    expect(await fixture.pass({ PAYRECON_STUCK_AFTER: '1ms' })).toMatchObject({ exitCode: 5 });
    await anAuthorization(fixture, 'second');
    expect(await fixture.pass({ PAYRECON_MAX_ATTEMPTS: '1' })).toMatchObject({ exitCode: 5 });
    expect((await fixture.look('young')).row.review).toMatchObject({ reason: 'too_old' });
    expect((await fixture.look('second')).row.review).toMatchObject({
      reason: 'undecided',
      evidence: { attempts: 1 },
    });
    await fixture.verifyAudit();
  });
});

describe.each(targets)('a payment whose own calls fail while Stripe works, on $name', (target) => {
  it('spends an attempt when others get through', async () => {
    const fixture = await aFixture(target);
    for (const key of ['one', 'two'])
      await fixture.charge(key, { faults: 'payment_intents.confirm=html_502_after' });
    fixture.sandbox.setFaults('payment_intents.retrieve#1=500_before');
    expect(await fixture.pass()).toMatchObject({
      exitCode: 0,
      report: { due: 2, pending: 1, settled: { succeeded: 1 }, outage: false },
    });
    const [failed] = fixture.sandbox.books.requests.filter(({ fault }) => fault === '500_before');
    const sights = [await fixture.look('one'), await fixture.look('two')];
    const rows = sights.map(({ row: { payment_intent, status, attempts } }) => ({
      hit: failed?.path.endsWith(payment_intent!) === true,
      status,
      attempts,
    }));
    expect(rows).toContainEqual({ hit: true, status: 'pending', attempts: 1 });
    expect(rows).toContainEqual({ hit: false, status: 'succeeded', attempts: 0 });

    expect(await fixture.pass()).toMatchObject({
      exitCode: 0,
      report: { due: 1, settled: { succeeded: 1 } },
    });
    expect(
      fixture
        .mails()
        .map(({ to }) => to)
        .toSorted(),
    ).toEqual(['one@example.com', 'two@example.com']);
    expect(fixture.sandbox.books.succeededCount()).toBe(2);
    await fixture.verifyAudit();
  });

  it('is stuck after five of them: the question whether the ledger is whole gets through each time', async () => {
    const fixture = await aFixture(target);
    await fixture.charge('alone', { faults: 'payment_intents.confirm=html_502_after' });
    fixture.sandbox.setFaults('payment_intents.retrieve#*=500_before');
    for (let attempts = 1; attempts <= 4; attempts += 1) {
      expect(await fixture.pass()).toMatchObject({
        exitCode: 0,
        report: {
          due: 1,
          pending: 1,
          outage: false,
          stripe_calls: { list: 1, retrieve: 1, other: 0 },
        },
      });
    }
    expect(await fixture.pass()).toMatchObject({
      exitCode: 5,
      report: { due: 1, stuck: 1, outage: false },
    });
    const { row, intents, mails } = await fixture.look('alone');
    expect(row).toMatchObject({
      status: 'stuck',
      attempts: 5,
      review: {
        reason: 'undecided',
        evidence: { asked: 'retrieve', reason: 'server_error', http_status: 500, attempts: 5 },
      },
    });
    expect(intents).toMatchObject([{ status: 'succeeded' }]);
    expect(mails).toEqual(['operator_stuck']);
    await fixture.verifyAudit();
  });

  it('that Stripe does not know is stuck, and never taken as failed', async () => {
    const fixture = await aFixture(target);
    await fixture.charge('elsewhere', { faults: 'payment_intents.confirm=html_502_after' });
    // It takes the same key for the same account, and is empty.
    const other = await startSandbox();
    onTestFinished(() => other.close());
    const env = { STRIPE_API_BASE: other.url };
    for (let attempts = 1; attempts <= 4; attempts += 1)
      expect(await fixture.pass(env)).toMatchObject({ exitCode: 0, report: { pending: 1 } });
    expect(await fixture.pass(env)).toMatchObject({ exitCode: 5, report: { stuck: 1 } });
    const { row, mails } = await fixture.look('elsewhere');
    expect(row).toMatchObject({
      status: 'stuck',
      attempts: 5,
      review: {
        reason: 'undecided',
        evidence: { asked: 'retrieve', http_status: 404, code: 'resource_missing' },
      },
    });
    expect(mails).toEqual(['operator_stuck']);

    // The right one tells the truth.
    await fixture.makeDue('elsewhere');
    expect(await fixture.pass()).toMatchObject({
      exitCode: 0,
      report: { settled: { succeeded: 1 } },
    });
    const settled = await fixture.look('elsewhere');
    expect(settled.row).toMatchObject({ status: 'succeeded' });
    expect(settled.mails.toSorted()).toEqual([
      'customer_succeeded',
      'operator_stuck',
      'operator_truth_changed',
    ]);
    await fixture.verifyAudit();
  });
});

describe.each(targets)('a payment that was never sent, on $name', (target) => {
  it('is left to its caller by the passes, who are told of nothing; and goes on when the caller asks again', async () => {
    const fixture = await aFixture(target);
    const env = { STRIPE_API_BASE: await refusingUrl() };
    for (const key of ['left', 'again']) {
      const run = await fixture.charge(key, { env });
      expect(run).toMatchObject({ exitCode: 75, stderr: '' });
      expect(run.json()).toMatchObject({
        status: 'pending',
        step: 'recorded',
        payment_intent: null,
      });
    }
    expect(await fixture.charge('again')).toMatchObject({ exitCode: 0 });
    // Before money moves for a row that was there already, the list says that it is the only one.
    expect(fixture.sandbox.books.counts).toEqual({
      'payment_intents.create': 1,
      'payment_intents.list': 1,
      'payment_intents.confirm': 1,
    });
    expect(await fixture.pass()).toMatchObject({
      exitCode: 0,
      report: {
        not_sent: 1,
        settled: { canceled: 0 },
        stripe_calls: { list: 1, retrieve: 0, other: 0 },
      },
    });

    const { row, intents, mails } = await fixture.look('left');
    expect(row).toMatchObject({
      status: 'pending',
      step: 'recorded',
      attempt: 1,
      attempts: 0,
      payment_intent: null,
      stripe_status: null,
    });
    expect(intents).toEqual([]);
    expect(mails).toEqual([]);
    expect((await fixture.look('again')).mails).toEqual(['customer_succeeded']);

    expect(await fixture.charge('left')).toMatchObject({ exitCode: 0 });
    expect((await fixture.look('left')).intents).toMatchObject([
      { status: 'succeeded', amount_received: AMOUNT },
    ]);
    await fixture.verifyAudit();
  });

  it('and is not asked for again is canceled past the age ceiling, after two looks at the list; no customer is mailed, and the key is free', async () => {
    const fixture = await aFixture(target);
    expect(
      await fixture.charge('left', { env: { STRIPE_API_BASE: await refusingUrl() } }),
    ).toMatchObject({ exitCode: 75 });
    await fixture.age('left', 25 * HOUR_MS);
    expect(await fixture.pass()).toMatchObject({
      exitCode: 0,
      report: {
        due: 1,
        pending: 1,
        settled: { canceled: 0 },
        stripe_calls: { list: 2, retrieve: 0, other: 0 },
      },
    });
    expect((await fixture.look('left')).row.audit.at(-1)).toMatchObject({
      action: 'observed',
      detail: { asked: 'scan' },
    });
    await fixture.age('left', 6 * MINUTE_MS);
    expect(await fixture.pass()).toMatchObject({
      exitCode: 0,
      report: {
        due: 1,
        settled: { canceled: 1 },
        stripe_calls: { list: 2, retrieve: 0, other: 0 },
      },
    });

    const { row, mails } = await fixture.look('left');
    expect(row).toMatchObject({
      status: 'canceled',
      canceled_by: 'fence',
      step: 'settled',
      payment_intent: null,
    });
    expect(row.audit.at(-1)?.detail).toMatchObject({ proof: 'two complete scans apart in time' });
    expect(mails).toEqual([]);
    expect(fixture.mails()).toEqual([]);

    expect(await fixture.charge('left')).toMatchObject({ exitCode: 0 });
    const again = await fixture.look('left');
    expect(again.row).toMatchObject({ status: 'succeeded', attempt: 2 });
    expect(again.intents).toMatchObject([{ status: 'succeeded', amount_received: AMOUNT }]);
    await fixture.verifyAudit();
  });
});
