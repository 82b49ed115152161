import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { GatewayOptions, openGateway } from '../../../src/stripe/gateway.ts';
import {
  deadPort,
  json,
  reset,
  startRawServer,
  stripeError,
  type Handler,
  type RawServer,
} from '../raw-server.ts';
import { collect, gatewayAt, intent, query, SECRET, transaction } from '../samples.ts';

/* What only a broken network does. */

const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const thing of open.splice(0)) await thing.close();
});

async function talk(
  handler: Handler,
  more: Partial<GatewayOptions> = {},
): Promise<{ gateway: ReturnType<typeof openGateway>; server: RawServer }> {
  const server = await startRawServer(handler);
  const gateway = gatewayAt(server.base, more);
  open.push(gateway, { close: () => server[Symbol.asyncDispose]() });
  return { gateway, server };
}

async function eventually(condition: () => boolean): Promise<boolean> {
  for (let i = 0; i < 100 && !condition(); i += 1) await sleep(10);
  return condition();
}

describe('a connection that never came up', () => {
  it('proves that nothing was sent when nobody listens', async () => {
    const gateway = gatewayAt(`http://127.0.0.1:${await deadPort()}`);
    open.push(gateway);
    expect(await gateway.confirm(transaction())).toEqual({
      kind: 'unknown',
      reason: 'connection',
      effect: 'none',
      answered: false,
      httpStatus: null,
      rateLimitedReason: null,
      shouldRetry: null,
      requestId: null,
      message: 'no answer from Stripe: ECONNREFUSED',
    });
    expect(gateway.calls().other).toBe(1);
  });

  it('proves that nothing was sent when the name has no address', async () => {
    const gateway = gatewayAt('http://stripe.invalid');
    open.push(gateway);
    const answer = await gateway.create(transaction());
    // Without any resolver it is EAI_AGAIN, which proves nothing.
    const resolved = answer.kind === 'unknown' && answer.message.includes('ENOTFOUND');
    expect(answer).toMatchObject({
      kind: 'unknown',
      reason: 'connection',
      effect: resolved ? 'none' : 'unknown',
    });
  });

  it('knows an address in brackets', async () => {
    const gateway = gatewayAt(`http://[::1]:${await deadPort()}/`);
    open.push(gateway);
    expect(await gateway.create(transaction())).toMatchObject({
      reason: 'connection',
      answered: false,
    });
  });
});

