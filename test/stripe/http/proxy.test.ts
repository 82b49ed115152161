import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { chooseProxy, type Proxy } from '../../../src/proxy/choose.ts';
import type { GatewayOptions, openGateway } from '../../../src/stripe/gateway.ts';
import {
  startConnectProxy,
  type ConnectProxy,
  type ProxyRules,
} from '../../proxy/connect-proxy.ts';
import {
  deadPort,
  json,
  reset,
  startRawServer,
  type Handler,
  type RawServer,
} from '../raw-server.ts';
import { gatewayAt, intent, transaction } from '../samples.ts';

/* What reached Stripe when a proxy stands between, and what is said about it. */

const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const thing of open.splice(0)) await thing.close();
});

interface World {
  readonly gateway: ReturnType<typeof openGateway>;
  readonly server: RawServer;
  readonly proxy: ConnectProxy;
}

const succeeds: Handler = (_seen, response) => {
  json(response, 200, intent({ status: 'succeeded' }));
};

async function world(
  rules: ProxyRules,
  handler: Handler = succeeds,
  more: Partial<GatewayOptions> = {},
): Promise<World> {
  const server = await startRawServer(handler);
  const proxy = await startConnectProxy(rules);
  const gateway = gatewayAt(server.base, {
    proxy: proxyAt(server.base, `ann:hunter2@${proxy.shown}`),
    ...more,
  });
  open.push(gateway, { close: () => server[Symbol.asyncDispose]() });
  open.push({ close: () => proxy[Symbol.asyncDispose]() });
  return { gateway, server, proxy };
}

function proxyAt(base: string, address: string): Proxy {
  const choice = chooseProxy(base, { HTTP_PROXY: address });
  if (choice.kind !== 'proxy') throw new Error(choice.kind);
  return choice.proxy;
}

async function eventually(condition: () => boolean): Promise<boolean> {
  for (let i = 0; i < 500 && !condition(); i += 1) await sleep(10);
  return condition();
}

