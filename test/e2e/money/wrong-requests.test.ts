import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sqlite, targets } from '../../storage/targets.ts';
import type { RunResult } from '../../support/binary.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { aFixture, chargeFlags, type Fixture } from '../verdicts/fixture.ts';

/*
 * The shop's own mistake: a key of another account or mode, a method that is not there, an amount that
 * is too small. No bank was asked, so no customer is written to, no key is used up, and a file stops
 * when line after line is refused alike.
 */

const LINES = 30;
const OTHER_MODE = encodeURIComponent(
  'No such PaymentMethod: pm_1; a similar object exists in live mode, but a test mode key was used to make this request.',
);

async function aFile(method = 'pm_card_visa'): Promise<string> {
  const lines = Array.from(
    { length: LINES },
    (_, at) =>
      `line-${String(at)},${String(at + 1)}.00,usd,${method},line-${String(at)}@example.com`,
  );
  const file = join(await temporaryFolder(), 'due.csv');
  await writeFile(file, ['key,amount,currency,payment_method,email', ...lines].join('\n'));
  return file;
}

const chargeFile = (fixture: Fixture, file: string): Promise<RunResult> =>
  fixture.run(['charge', '--file', file, '--json']);

interface Line {
  readonly result: string;
  readonly transaction: { readonly failure_kind: string | null } | null;
}

describe.each(targets)('a file of 30 lines with the wrong key, on $name', (target) => {
  it('stops after five refusals alike, tells the operator once and no customer; the same file goes on with the right key', async () => {
    const fixture = await aFixture(target);
    const file = await aFile();
    fixture.sandbox.setFaults(
      `payment_intents.create#*=error:400:invalid_request_error:resource_missing:param=payment_method:message=${OTHER_MODE}`,
    );
    const wrong = await chargeFile(fixture, file);
    fixture.sandbox.setFaults('');
    expect(wrong.exitCode).toBe(2);
    expect(wrong.jsonLines()).toHaveLength(5);
    for (const line of wrong.jsonLines() as Line[]) expect(line.result).toBe('failed');
    expect(wrong.stderr).toContain('"requests_refused"');
    expect(fixture.sandbox.books.counts).toEqual({ 'payment_intents.create': 5 });

    expect(await fixture.pass()).toMatchObject({ exitCode: 0, report: { due: 0 } });
    expect(fixture.mails()).toEqual([
      { to: 'operator@example.com', subject: 'Stripe refuses charges: resource_missing' },
    ]);

    const right = await chargeFile(fixture, file);
    expect(right.exitCode).toBe(0);
    expect(right.jsonLines()).toHaveLength(LINES);
    expect(fixture.sandbox.books.succeededCount()).toBe(LINES);
    expect(fixture.sandbox.books.paymentIntents).toHaveLength(LINES);
    await fixture.pass();
    expect(fixture.mails().filter(({ to }) => to !== 'operator@example.com')).toHaveLength(LINES);
    await fixture.verifyAudit();
  });
});

const OWN_MISTAKES = [
  {
    what: 'a method that is not there',
    flags: chargeFlags('order-9', 'pm_1NoSuch'),
    code: 'resource_missing',
  },
  {
    what: 'an amount that is too small',
    flags: chargeFlags('order-9').with(4, '0.10'),
    code: 'amount_too_small',
  },
  {
    what: 'a customer that is not there',
    flags: [...chargeFlags('order-9'), '--customer', 'cus_NoSuch'],
    code: 'resource_missing',
  },
];

describe.each(OWN_MISTAKES)('$what', ({ flags, code }) => {
  it("is told as the shop's own, exit 2, without a letter to the customer; corrected, the same key is charged", async () => {
    const fixture = await aFixture(sqlite);
    const run = await fixture.run(flags);
    expect(run).toMatchObject({ exitCode: 2, stderr: '' });
    expect(run.json()).toMatchObject({
      status: 'failed',
      failure_kind: 'request',
      failure_code: code,
      payment_intent: null,
    });
    expect((await fixture.run(flags.filter((flag) => flag !== '--json'))).stdout).not.toMatch(
      /bank|card company/i,
    );
    await fixture.pass();
    expect(fixture.mails().map(({ to }) => to)).toEqual(['operator@example.com']);

    const corrected = await fixture.charge('order-9');
    expect(corrected.exitCode).toBe(0);
    expect(fixture.sandbox.books.paymentIntents).toMatchObject([
      { status: 'succeeded', amount_received: 4999 },
    ]);
    const { row } = await fixture.look('order-9');
    expect(row).toMatchObject({
      status: 'succeeded',
      attempt: 3,
      amount: 4999,
      customer: null,
      payment_method: 'pm_card_visa',
    });
    // What was corrected is in the audit trail.
    expect(row.audit.map(({ action }) => action)).toContain('new_attempt');
    await fixture.verifyAudit();
  });
});

describe('a request that is refused after an intent was made', () => {
  it('is fenced off and the key is free for the same parameters only', async () => {
    const fixture = await aFixture(sqlite);
    const run = await fixture.charge('order-9', {
      faults:
        'payment_intents.confirm=error:400:invalid_request_error:payment_intent_incompatible_payment_method',
    });
    expect(run.exitCode).toBe(2);
    expect(run.json()).toMatchObject({
      status: 'failed',
      failure_kind: 'request',
      stripe_status: 'canceled',
    });
    const other = await fixture.charge('order-9', { method: 'pm_card_mastercard' });
    expect(other.exitCode).toBe(4);
    expect(JSON.parse(other.stderr)).toMatchObject({
      error: { code: 'key_reused', fields: ['payment_method'] },
    });
    expect((await fixture.charge('order-9')).exitCode).toBe(0);
    expect(fixture.sandbox.books.paymentIntents.map(({ status }) => status)).toEqual([
      'canceled',
      'succeeded',
    ]);
    await fixture.pass();
    expect(
      fixture
        .mails()
        .map(({ to }) => to)
        .sort(),
    ).toEqual(['operator@example.com', 'order-9@example.com']);
    await fixture.verifyAudit();
  });
});

describe('a flag without its value', () => {
  it('is no key: exit 2, and nothing is sent; with = it is meant', async () => {
    const fixture = await aFixture(sqlite);
    const line = [
      'charge',
      '--amount',
      '49.99',
      '--currency',
      'usd',
      '--payment-method',
      'pm_card_visa',
    ];
    for (const flag of ['--key', '--reference', '--description', '--email', '--customer']) {
      const rest = flag === '--key' ? [] : ['--key', 'order-1'];
      const run = await fixture.run([...line, ...rest, flag, '--json']);
      expect({ flag, exit: run.exitCode, stdout: run.stdout }).toEqual({
        flag,
        exit: 2,
        stdout: '',
      });
      expect(run.stderr).toContain(`${flag} has no value`);
    }
    expect(fixture.sandbox.books.requests).toEqual([]);
    const meant = await fixture.run([...line, '--key=--json', '--json']);
    expect(meant.exitCode).toBe(0);
    expect(meant.json()).toMatchObject({ key: '--json' });
  });
});