describe('the hidden repetition of the library', () => {
  it.each([400, 401, 403, 429])(
    'a %d that answers the second wire attempt proves nothing',
    async (status) => {
      const { gateway, server } = await talk((_seen, response, n) => {
        if (n === 0) reset(response);
        else stripeError(response, status, {});
      });
      const answer = await gateway.create(transaction());
      expect(answer).toMatchObject({ effect: 'unknown', requestId: 'req_test' });
      expect(server.seen).toHaveLength(2);
      expect(server.seen[0]!.headers['idempotency-key']).toBe(
        server.seen[1]!.headers['idempotency-key'],
      );
      expect(gateway.calls().other).toBe(2);
    },
  );

  it('a refused connection after a reset proves nothing about the first send', async () => {
    const { gateway, server } = await talk((_seen, response) => {
      reset(response);
      void server[Symbol.asyncDispose]();
    });
    expect(await gateway.confirm(transaction())).toMatchObject({
      kind: 'unknown',
      reason: 'connection',
      effect: 'unknown',
    });
    expect(gateway.calls().other).toBe(2);
  });

  it('two resets are a lost connection', async () => {
    const { gateway, server } = await talk((_seen, response) => reset(response));
    expect(await gateway.confirm(transaction())).toMatchObject({
      kind: 'unknown',
      reason: 'connection',
      effect: 'unknown',
      answered: false,
      message: 'no answer from Stripe: ECONNRESET (2 attempts)',
    });
    expect(server.seen).toHaveLength(2);
  });

  it('takes the answer of the second attempt', async () => {
    const { gateway } = await talk((_seen, response, n) =>
      n === 0 ? reset(response) : json(response, 200, intent()),
    );
    expect(await gateway.confirm(transaction())).toMatchObject({
      kind: 'intent',
      intent: { status: 'succeeded' },
    });
  });

  it('does not begin after the deadline', async () => {
    const { gateway, server } = await talk((_seen, response) => reset(response), {
      deadlineMs: 200,
    });
    expect(await gateway.confirm(transaction())).toMatchObject({
      reason: 'timeout',
      effect: 'unknown',
    });
    await sleep(600);
    expect(server.seen).toHaveLength(1);
  });

  it('does not begin when what allowed the call has run out meanwhile', async () => {
    let held = true;
    const { gateway, server } = await talk((_seen, response) => {
      held = false;
      reset(response);
    });
    const answer = await gateway.confirm(transaction(), { mayStillBegin: () => held });
    expect(answer).toMatchObject({ kind: 'unknown', reason: 'connection', effect: 'unknown' });
    expect(server.seen).toHaveLength(1);
  });

  it('is told from the first attempts of other calls that run at the same time', async () => {
    const lost = new Set<string>();
    const { gateway } = await talk((seen, response) => {
      const id = /pi_\d+/.exec(seen.path)![0];
      // Every third call loses its first attempt.
      if (Number(id.slice(3)) % 3 === 0 && !lost.has(id)) {
        lost.add(id);
        reset(response);
        return;
      }
      stripeError(response, 429, { code: 'rate_limit' });
    });
    const ids = Array.from({ length: 30 }, (_, n) => n);
    const answers = await Promise.all(
      ids.map((n) => gateway.confirm(transaction({ key: `k${n}`, paymentIntent: `pi_${n}` }))),
    );
    const effects = answers.map((answer) => (answer.kind === 'unknown' ? answer.effect : null));
    expect(effects).toEqual(ids.map((n) => (n % 3 === 0 ? 'unknown' : 'none')));
    expect(gateway.calls().other).toBe(40);
  });
});

describe('answers that cannot be read', () => {
  const html: Handler = (_seen, response) =>
    response.writeHead(502, { 'content-type': 'text/html' }).end('<html>Bad Gateway</html>');
  const cut: Handler = (_seen, response) => {
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': '5000',
      'request-id': 'req_cut',
    });
    response.write('{"id":"pi_1","object":"payment_intent","status":"succ');
    setTimeout(() => response.socket?.destroy(), 20);
  };
  const cutCleanly: Handler = (_seen, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end('{"id":"pi_1","object":"payment_intent","status":"succ');
  };
  const cutChunks: Handler = (_seen, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write(JSON.stringify(intent()));
    setTimeout(() => reset(response), 20);
  };
  const empty: Handler = (_seen, response) => response.writeHead(200).end();
  const broken403: Handler = (_seen, response) =>
    response.writeHead(403, { 'content-type': 'text/html' }).end('<h1>Blocked</h1>');

  it.each([
    ['HTML 502', html, 502],
    ['a cut body', cut, 200],
    ['half a JSON text', cutCleanly, 200],
    ['a whole body whose end was never said', cutChunks, 200],
    ['an empty body', empty, 200],
    ['HTML 403 of something in between', broken403, 403],
  ])('%s is malformed, and proves nothing', async (_name, handler, httpStatus) => {
    const { gateway, server } = await talk(handler);
    expect(await gateway.confirm(transaction())).toMatchObject({
      kind: 'unknown',
      reason: 'malformed',
      effect: 'unknown',
      answered: false,
      httpStatus,
    });
    expect(server.seen).toHaveLength(1);
  });

  it('an endless body is given up', async () => {
    const { gateway } = await talk((_seen, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const chunk = Buffer.alloc(1024 * 1024, ' ');
      const more = (): void => {
        while (!response.destroyed)
          if (!response.write(chunk)) return void response.once('drain', more);
      };
      more();
    });
    expect(await gateway.confirm(transaction())).toMatchObject({
      kind: 'unknown',
      reason: 'malformed',
    });
  });
});

