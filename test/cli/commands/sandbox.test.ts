import { createServer, type AddressInfo } from 'node:net';
import stringWidth from 'string-width';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readSandbox } from '../../../src/cli/commands/sandbox.ts';
import { followRequests, requestLine } from '../../../src/cli/render/views/sandbox.ts';
import { createTheme } from '../../../src/cli/render/parts/theme.ts';
import type { Output } from '../../../src/cli/streams.ts';
import { API_VERSION } from '../../../src/sandbox/stripe/render/objects.ts';
import { type Books, startSandbox } from '../../../src/sandbox/server.ts';
import { commandLine } from '../support/command-line.ts';

type SeenRequest = Books['requests'][number];

const confirm: SeenRequest = {
  n: 1,
  endpoint: 'payment_intents.confirm',
  method: 'POST',
  path: '/v1/payment_intents/pi_1/confirm',
  idempotency_key: 'k',
  at: 0,
  wire_at: Date.UTC(2026, 10, 22, 6, 11, 5, 123),
  fault: null,
  status: 200,
  executed: true,
  replayed: false,
  duration_ms: 12.3,
};

function lines(columns: number): Output & { readonly text: () => string } {
  let text = '';
  return {
    isTerminal: true,
    columns,
    colourLevel: 0,
    write: (more) => {
      text += more;
    },
    text: () => text,
  };
}

