import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Mailer } from '../../src/app/ports.ts';
import { openMailer, type MailerOptions } from '../../src/email/mailer.ts';
import {
  deadPort,
  json,
  reset,
  startRawServer,
  type Handler,
  type RawServer,
} from '../stripe/raw-server.ts';
import { chooseProxy, type Proxy } from '../../src/proxy/choose.ts';
import { startConnectProxy, type ConnectProxy, type ProxyRules } from '../proxy/connect-proxy.ts';
import { KINDS, MAIL_KEY, notification } from './samples.ts';

const open: AsyncDisposable[] = [];

afterEach(async () => {
  for (const server of open.splice(0)) await server[Symbol.asyncDispose]();
});

function mailerAt(apiBase: string | null, more: Partial<MailerOptions> = {}): Mailer {
  return openMailer({
    apiKey: MAIL_KEY,
    apiBase,
    from: 'The Shop <pay@example.com>',
    operatorEmail: 'ops@example.com',
    ...more,
  });
}

async function talk(
  handler: Handler,
  more: Partial<MailerOptions> = {},
): Promise<{ mailer: Mailer; server: RawServer }> {
  const server = await startRawServer(handler);
  open.push(server);
  return { mailer: mailerAt(server.base, more), server };
}

const accepted: Handler = (_seen, response) =>
  response.writeHead(202, { 'x-message-id': 'msg_1' }).end();

function refusal(message: string, field: string | null = null): unknown {
  return { errors: [{ message, field, help: null }] };
}

describe('what is sent', () => {
  it('is one e-mail with one identity, in text and HTML', async () => {
    const { mailer, server } = await talk(accepted);
    expect(await mailer.send(notification('customer_succeeded'))).toEqual({
      kind: 'sent',
      messageId: 'msg_1',
    });
    const [request] = server.seen;
    expect([request?.method, request?.path, request?.headers.authorization]).toEqual([
      'POST',
      '/v3/mail/send',
      `Bearer ${MAIL_KEY}`,
    ]);
    expect(JSON.parse(request!.body)).toEqual({
      from: { name: 'The Shop', email: 'pay@example.com' },
      subject: 'Your payment of $49.99 to The Shop went through',
      personalizations: [{ to: [{ email: 'ann@example.com' }] }],
      content: [
        { type: 'text/plain', value: expect.stringContaining('you were charged once') as string },
        {
          type: 'text/html',
          value: expect.stringContaining(
            '<h1>Your payment of $49.99 to The Shop went through',
          ) as string,
        },
      ],
      custom_args: { payrecon_notification: 'ntf_01' },
      headers: { 'X-Payrecon-Notification': 'ntf_01' },
      tracking_settings: {
        click_tracking: { enable: false, enable_text: false },
        open_tracking: { enable: false },
      },
    });
  });

  it.each(KINDS)('%s goes to the right address', async (kind) => {
    const { mailer, server } = await talk(accepted);
    await mailer.send(notification(kind));
    const body = JSON.parse(server.seen[0]!.body) as {
      personalizations: { to: { email: string }[] }[];
    };
    expect(body.personalizations[0]!.to[0]!.email).toBe(
      kind.startsWith('customer') ? 'ann@example.com' : 'ops@example.com',
    );
  });

  it('has the answers sent where they are wanted, and says so', async () => {
    const { mailer, server } = await talk(accepted, {
      from: '"Shoes, Inc." <pay@example.com>',
      replyTo: 'Help & Co <help@example.com>',
    });
    await mailer.send(notification('customer_failed'));
    await mailer.send(notification('operator_stuck'));
    const [toCustomer, toOperator] = server.seen.map(
      ({ body }) => JSON.parse(body) as { content: { value: string }[] },
    );
    expect(toCustomer).toMatchObject({
      from: { name: 'Shoes, Inc.', email: 'pay@example.com' },
      reply_to: { name: 'Help & Co', email: 'help@example.com' },
      subject: 'Your payment of $49.99 to Shoes, Inc. did not go through',
    });
    expect(toCustomer?.content[0]?.value).toContain('answer this e-mail');
    // The operator's answers are nobody's questions about a payment.
    expect(toOperator).not.toHaveProperty('reply_to');
  });

  it('names no shop where none is known', async () => {
    const { mailer, server } = await talk(accepted, { from: 'pay@example.com' });
    await mailer.send(notification('customer_succeeded'));
    expect(JSON.parse(server.seen[0]!.body)).toMatchObject({
      from: { email: 'pay@example.com' },
      subject: 'Your payment of $49.99 went through',
    });
    expect(server.seen[0]!.body).not.toMatch(/reply_to|answer this e-mail/);
  });

  it('takes an address as it is, whatever it looks like', async () => {
    const { mailer, server } = await talk(accepted);
    await mailer.send(notification('customer_failed', { to: '"<odd>"@example.com' }));
    expect(server.seen[0]!.body).toContain(JSON.stringify('"<odd>"@example.com'));
  });

  it('uses a base URL with a path and without a slash', async () => {
    const { mailer, server } = await talk(accepted);
    await mailer.send(notification('customer_failed'));
    const below = mailerAt(`${server.base}/mail/`);
    await below.send(notification('customer_failed'));
    expect(server.seen.map(({ path }) => path)).toEqual(['/v3/mail/send', '/mail/v3/mail/send']);
  });
});