describe('the deadline', () => {
  const hang: Handler = () => undefined;
  const drip: Handler = (_seen, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'request-id': 'req_drip' });
    const timer = setInterval(() => response.write(' '), 30);
    response.once('close', () => clearInterval(timer));
  };

  it.each([
    ['silence', hang, null],
    ['a drip', drip, 200],
  ])('ends %s, with the connection', async (_name, handler, httpStatus) => {
    const { gateway, server } = await talk(handler, { deadlineMs: 300 });
    // The package is loaded before time is taken.
    await gateway.account();
    const begun = performance.now();
    const answer = await gateway.confirm(transaction());
    const tookMs = performance.now() - begun;
    expect(answer).toMatchObject({
      kind: 'unknown',
      reason: 'timeout',
      effect: 'unknown',
      answered: false,
      httpStatus,
    });
    expect(answer).toMatchObject({ message: 'Stripe did not answer within 300 ms' });
    expect(tookMs).toBeGreaterThan(290);
    expect(tookMs).toBeLessThan(800);
    expect(await eventually(() => server.connections() === 0)).toBe(true);
  });

  it('drops an answer that comes after it', async () => {
    const { gateway, server } = await talk(
      (_seen, response, n) => {
        if (n === 0) setTimeout(() => json(response, 200, intent({ status: 'succeeded' })), 400);
        else json(response, 200, intent({ status: 'canceled' }));
      },
      { deadlineMs: 250 },
    );
    expect(await gateway.confirm(transaction())).toMatchObject({
      kind: 'unknown',
      reason: 'timeout',
    });
    await sleep(300);
    expect(await gateway.confirm(transaction())).toMatchObject({
      kind: 'intent',
      intent: { status: 'canceled' },
    });
    expect(server.seen).toHaveLength(2);
  });

  it('does not begin while a change waits for its permit; a wait of that length is our own, and nothing was sent', async () => {
    const { gateway, server } = await talk((_seen, response) => json(response, 200, intent()), {
      deadlineMs: 300,
      endpointRequestsPerSecond: 0.1,
    });
    await gateway.create(transaction());
    expect(await gateway.create(transaction())).toMatchObject({
      kind: 'unknown',
      reason: 'queue',
      effect: 'none',
      answered: false,
    });
    expect(server.seen).toHaveLength(1);
  });

  it('a closed gateway ends what is under way', async () => {
    const { gateway, server } = await talk(hang);
    const answer = gateway.confirm(transaction());
    const looked = collect(gateway.lookUp([query()]));
    await eventually(() => server.seen.length === 2);
    gateway.close();
    expect(await answer).toMatchObject({
      kind: 'unknown',
      reason: 'interrupted',
      effect: 'unknown',
    });
    expect(await looked).toMatchObject([{ answer: { reason: 'interrupted' } }]);
    expect(await gateway.create(transaction())).toMatchObject({
      kind: 'unknown',
      reason: 'interrupted',
      effect: 'none',
    });
    expect(server.seen).toHaveLength(2);
    expect(await eventually(() => server.connections() === 0)).toBe(true);
  });
});

describe('whatever happens', () => {
  it('is not warned about too many listeners, however many calls run at once', async () => {
    const warnings: string[] = [];
    const listen = (warning: Error): void => void warnings.push(warning.name);
    process.on('warning', listen);
    const { gateway } = await talk((_seen, response) => json(response, 200, intent()));
    const stop = new AbortController();
    const calls = Array.from({ length: 60 }, () => gateway.confirm(transaction()));
    const lookUps = Array.from({ length: 4 }, () =>
      collect(gateway.lookUp(Array(20).fill(query()), stop.signal)),
    );
    await Promise.all([...calls, ...lookUps]);
    // Warnings are told on the next tick.
    await sleep(20);
    process.off('warning', listen);
    expect(warnings).toEqual([]);
  });

  it('shows the key in no answer', async () => {
    const { gateway } = await talk((_seen, response) => response.destroy());
    const answers = [await gateway.create(transaction()), await gateway.account()];
    expect(JSON.stringify(answers)).not.toContain(SECRET);
  });
});