describe('through a proxy', () => {
  it('calls go through one tunnel, which is kept and has logged in', async () => {
    const { gateway, server, proxy } = await world({});
    for (let call = 0; call < 3; call += 1) {
      expect((await gateway.confirm(transaction())).kind).toBe('intent');
    }
    expect(proxy.asked).toEqual([new URL(server.base).host]);
    expect(proxy.authorizations).toEqual([
      `Basic ${Buffer.from('ann:hunter2').toString('base64')}`,
    ]);
    expect([proxy.others, server.seen.length]).toEqual([[], 3]);
    // What is for the proxy is not sent on to Stripe.
    expect(server.seen[0]?.headers).not.toHaveProperty('proxy-authorization');
    expect(gateway.calls().other).toBe(3);
  });

  it.each([301, 403, 407, 429, 500, 502, 503])(
    'a refusal of the tunnel with %i proves that nothing was sent, whatever its words',
    async (status) => {
      // Stripe's own words, said by somebody else.
      const says = JSON.stringify({
        error: { type: 'invalid_request_error', code: 'resource_missing', message: 'no' },
      });
      const { gateway, server, proxy } = await world({ behave: () => status, says });
      const answer = await gateway.confirm(transaction());
      expect(answer).toMatchObject({
        kind: 'unknown',
        reason: 'connection',
        effect: 'none',
        answered: false,
        httpStatus: null,
      });
      expect(answer).toHaveProperty(
        'message',
        expect.stringContaining(`${proxy.shown} answered ${String(status)}`),
      );
      expect(JSON.stringify(answer)).not.toMatch(/hunter2|ann:/);
      expect([server.seen, proxy.asked.length, gateway.calls().other]).toEqual([[], 1, 1]);
    },
  );

  it('a proxy that hangs up before there is a tunnel proves that nothing was sent', async () => {
    const { gateway, server, proxy } = await world({ behave: () => 'hang up' });
    const answer = await gateway.confirm(transaction());
    expect(answer).toMatchObject({ kind: 'unknown', reason: 'connection', effect: 'none' });
    expect(answer).toHaveProperty('message', expect.stringContaining(proxy.shown));
    // The library would repeat a connection that broke; one to the proxy was none to Stripe.
    expect([server.seen, proxy.asked.length, gateway.calls().other]).toEqual([[], 1, 1]);
  });

  it('a proxy where nobody listens proves that nothing was sent', async () => {
    const server = await startRawServer(succeeds);
    const port = String(await deadPort());
    const gateway = gatewayAt(server.base, {
      proxy: proxyAt(server.base, `ann:hunter2@127.0.0.1:${port}`),
    });
    open.push(gateway, { close: () => server[Symbol.asyncDispose]() });
    expect(await gateway.confirm(transaction())).toMatchObject({
      effect: 'none',
      message: `no answer from Stripe: the proxy 127.0.0.1:${port} cannot be reached (ECONNREFUSED)`,
    });
    expect(server.seen).toEqual([]);
  });

  it('a proxy whose name has no address proves that nothing was sent', async () => {
    const server = await startRawServer(succeeds);
    const gateway = gatewayAt(server.base, { proxy: proxyAt(server.base, 'proxy.invalid:3128') });
    open.push(gateway, { close: () => server[Symbol.asyncDispose]() });
    expect(await gateway.confirm(transaction())).toMatchObject({
      effect: 'none',
      message: expect.stringContaining('the proxy proxy.invalid:3128 cannot be reached') as string,
    });
  });

  it('a connection that breaks once the tunnel stands proves nothing', async () => {
    const { gateway, server } = await world({}, (_seen, response) => reset(response));
    const answer = await gateway.confirm(transaction());
    expect(answer).toMatchObject({ kind: 'unknown', reason: 'connection', effect: 'unknown' });
    expect(server.seen.length).toBeGreaterThan(0);
  });

  it('a refusal of the tunnel proves nothing about the attempt before it', async () => {
    const { gateway, server, proxy } = await world(
      { behave: (n) => (n === 0 ? 'tunnel' : 502) },
      (_seen, response) => reset(response),
    );
    const answer = await gateway.confirm(transaction());
    expect(answer).toMatchObject({ kind: 'unknown', effect: 'unknown' });
    expect([server.seen.length, proxy.asked.length]).toEqual([1, 2]);
  });

  it('an error of Stripe that came through the tunnel is its word', async () => {
    const { gateway } = await world({}, (_seen, response) => {
      json(response, 400, {
        error: { type: 'invalid_request_error', code: 'resource_missing', message: 'No such' },
      });
    });
    expect(await gateway.confirm(transaction())).toMatchObject({
      kind: 'refused',
      httpStatus: 400,
      effect: 'none',
    });
  });

  it('a silent proxy ends with the deadline, and with it the connection', async () => {
    const { gateway, server, proxy } = await world({ behave: () => 'silent' }, succeeds, {
      deadlineMs: 200,
    });
    expect(await gateway.confirm(transaction())).toMatchObject({
      kind: 'unknown',
      reason: 'timeout',
    });
    expect(server.seen).toEqual([]);
    gateway.close();
    expect(await eventually(() => proxy.connections() === 0)).toBe(true);
  });

  it('no connection is left when the gateway is closed', async () => {
    const { gateway, proxy } = await world({});
    await gateway.confirm(transaction());
    expect(proxy.connections()).toBe(1);
    gateway.close();
    expect(await eventually(() => proxy.connections() === 0)).toBe(true);
  });

  it('a tunnel that broke while it was idle is replaced', async () => {
    const { gateway, proxy } = await world({});
    await gateway.confirm(transaction());
    proxy.breakTunnels();
    expect(await eventually(() => proxy.connections() === 0)).toBe(true);
    expect((await gateway.confirm(transaction())).kind).toBe('intent');
    expect(proxy.asked.length).toBe(2);
  });
});