describe('when e-mail is not set up', () => {
  it.each([
    [{ apiKey: null }, 'SENDGRID_API_KEY'],
    [{ from: null }, 'PAYRECON_MAIL_FROM'],
  ])('%j stays queued', async (missing, name) => {
    const mailer = mailerAt('http://127.0.0.1:1', missing);
    expect(mailer.configured).toBe(false);
    expect(await mailer.send(notification('customer_failed'))).toEqual({
      kind: 'not_tried',
      message: expect.stringContaining(name) as string,
    });
  });

  it('an operator without an address is named as the setting to make', async () => {
    const { mailer, server } = await talk(accepted, { operatorEmail: null });
    expect(mailer.configured).toBe(true);
    expect(await mailer.send(notification('operator_stuck'))).toEqual({
      kind: 'not_tried',
      message: expect.stringContaining('PAYRECON_OPERATOR_EMAIL') as string,
    });
    expect(await mailer.send(notification('customer_failed', { to: null }))).toMatchObject({
      kind: 'rejected',
    });
    expect(server.seen).toEqual([]);
  });
});

describe('answers', () => {
  const cases: readonly [status: number, body: unknown, kind: string, message: string | null][] = [
    [202, null, 'sent', null],
    [200, {}, 'unknown', 'SendGrid answered 200 (is SENDGRID_API_BASE the address of SendGrid?)'],
    [200, '<html>welcome</html>', 'unknown', null],
    [204, null, 'unknown', 'SendGrid answered 204'],
    [
      400,
      refusal('Does not contain a valid address.', 'personalizations.0.to.0.email'),
      'rejected',
      'SendGrid answered 400: personalizations.0.to.0.email: Does not contain a valid address.',
    ],
    [
      400,
      refusal('The from object must be provided.', 'from.email'),
      'unauthorized',
      'SendGrid answered 400: from.email: The from object must be provided.',
    ],
    [
      401,
      refusal('The provided authorization grant is invalid'),
      'unauthorized',
      'SendGrid answered 401: The provided authorization grant is invalid',
    ],
    [
      403,
      refusal('The from address does not match a verified Sender Identity.', 'from'),
      'unauthorized',
      null,
    ],
    [413, refusal('too large'), 'rejected', 'SendGrid answered 413: too large'],
    [404, null, 'retry', 'SendGrid answered 404 (is SENDGRID_API_BASE the address of SendGrid?)'],
    [302, null, 'retry', 'SendGrid answered 302 (is SENDGRID_API_BASE the address of SendGrid?)'],
    [407, null, 'retry', null],
    [409, refusal('busy'), 'retry', 'SendGrid answered 409: busy'],
    [429, refusal('too many requests'), 'retry', 'SendGrid answered 429: too many requests'],
    [500, '<html>', 'retry', 'SendGrid answered 500'],
    [503, { errors: 'x' }, 'retry', 'SendGrid answered 503'],
    [503, { errors: [null, 5, {}] }, 'retry', 'SendGrid answered 503'],
  ];

  it.each(cases)('%d %j is %s', async (status, body, kind, message) => {
    const { mailer } = await talk((_seen, response) => {
      if (body === null)
        response.writeHead(status, status === 302 ? { location: 'http://127.0.0.1:1/' } : {}).end();
      else json(response, status, body);
    });
    const outcome = await mailer.send(notification('customer_failed'));
    expect(outcome.kind).toBe(kind);
    if (message !== null) expect(outcome).toEqual({ kind, message });
  });

  it.each(['a', 'a@', '@', 'SG.', 'Bearer ', '\u200b'])(
    'are read in a moment, whatever they are made of: %j',
    async (unit) => {
      const { mailer } = await talk((_seen, response) =>
        json(response, 400, refusal(unit.repeat(900_000 / Buffer.byteLength(unit)))),
      );
      const outcome = await mailer.send(notification('customer_failed'));
      expect(outcome.kind).toBe('rejected');
      expect('message' in outcome ? outcome.message.length : 0).toBeLessThan(1_000);
    },
  );

  it('show neither the key nor a whole address', async () => {
    const { mailer } = await talk((_seen, response) =>
      json(
        response,
        400,
        refusal(`bad ${MAIL_KEY} Bearer SG.x.y for ann.lee@example.com\r\n<ops@example.com>`),
      ),
    );
    const outcome = await mailer.send(notification('customer_failed'));
    expect(outcome).toEqual({
      kind: 'rejected',
      message:
        'SendGrid answered 400: bad [key] Bearer [key] for an…@example.com <op…@example.com>',
    });
  });

  it('an endless one is given up', async () => {
    const { mailer } = await talk((_seen, response) => {
      response.writeHead(202);
      const chunk = Buffer.alloc(256 * 1024, 'x');
      const more = (): void => {
        while (!response.destroyed)
          if (!response.write(chunk)) return void response.once('drain', more);
      };
      more();
    });
    const outcome = await mailer.send(notification('customer_failed'));
    expect(outcome).toEqual({
      kind: 'unknown',
      message: 'no answer from SendGrid (ERR_BAD_RESPONSE); it may have been sent',
    });
  });
});

