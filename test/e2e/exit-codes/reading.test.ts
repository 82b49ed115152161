import { describe, expect, it } from 'vitest';
import { freshPostgresDatabase } from '../../support/postgres.ts';
import { sqlite } from '../../storage/targets.ts';
import { pageDocument, shownDocument, verificationDocument } from '../verdicts/documents.ts';
import { aFixture, refusingUrl } from '../verdicts/fixture.ts';
import { onlyDocument, refusalOf } from './refusals.ts';
import { startPayrecon } from './running.ts';

describe('commands that read end with', () => {
  it('0 and one document, 6 for what is not there, 2 for what cannot be meant', async () => {
    const fixture = await aFixture(sqlite);
    await fixture.charge('one');
    const list = await fixture.run(['list', '--json']);
    expect(list).toMatchObject({ exitCode: 0, stderr: '' });
    expect(pageDocument.parse(onlyDocument(list.stdout)).data).toMatchObject([{ key: 'one' }]);
    const show = await fixture.run(['show', 'one', '--json']);
    expect(show).toMatchObject({ exitCode: 0, stderr: '' });
    expect(shownDocument.parse(onlyDocument(show.stdout)).audit).toHaveLength(3);

    for (const args of [
      ['show', 'two', '--json'],
      ['audit', 'verify', 'two', '--json'],
      ['notifications', 'resend', 'two', '--json'],
    ]) {
      expect({ args, ...refusalOf(await fixture.run(args)) }).toMatchObject({
        exitCode: 6,
        transaction: null,
      });
    }
    expect(
      refusalOf(await fixture.run(['list', '--status', 'payed', '--limit', '0', '--json'])),
    ).toMatchObject({ exitCode: 2 });
    expect(refusalOf(await fixture.run(['show', '--json']))).toMatchObject({
      exitCode: 2,
      code: 'missing_argument',
    });
    expect(refusalOf(await fixture.run(['lst', '--json']))).toMatchObject({
      exitCode: 2,
      code: 'unknown_command',
    });
    expect(await fixture.run(['completion', 'bash'])).toMatchObject({ exitCode: 0, stderr: '' });
    expect(await fixture.run(['completion', 'csh'])).toMatchObject({ exitCode: 2, stdout: '' });
    expect(await fixture.run(['--help'])).toMatchObject({ exitCode: 0, stderr: '' });
  });

  it('69 when the database is out of reach, 2 when there is no ledger in it', async () => {
    const fixture = await aFixture(sqlite);
    const nowhere = {
      DATABASE_URL: `${(await refusingUrl()).replace('http://', 'postgres://nobody@')}/payrecon`,
    };
    for (const args of [['list'], ['status'], ['audit', 'verify'], ['migrate']]) {
      expect({
        args,
        ...refusalOf(await fixture.run([...args, '--json'], { env: nowhere })),
      }).toMatchObject({ exitCode: 69, transaction: null });
    }
    const database = await freshPostgresDatabase();
    const env = { DATABASE_URL: database.url };
    expect(refusalOf(await fixture.run(['list', '--json'], { env }))).toMatchObject({
      exitCode: 2,
      code: 'no_ledger',
    });
    const made = await fixture.run(['migrate', '--json'], { env });
    expect(made).toMatchObject({
      exitCode: 0,
      stderr: expect.stringMatching(
        /^\{"notice":"made a new ledger at postgres:.*"\}\n$/,
      ) as string,
    });
    expect(await fixture.run(['list', '--json'], { env })).toMatchObject({
      exitCode: 0,
      stderr: '',
    });
    expect(refusalOf(await fixture.run(['migrate', 'down', '--json'], { env }))).toMatchObject({
      exitCode: 2,
      code: 'not_confirmed',
      fields: ['yes'],
    });
    await database.drop();
  });

  it('0, quietly, when their reader has seen enough', async () => {
    const fixture = await aFixture(sqlite);
    const running = await startPayrecon(['list', '--json'], fixture.env, { deafTo: 'stdout' });
    expect(await running.end).toMatchObject({ exitCode: 0, stderr: '' });
  });
});