describe('sandbox', () => {
  it('reads its flags', () => {
    expect(readSandbox({})).toEqual({
      port: 12_111,
      seed: null,
      faults: '',
      dataDir: null,
      keys: [],
      liveKeys: false,
    });
    expect(readSandbox({ port: '0', seed: '42', faults: 'outage', data: '/tmp/x' })).toEqual({
      port: 0,
      seed: 42,
      faults: 'outage',
      dataDir: '/tmp/x',
      keys: [],
      liveKeys: false,
    });
    const shops = {
      key: ['sk_test_ofTheNorth=acct_1North', 'rk_live_ofTheSouth=acct_1South'],
      liveKeys: true,
    };
    const keys = [
      { key: 'sk_test_ofTheNorth', account: 'acct_1North' },
      { key: 'rk_live_ofTheSouth', account: 'acct_1South' },
    ];
    expect(readSandbox(shops)).toMatchObject({ keys, liveKeys: true });
  });

  it('prints what to export, on stdout, and ends with the signal', async () => {
    const { code, stdout, stderr } = await commandLine(
      ['sandbox', '--port', '0', '--faults', 'payment_intents.confirm#1=drop_after'],
      { stoppedBy: 'SIGINT' },
    );
    expect(code).toBe(130);
    const exported = new Map(
      [...stdout.matchAll(/^export (\w+)=(\S+)$/gm)].map(([, name = '', value = '']) => [
        name,
        value,
      ]),
    );
    expect(exported.get('STRIPE_SECRET_KEY')).toMatch(/^sk_test_sandbox\w+$/);
    expect(exported.get('SENDGRID_API_KEY')).toMatch(/^SG\./);
    expect(exported.size).toBe(6);
    expect(exported.get('STRIPE_API_BASE')).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(exported.get('SENDGRID_API_BASE')).toBe(exported.get('STRIPE_API_BASE'));
    expect(stderr).toContain('Ctrl-C');
  });

  it('refuses faults that are none: exit 2', async () => {
    const { code, stdout, stderr } = await commandLine([
      'sandbox',
      '--port',
      '0',
      '--faults',
      'payment_intents.confirm=explode',
    ]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('--faults: ');
    expect(stderr).toContain('explode');
  });

  it.each([
    [['--key', 'sk_test_ofAnotherShop'], 'write KEY=ACCOUNT'],
    [['--key', 'sk_test_short=acct_1North'], 'at least 8 letters and digits'],
    [['--key', 'sk_test_ofAnotherShop=north'], '"north" is no account'],
  ])('refuses %j: exit 2', async (flags, message) => {
    const { code, stdout, stderr } = await commandLine(['sandbox', '--port', '0', ...flags]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('--key: ');
    expect(stderr).toContain(message);
  });

  it('says in its help how to control it, and each example works', async () => {
    const { stdout } = await commandLine(['sandbox', '--help']);
    expect(stdout).toContain(API_VERSION);
    const sandbox = await startSandbox({ seed: 1 });
    onTestFinished(() => sandbox.close());
    const specs = [...stdout.matchAll(/--faults (?:'([^']+)'|(\w+))  /g)].map(
      ([, quoted, word]) => quoted ?? word ?? '',
    );
    expect(specs.length).toBeGreaterThan(4);
    for (const spec of specs) expect(() => sandbox.setFaults(spec)).not.toThrow();
    sandbox.setFaults('');
    const headers = {
      authorization: 'Bearer sk_test_sandbox0123456789abcdef',
      'content-type': 'application/x-www-form-urlencoded',
    };
    const form =
      'amount=4200&currency=usd&payment_method=pm_card_authenticationRequired&confirm=true&allowed_payment_method_types[]=card';
    const { id } = (await (
      await fetch(`${sandbox.url}/v1/payment_intents`, { method: 'POST', headers, body: form })
    ).json()) as { id: string };
    const controls = [...stdout.matchAll(/^ {2}(GET|POST|DELETE) +(\S+)(?: +(\{.*?\})(?: |$))?/gm)];
    expect(controls.map(([, method, path]) => `${method ?? ''} ${path ?? ''}`)).toEqual([
      'POST clock',
      'POST faults',
      'DELETE faults',
      'POST keys',
      'POST payment_intents/ID/settle',
      'GET books',
      'POST reset',
    ]);
    for (const [, method, path = '', body] of controls) {
      const answer = await fetch(`${sandbox.url}/_sandbox/${path.replace('ID', id)}`, {
        method,
        ...(body === undefined ? {} : { body }),
      } as RequestInit);
      expect([path, answer.status]).toEqual([path, 200]);
    }
  });

  it('says at its start how to control it', async () => {
    const { stdout, stderr } = await commandLine(['sandbox', '--port', '0', '--live-keys'], {
      stoppedBy: 'SIGINT',
    });
    const url = /STRIPE_API_BASE=(\S+)/.exec(stdout)?.[1] ?? '';
    expect(stderr).toContain(`curl -d '{"advance_ms":90000000}'`);
    expect(stderr).toContain(`${url}/_sandbox/clock`);
    expect(stderr).toContain('payrecon sandbox --help');
    expect(stderr).toMatch(/sk_live_\w{8,}/);
  });

  it('says that its port is taken: exit 2', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const { code, stderr } = await commandLine(['sandbox', '--port', String(port)]);
    expect(code).toBe(2);
    expect(stderr).toContain(`--port: ${String(port)} is taken`);
  });
});

describe('the requests on a terminal', () => {
  it('are a line each', () => {
    const theme = createTheme({ colourLevel: 0 });
    expect(requestLine(confirm, lines(80), theme)).toBe(
      '06:11:05.123  payment_intents.confirm   200           12.3 ms\n',
    );
    const lost = { ...confirm, status: null, fault: 'drop_after', replayed: true };
    expect(requestLine(lost, lines(80), theme)).toBe(
      '06:11:05.123  payment_intents.confirm   no answer     12.3 ms  drop_after repla…\n',
    );
    const unknown = { ...confirm, endpoint: 'unknown', path: `/v1/\u001b[31m${'x'.repeat(200)}` };
    const line = requestLine(unknown, lines(80), theme);
    expect(line).toContain(String.raw`/v1/\e[31mxxx`);
    expect(stringWidth(line.trimEnd())).toBeLessThanOrEqual(80);
  });

  it('are printed once each, when they have ended', () => {
    const output = lines(140);
    const open: SeenRequest = { ...confirm, n: 2, status: null, duration_ms: null };
    const books = { requests: [confirm, open] };
    const stop = followRequests(books, output);
    stop();
    expect(output.text().split('\n')).toHaveLength(2);
    const again = followRequests({ requests: [{ ...open, status: 500, duration_ms: 3 }] }, output);
    again();
    expect(output.text()).toContain('500');
  });
});