describe('no answer', () => {
  it('nobody listening proves that nothing was sent', async () => {
    const mailer = mailerAt(`http://127.0.0.1:${await deadPort()}`);
    expect(await mailer.send(notification('customer_failed'))).toEqual({
      kind: 'retry',
      message: 'SendGrid cannot be reached: ECONNREFUSED',
    });
  });

  it('a reset may have come after it was taken', async () => {
    const { mailer } = await talk((_seen, response) => reset(response));
    const outcome = await mailer.send(notification('customer_failed'));
    expect(outcome).toEqual({
      kind: 'unknown',
      message: 'no answer from SendGrid (ECONNRESET); it may have been sent',
    });
  });

  it.each([
    ['silence', (() => undefined) satisfies Handler],
    [
      'a drip',
      ((_seen, response) => {
        response.writeHead(202);
        const timer = setInterval(() => response.write(' '), 20);
        response.once('close', () => clearInterval(timer));
      }) satisfies Handler,
    ],
  ])('%s ends at the deadline, with the connection', async (_name, handler: Handler) => {
    const { mailer, server } = await talk(handler, { deadlineMs: 250 });
    const begun = performance.now();
    expect(await mailer.send(notification('customer_failed'))).toEqual({
      kind: 'unknown',
      message: 'SendGrid did not answer within 250 ms; it may have been sent',
    });
    expect(performance.now() - begun).toBeLessThan(1_500);
    for (let i = 0; i < 50 && server.connections() > 0; i += 1) await sleep(10);
    expect(server.connections()).toBe(0);
  });

  it('is the same in a folder with a bracket in its name, and says nothing on stderr about the key', async () => {
    const parent = await mkdtemp(join(tmpdir(), 'payrecon-mail-'));
    const folder = join(parent, 'a(b[c');
    await mkdir(folder);
    const { server } = await talk((_seen, response) =>
      json(response, 400, refusal('no', 'subject')),
    );
    const here = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);
    const script = [
      `const { openMailer } = await import(${here('../../src/email/mailer.ts')});`,
      `const { notification } = await import(${here('./samples.ts')});`,
      `const mailer = openMailer({ apiKey: 'a key of another form', apiBase: '${server.base}', from: 'a@example.com', operatorEmail: null });`,
      `process.chdir(${JSON.stringify(folder)});`,
      `console.log((await mailer.send(notification('customer_failed'))).message);`,
    ].join('\n');
    try {
      const { stdout, stderr } = await promisify(execFile)(
        process.execPath,
        ['--import', 'tsx', '--input-type=module', '-e', script],
        { timeout: 15_000 },
      );
      expect({ stdout, stderr }).toEqual({
        stdout: 'SendGrid answered 400: subject: no\n',
        stderr: '',
      });
    } finally {
      await rm(parent, { recursive: true });
    }
  });
});