describe('audit verify ends with', () => {
  it('0 while every hash fits, and 5 when somebody has changed an entry, which it names', async () => {
    const fixture = await aFixture(sqlite);
    await fixture.charge('tampered');
    await fixture.verifyAudit();
    const raw = await fixture.database.raw();
    await raw.run('drop trigger audit_events_no_update');
    await raw.run("update audit_events set detail = '{}' where seq = 2");
    const found = await fixture.run(['audit', 'verify', 'tampered', '--json']);
    expect(found).toMatchObject({ exitCode: 5, stderr: '' });
    expect(verificationDocument.parse(onlyDocument(found.stdout)).first_bad).toMatchObject({
      seq: 2,
    });
  });
});

describe('doctor ends with', () => {
  it('0 when all is well, 2 for what a setting can mend, 69 for what is out of reach', async () => {
    const fixture = await aFixture(sqlite, {
      sandbox: { secretKeys: ['sk_test_theRightOne1234'] },
    });
    const checks = async (env: Readonly<Record<string, string>>): Promise<unknown> => {
      const { exitCode, stderr, stdout } = await fixture.run(['doctor', '--json'], { env });
      return { exitCode, stderr, document: onlyDocument(stdout) };
    };
    expect(await checks({ STRIPE_SECRET_KEY: 'sk_test_theRightOne1234' })).toMatchObject({
      exitCode: 0,
      stderr: '',
      document: { ok: true },
    });
    expect(await checks({})).toMatchObject({ exitCode: 2, stderr: '', document: { ok: false } });
    expect(await checks({ STRIPE_API_BASE: await refusingUrl() })).toMatchObject({
      exitCode: 69,
      stderr: '',
      document: { ok: false },
    });
    expect(await checks({ PAYRECON_MAX_ATTEMPTS: 'five' })).toMatchObject({
      exitCode: 2,
      document: { ok: false, checks: [{ name: 'configuration', state: 'failed' }] },
    });
  });
});

describe('notifications send ends with', () => {
  it('2 without or with a wrong key, 69 when the mail service does not take it now, 0 when it does', async () => {
    const fixture = await aFixture(sqlite);
    await fixture.charge('told');
    const send = async (
      faults: string,
      env: Readonly<Record<string, string>> = {},
    ): Promise<unknown> => {
      fixture.sandbox.setFaults(faults);
      const { exitCode, stderr, stdout } = await fixture.run(['notifications', 'send', '--json'], {
        env,
      });
      return { exitCode, stderr, document: onlyDocument(stdout) };
    };
    expect(await send('', { SENDGRID_API_KEY: '' })).toMatchObject({
      exitCode: 2,
      stderr: '',
      document: { configured: false, queued: 1 },
    });
    expect(await send('mail.send=401')).toMatchObject({
      exitCode: 2,
      stderr: '',
      document: { sent: 0, queued: 1 },
    });
    expect(await send('mail.send=500_before')).toMatchObject({
      exitCode: 69,
      stderr: '',
      document: { sent: 0, retried: 1, queued: 1 },
    });
    const raw = await fixture.database.raw();
    await raw.run('update notifications set next_attempt_at = created_at');
    expect(await send('')).toMatchObject({
      exitCode: 0,
      stderr: '',
      document: { sent: 1, queued: 0 },
    });
    expect(fixture.mails()).toEqual([
      { to: 'told@example.com', subject: 'Your payment of $49.99 went through' },
    ]);
    const list = await fixture.run(['notifications', 'list', '--json']);
    expect(list).toMatchObject({ exitCode: 0, stderr: '' });
    expect(onlyDocument(list.stdout)).toMatchObject({
      data: [{ kind: 'customer_succeeded', state: 'sent' }],
    });
  });
});
