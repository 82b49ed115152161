import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { startSandbox, type Sandbox } from '../../src/sandbox/server.ts';
import { runPayrecon } from '../support/binary.ts';
import { CERTIFICATE, CERTIFICATE_KEY } from '../support/certificate.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { startConnectProxy, type ConnectProxy } from '../proxy/connect-proxy.ts';

const open: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

interface World {
  readonly sandbox: Sandbox;
  readonly proxy: ConnectProxy;
  readonly env: Record<string, string>;
}

async function world(): Promise<World> {
  const sandbox = await startSandbox();
  const proxy = await startConnectProxy();
  open.push(
    async () => await sandbox.close(),
    async () => await proxy[Symbol.asyncDispose](),
  );
  const env = {
    STRIPE_SECRET_KEY: 'sk_test_proxy_000000000000',
    STRIPE_API_BASE: sandbox.url,
    HTTP_PROXY: `http://ann:hunter2@${proxy.shown}`,
  };
  return { sandbox, proxy, env };
}

const CHARGE = [
  ...['charge', '--key', 'order-1', '--amount', '49.99', '--currency', 'usd'],
  ...['--payment-method', 'pm_card_visa'],
];

it('a charge goes through the proxy of the environment, and around it where NO_PROXY says so', async () => {
  const { sandbox, proxy, env } = await world();
  const through = await runPayrecon(CHARGE, { env });
  expect([through.exitCode, new Set(proxy.asked)]).toEqual([
    0,
    new Set([new URL(sandbox.url).host]),
  ]);
  const asked = proxy.asked.length;
  const around = await runPayrecon(
    CHARGE.map((word) => word.replace('order-1', 'order-2')),
    { env: { ...env, NO_PROXY: '127.0.0.1', PAYRECON_NEW_LEDGER: '1' } },
  );
  expect([around.exitCode, proxy.asked.length]).toEqual([0, asked]);
});

it.each(['http', 'https'])(
  'a charge reaches Stripe over TLS through an %s proxy',
  async (scheme) => {
    const { env } = await world();
    const certificate = { cert: CERTIFICATE, key: CERTIFICATE_KEY };
    const proxy = await startConnectProxy(scheme === 'https' ? { certificate } : {});
    open.push(async () => await proxy[Symbol.asyncDispose]());
    const seen: (string | undefined)[] = [];
    const server = createServer(certificate, (request, response) => {
      seen.push(request.url);
      response.writeHead(401, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: { type: 'invalid_request_error', message: 'No key' } }));
    });
    await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
    open.push(() => new Promise((resolve) => server.close(resolve)));
    const { port } = server.address() as AddressInfo;
    const authority = join(await temporaryFolder(), 'ca.pem');
    await writeFile(authority, CERTIFICATE);
    const result = await runPayrecon(CHARGE, {
      env: {
        ...env,
        STRIPE_API_BASE: `https://localhost:${String(port)}`,
        HTTPS_PROXY: `${scheme}://localhost:${String(proxy.port)}`,
        NODE_EXTRA_CA_CERTS: authority,
      },
    });
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toContain('No key');
    expect([...new Set(proxy.asked)]).toEqual([`localhost:${String(port)}`]);
    expect(seen.length).toBeGreaterThan(0);
  },
);

it('a proxy that refuses is named by host and port, and the charge may be repeated', async () => {
  const { sandbox, env } = await world();
  const closed = await startConnectProxy({ behave: () => 407 });
  open.push(async () => await closed[Symbol.asyncDispose]());
  const refusing = { ...env, HTTP_PROXY: `http://ann:hunter2@${closed.shown}` };
  for (const args of [CHARGE, [...CHARGE, '--json'], ['doctor'], ['doctor', '--json']]) {
    const { stdout, stderr, exitCode } = await runPayrecon(args, { env: refusing });
    expect(`${stdout}${stderr}`).toContain(`the proxy ${closed.shown} answered 407`);
    expect(`${stdout}${stderr}`).not.toMatch(/hunter2|ann:|YW5uOm/);
    expect([69, 75]).toContain(exitCode);
  }
  expect(sandbox.books).toBeDefined();
});

it.each(['HTTP_PROXY', 'http_proxy'])(
  'a %s that cannot be read is named, and not repeated',
  async (name) => {
    const { env } = await world();
    const { HTTP_PROXY: _, ...rest } = env;
    const { exitCode, stdout, stderr } = await runPayrecon(CHARGE, {
      env: { ...rest, [name]: 'socks5://ann:hunter2@127.0.0.1:1080' },
    });
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toContain(`${name}: it must be http://HOST:PORT`);
    expect(stderr).not.toMatch(/hunter2|ann:/);
  },
);