describe('through a proxy', () => {
  async function through(
    rules: ProxyRules,
  ): Promise<Awaited<ReturnType<typeof talk>> & { readonly proxy: ConnectProxy }> {
    const server = await startRawServer(accepted);
    const proxy = await startConnectProxy(rules);
    open.push(server, proxy);
    const mailer = mailerAt(server.base, { proxy: proxyOf(`ann:hunter2@${proxy.shown}`) });
    return { mailer, server, proxy };
  }

  function proxyOf(address: string): Proxy {
    const choice = chooseProxy('http://127.0.0.1', { HTTP_PROXY: address });
    if (choice.kind !== 'proxy') throw new Error(choice.kind);
    return choice.proxy;
  }

  it('an e-mail goes through a tunnel that has logged in, and leaves no connection', async () => {
    const { mailer, server, proxy } = await through({});
    expect(await mailer.send(notification('customer_succeeded'))).toMatchObject({ kind: 'sent' });
    expect(proxy.asked).toEqual([new URL(server.base).host]);
    expect(proxy.authorizations).toEqual([
      `Basic ${Buffer.from('ann:hunter2').toString('base64')}`,
    ]);
    expect([proxy.others, server.seen.length]).toEqual([[], 1]);
    while (proxy.connections() > 0) await sleep(10);
  });

  it.each([400, 403, 407, 502])(
    'a refusal of the tunnel with %i keeps the e-mail for later: nothing was sent',
    async (status) => {
      const { mailer, server, proxy } = await through({ behave: () => status });
      const outcome = await mailer.send(notification('customer_succeeded'));
      expect(outcome).toEqual({
        kind: 'retry',
        message: expect.stringContaining(
          `SendGrid cannot be reached: the proxy ${proxy.shown} answered ${String(status)}`,
        ) as string,
      });
      expect(JSON.stringify(outcome)).not.toMatch(/hunter2|ann:/);
      expect(server.seen).toEqual([]);
    },
  );

  it('a proxy where nobody listens keeps the e-mail for later', async () => {
    const mailer = mailerAt('http://127.0.0.1:1', {
      proxy: proxyOf(`127.0.0.1:${String(await deadPort())}`),
    });
    expect(await mailer.send(notification('customer_succeeded'))).toMatchObject({
      kind: 'retry',
      message: expect.stringContaining('cannot be reached (ECONNREFUSED)') as string,
    });
  });

  it('a proxy that is only in the environment of the process is not used', async () => {
    const { mailer, server, proxy } = await through({});
    const direct = mailerAt(server.base);
    vi.stubEnv('HTTP_PROXY', `http://${proxy.shown}`);
    try {
      expect(await direct.send(notification('customer_succeeded'))).toMatchObject({ kind: 'sent' });
    } finally {
      vi.unstubAllEnvs();
    }
    expect(proxy.asked).toEqual([]);
    expect(mailer.configured).toBe(true);
  });
});
