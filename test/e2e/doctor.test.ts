import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { startSandbox, type Sandbox, type SandboxOptions } from '../../src/sandbox/server.ts';
import { aPaymentWorld } from '../support/payment-world.ts';
import { postgres, sqlite } from '../storage/targets.ts';
import { runPayrecon } from '../support/binary.ts';
import { temporaryFolder } from '../support/temporary.ts';

/* What doctor finds in the surroundings, and that each finding says what to do. */

const open: Sandbox[] = [];

afterEach(async () => {
  for (const sandbox of open.splice(0)) await sandbox.close();
});

async function started(options: SandboxOptions = {}): Promise<Sandbox> {
  const sandbox = await startSandbox(options);
  open.push(sandbox);
  return sandbox;
}

interface Check {
  readonly name: string;
  readonly state: string;
  readonly message: string;
}

interface Seen {
  readonly exitCode: number | undefined;
  readonly checks: readonly Check[];
}

async function doctor(env: Readonly<Record<string, string>>, home?: string): Promise<Seen> {
  const result = await runPayrecon(['doctor', '--json'], {
    env: { STRIPE_SECRET_KEY: 'sk_test_doctor_00000000', ...env },
    ...(home === undefined ? {} : { home }),
  });
  const { checks } = result.json() as { readonly checks: readonly Check[] };
  return { exitCode: result.exitCode, checks };
}

function named(name: string, { checks }: Seen): readonly Check[] {
  return checks.filter((check) => check.name === name);
}

const HOUR_MS = 3_600_000;

describe.each([sqlite, postgres])('doctor on $name', (target) => {
  it('says that e-mails do not go out, how many, since when and why', async () => {
    const world = await aPaymentWorld(target);
    const charged = await world.run([
      ...['charge', '--key', 'order-1', '--amount', '49.99', '--currency', 'usd'],
      ...['--payment-method', 'pm_card_visa', '--email', 'ada@example.com'],
    ]);
    expect(charged.exitCode).toBe(0);
    world.sandbox.setFaults('mail.send#*=500_before');
    expect((await world.run(['notifications', 'send'])).exitCode).toBe(69);
    const after = async (ms: number): Promise<readonly string[]> => {
      const payrecon = await world.open('doctor', { overrides: { nowOffsetMs: () => ms } });
      const checks = await payrecon.doctor();
      return checks.filter(({ name }) => name === 'mail_queue').map(({ message }) => message);
    };
    expect(await after(HOUR_MS / 2)).toEqual([]);
    expect(await after(2 * HOUR_MS)).toEqual([
      expect.stringMatching(
        /^e-mails are not going out: 1 queued, the oldest for 2h \(its last error: SendGrid answered 500.*\)\. .*`payrecon notifications send`$/,
      ),
    ]);
  });
});

describe('doctor', () => {
  it('names the proxies and what goes through each, without their logins', async () => {
    const sandbox = await started();
    const seen = await doctor({
      STRIPE_API_BASE: sandbox.url,
      SENDGRID_API_KEY: 'SG.aaaaaaaaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb',
      HTTPS_PROXY: 'http://ann:hunter2@proxy.example:3128',
      HTTP_PROXY: 'http://ann:hunter2@other.example:3128',
      NO_PROXY: '127.0.0.1',
    });
    expect(named('proxy', seen)).toEqual([
      {
        name: 'proxy',
        state: 'ok',
        message:
          'SendGrid (https://api.sendgrid.com) is reached through proxy.example:3128 (HTTPS_PROXY); ' +
          `Stripe (${sandbox.url}) without a proxy`,
      },
    ]);
    expect(JSON.stringify(seen)).not.toContain('hunter2');
    expect(named('proxy', await doctor({ STRIPE_API_BASE: sandbox.url }))).toEqual([]);
  });

  it.each<[readonly string[], string, readonly string[]]>([
    [['payment_intents.list'], 'failed', ['PaymentIntents: Write']],
    [['payment_intents.retrieve'], 'failed', ['PaymentIntents: Write']],
    [['payment_intents.search'], 'warning', ['PaymentIntents: Write']],
    [['events.list'], 'warning', ['Events: Read']],
    [['payment_intents.list', 'events.list'], 'failed', ['PaymentIntents: Write', 'Events: Read']],
  ])('names the right that a restricted key lacks for %j', async (forbidden, state, rights) => {
    const key = 'rk_test_doctor_00000000';
    const sandbox = await started({ keys: [{ key, forbidden }] });
    const seen = await doctor({ STRIPE_API_BASE: sandbox.url, STRIPE_SECRET_KEY: key });
    const found = named('rights', seen).filter((check) => check.state !== 'ok');
    expect(found.map((check) => check.state)).toContain(state);
    expect(found.length).toBe(rights.length);
    for (const right of rights) {
      expect(found.some(({ message }) => message.includes(`allow "${right}"`))).toBe(true);
    }
    expect(seen.exitCode).toBe(state === 'failed' ? 2 : 0);
    expect(JSON.stringify(seen)).not.toContain(key);
  });

  it('says of a restricted key with all rights what was tried', async () => {
    const key = 'rk_test_doctor_00000000';
    const sandbox = await started({ keys: [{ key }] });
    const seen = await doctor({ STRIPE_API_BASE: sandbox.url, STRIPE_SECRET_KEY: key });
    expect(named('rights', seen)).toEqual([
      {
        name: 'rights',
        state: 'ok',
        message:
          'the restricted key may list, retrieve and search payment intents and read events; whether it may create, confirm and cancel them was not tried',
      },
    ]);
    expect(sandbox.books.count('payment_intents.create')).toBe(0);
  });

  it('names files that others may read or change', async () => {
    const sandbox = await started();
    const home = await temporaryFolder();
    const env = { STRIPE_API_BASE: sandbox.url, DATABASE_URL: `sqlite:${join(home, 'ledger.db')}` };
    await runPayrecon(['migrate'], { env, home });
    await chmod(join(home, 'ledger.db'), 0o666);
    const mailKey = join(home, 'mail.key');
    await writeFile(
      mailKey,
      'SG.aaaaaaaaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb',
    );
    await chmod(mailKey, 0o644);
    const seen = await doctor({ ...env, SENDGRID_API_KEY_FILE: mailKey }, home);
    expect(named('settings', seen).map(({ state, message }) => [state, message])).toEqual([
      ['warning', expect.stringMatching(/mail\.key .* can be read by other users .*chmod 600 it/)],
      ['warning', expect.stringMatching(/ledger\.db .* can be read and changed .*chmod 600 it/)],
    ]);
  });
});
