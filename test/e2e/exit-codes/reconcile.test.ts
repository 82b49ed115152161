import { describe, expect, it } from 'vitest';
import { aRequest } from '../../storage/payments.ts';
import { sqlite } from '../../storage/targets.ts';
import { passDocument } from '../verdicts/documents.ts';
import { aFixture, chargeFlags, refusingUrl, type Fixture } from '../verdicts/fixture.ts';
import { onlyDocument, refusalOf } from './refusals.ts';

const LOST = { faults: 'payment_intents.confirm=html_502_after' };

async function lostPayments(fixture: Fixture, rows: number): Promise<void> {
  fixture.sandbox.setFaults('payment_intents.confirm#*=html_502_after');
  const payrecon = await fixture.open('charge');
  for (let row = 0; row < rows; row += 1) {
    await payrecon.charge(aRequest({ key: `lost-${String(row)}`, paymentMethod: 'pm_card_visa' }), {
      waitMs: 0,
      waitForOutcome: false,
      allowDuplicate: true,
    });
  }
  fixture.sandbox.setFaults('');
}

describe('reconcile ends with', () => {
  it('0 when nothing needs a person, with a pending payment left or none; and a dry run changes nothing', async () => {
    const fixture = await aFixture(sqlite);
    expect(await fixture.pass()).toMatchObject({ exitCode: 0, report: { due: 0 } });
    await fixture.charge('lost', LOST);
    const dry = await fixture.run(['reconcile', '--dry-run', '--json']);
    expect(dry).toMatchObject({ exitCode: 0, stderr: '' });
    expect(passDocument.parse(onlyDocument(dry.stdout))).toMatchObject({
      pass: null,
      due: 1,
      settled: { succeeded: 1 },
    });
    expect((await fixture.look('lost')).row).toMatchObject({ status: 'pending' });
    expect(await fixture.pass()).toMatchObject({
      exitCode: 0,
      report: { settled: { succeeded: 1 } },
    });
  });

  it('2 for wrong flags, a wrong schedule and a key that Stripe refuses; no attempt is spent', async () => {
    const fixture = await aFixture(sqlite);
    await fixture.charge('lost', LOST);
    expect(
      refusalOf(
        await fixture.run(['reconcile', '--limit', 'all', '--schedule', '* * * * *', '--json']),
      ),
    ).toMatchObject({ exitCode: 2, fields: ['limit', 'schedule'] });
    const daemon = await fixture.run(['reconcile', '--daemon', '--schedule', 'often']);
    expect(daemon).toMatchObject({ exitCode: 2, stdout: '' });
    expect(daemon.stderr).toContain('--schedule');

    fixture.sandbox.setFaults('payment_intents.retrieve#*=401');
    expect(refusalOf(await fixture.run(['reconcile', '--json']))).toMatchObject({
      exitCode: 2,
      code: 'stripe_unauthorized',
      fields: ['STRIPE_SECRET_KEY'],
    });
    // Only a person can mend that, so the daemon ends and the service manager shows it.
    const refused = await fixture.run(['reconcile', '--daemon']);
    expect(refused).toMatchObject({ exitCode: 2, stdout: '' });
    expect(refused.stderr).toContain('STRIPE_SECRET_KEY');
    fixture.sandbox.setFaults('');
    expect((await fixture.look('lost')).row).toMatchObject({ status: 'pending', attempts: 0 });
  });

  it('5 when something is stuck, in this pass or from an earlier one', async () => {
    const fixture = await aFixture(sqlite);
    await fixture.charge('lost', LOST);
    fixture.sandbox.setFaults('payment_intents.retrieve=500_before');
    expect(
      await fixture.pass({
        PAYRECON_MAX_ATTEMPTS: '1',
        PAYRECON_BACKOFF_BASE: '1h',
        PAYRECON_BACKOFF_CAP: '7d',
      }),
    ).toMatchObject({ exitCode: 5, report: { stuck: 1 } });
    expect(await fixture.pass()).toMatchObject({ exitCode: 5, report: { stuck: 0, due: 0 } });
  });

  it('69 when Stripe is away and nothing was settled, or the database is out of reach', async () => {
    const fixture = await aFixture(sqlite);
    await fixture.charge('lost', LOST);
    const away = await fixture.pass({ STRIPE_API_BASE: await refusingUrl() });
    expect(away).toMatchObject({ exitCode: 69, report: { due: 1, pending: 1, outage: true } });
    const nowhere = `${(await refusingUrl()).replace('http://', 'postgres://nobody@')}/payrecon`;
    expect(
      refusalOf(await fixture.run(['reconcile', '--json'], { env: { DATABASE_URL: nowhere } })),
    ).toMatchObject({ exitCode: 69, transaction: null });
    expect((await fixture.look('lost')).row).toMatchObject({ status: 'pending', attempts: 0 });
  });

  it('75 when Stripe went away after something was settled: the rest is settled by the next pass', async () => {
    const fixture = await aFixture(sqlite);
    await lostPayments(fixture, 30);
    // Without the list each payment is asked for by itself.
    fixture.sandbox.setFaults(
      'payment_intents.list#*=500_before; payment_intents.retrieve#9-99=500_before; account#*=500_before',
    );
    const cut = await fixture.pass();
    expect(cut).toMatchObject({ exitCode: 75, report: { due: 30, stuck: 0, outage: true } });
    expect(cut.report.settled.succeeded).toBeGreaterThan(0);
    expect(cut.report.settled.succeeded).toBeLessThan(30);
    fixture.sandbox.setFaults('');
    expect(await fixture.pass()).toMatchObject({
      exitCode: 0,
      report: { settled: { succeeded: 30 - cut.report.settled.succeeded }, outage: false },
    });
    await fixture.verifyAudit();
  });
});

/** A pass reads whether the ledger is whole before it reads any row. */
function sentTo({ sandbox }: Fixture): number {
  return sandbox.books.requests.filter(({ method }) => method !== 'GET').length;
}

describe('a ledger that holds what payrecon never writes', () => {
  it('is a bug: 1, with the stack for a person and as JSON for a program; nothing is sent', async () => {
    const fixture = await aFixture(sqlite);
    await fixture.charge('damaged', LOST);
    const raw = await fixture.database.raw();
    await raw.run("update transactions set review = 'not JSON'");
    const sent = sentTo(fixture);

    const shown = await fixture.run(['show', 'damaged']);
    expect(shown).toMatchObject({ exitCode: 1, stdout: '' });
    expect(shown.stderr).toMatch(/the database holds something other than JSON in column review/);
    expect(shown.stderr).toMatch(/\n\s+at /);
    for (const args of [
      chargeFlags('damaged'),
      ['reconcile', '--json'],
      ['list', '--json'],
      ['stuck', 'resolve', 'damaged', '--as', 'failed', '--reason', 'r', '--yes', '--json'],
    ]) {
      expect(refusalOf(await fixture.run(args))).toMatchObject({
        exitCode: 1,
        code: 'bug',
        fields: [],
        transaction: null,
      });
    }
    expect(sentTo(fixture)).toBe(sent);
  });
});
