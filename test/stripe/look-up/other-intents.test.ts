import { afterEach, describe, expect, it } from 'vitest';
import type { OtherIntent, OtherQuery } from '../../../src/app/ports.ts';
import type { Transaction } from '../../../src/domain/transaction.ts';
import { startSandbox, type Sandbox } from '../../../src/sandbox/server.ts';
import type { GatewayOptions, openGateway } from '../../../src/stripe/gateway.ts';
import { json, startRawServer, stripeError } from '../raw-server.ts';
import { gatewayAt, intent, transaction } from '../samples.ts';

/* The payment intent that another ledger made under our key, as it is looked for and shown. */

type Opened = ReturnType<typeof openGateway>;

const MAY_NOT_READ_EVENTS = 'rk_test_51RestrictedKey0123456789';
const HOUR = 3_600_000;
const OURS = { id: 'led_ours', namespace: '' };
const THEIRS = { id: 'led_theirs', namespace: '' };

const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const thing of open.splice(0)) await thing.close();
});

async function stripe(): Promise<Sandbox> {
  const sandbox = await startSandbox({
    seed: 7,
    keys: [{ key: MAY_NOT_READ_EVENTS, forbidden: ['events.list'] }],
  });
  open.push(sandbox);
  return sandbox;
}

function ledgerAt(
  url: string,
  ledger: GatewayOptions['ledger'],
  more: Partial<GatewayOptions> = {},
): Opened {
  const gateway = gatewayAt(url, { ...(ledger === undefined ? {} : { ledger }), ...more });
  open.push(gateway);
  return gateway;
}

function row(more: Partial<Transaction> = {}): Transaction {
  return transaction({ customer: null, paymentIntent: null, paramsVersion: 2, ...more });
}

/** Creates and confirms; returns the intent's id. */
async function charged(gateway: Opened, of: Transaction): Promise<string> {
  const created = await gateway.create(of);
  if (created.kind !== 'intent') throw new Error(`not created: ${JSON.stringify(created)}`);
  await gateway.confirm({ ...of, paymentIntent: created.intent.id });
  return created.intent.id;
}

function asked(sandbox: Sandbox, of: Transaction): OtherQuery {
  return { transaction: of, from: sandbox.clock.now() - 25 * HOUR, to: sandbox.clock.now() };
}

function shown(found: readonly OtherIntent[]): string[] {
  return found.map(({ intent: { id, status }, matchedBy }) => `${id} ${status} ${matchedBy}`);
}

describe("another ledger's intent under our key", () => {
  it('is found by the event that the key caused, and shown as it is today', async () => {
    const sandbox = await stripe();
    const theirs = ledgerAt(sandbox.url, () => THEIRS);
    const ours = ledgerAt(sandbox.url, () => OURS);
    const id = await charged(theirs, row({ id: 'txn_theirs', amount: 700 }));
    await charged(theirs, row({ id: 'txn_noise', key: 'order-2' }));
    sandbox.clock.advance(HOUR);
    const mine = row({ id: 'txn_ours' });
    expect(await ours.create(mine)).toMatchObject({ kind: 'refused', code: 'idempotency_error' });
    // Another amount, so only the key itself tells.
    expect(shown(await ours.findOther(asked(sandbox, mine)))).toEqual([
      `${id} succeeded idempotency_key`,
    ]);
  });

  it("is found by the key's digest where events may not be read", async () => {
    const sandbox = await stripe();
    const theirs = ledgerAt(sandbox.url, () => THEIRS);
    const ours = ledgerAt(sandbox.url, () => OURS, { secretKey: MAY_NOT_READ_EVENTS });
    const id = await charged(theirs, row({ id: 'txn_theirs', amount: 700 }));
    await charged(theirs, row({ id: 'txn_noise', key: 'order-2' }));
    expect(shown(await ours.findOther(asked(sandbox, row({ id: 'txn_ours' }))))).toEqual([
      `${id} succeeded metadata`,
    ]);
  });

  it('of a version that did not name the key is shown as one that looks alike', async () => {
    const sandbox = await stripe();
    const theirs = ledgerAt(sandbox.url, () => null);
    const ours = ledgerAt(sandbox.url, () => OURS, { secretKey: MAY_NOT_READ_EVENTS });
    const id = await charged(theirs, row({ id: 'txn_theirs', paramsVersion: 1 }));
    await charged(theirs, row({ id: 'txn_noise', key: 'order-2', paramsVersion: 1, amount: 700 }));
    // Names another key: not ours, however alike.
    await charged(
      ledgerAt(sandbox.url, () => THEIRS),
      row({ id: 'txn_other', key: 'order-3' }),
    );
    expect(shown(await ours.findOther(asked(sandbox, row({ id: 'txn_ours' }))))).toEqual([
      `${id} succeeded looks_alike`,
    ]);
  });

  it("is of our namespace; another shop's same key is another key", async () => {
    const sandbox = await stripe();
    const [north, south] = ['north', 'south'].map((namespace) =>
      ledgerAt(sandbox.url, () => ({ id: `led_${namespace}`, namespace })),
    );
    await charged(north!, row({ id: 'txn_north' }));
    expect(await south!.findOther(asked(sandbox, row({ id: 'txn_south' })))).toEqual([]);
    expect(
      shown(
        await ledgerAt(sandbox.url, () => ({ id: 'led_2', namespace: 'north' })).findOther(
          asked(sandbox, row({ id: 'txn_2' })),
        ),
      ),
    ).toHaveLength(1);
  });

  it('is not our own', async () => {
    const sandbox = await stripe();
    const ours = ledgerAt(sandbox.url, () => OURS);
    const mine = row({ id: 'txn_ours' });
    await charged(ours, mine);
    expect(await ours.findOther(asked(sandbox, mine))).toEqual([]);
  });

  it("is looked for before the moment when the conflict was seen, also days later, and in Stripe's time", async () => {
    const sandbox = await stripe();
    const theirs = ledgerAt(sandbox.url, () => THEIRS);
    const ours = ledgerAt(sandbox.url, () => OURS);
    const id = await charged(theirs, row({ id: 'txn_theirs' }));
    const seenAt = sandbox.clock.now();
    sandbox.clock.advance(100 * HOUR);
    for (let n = 0; n < 250; n += 1)
      await theirs.create(row({ id: `txn_${n}`, key: `later-${n}` }));
    const mine = row({ id: 'txn_ours', keyConflictAt: seenAt });
    // The database's clock is a year behind.
    const behindMs = 365 * 24 * HOUR;
    const late = {
      transaction: { ...mine, keyConflictAt: seenAt - behindMs },
      from: seenAt - 25 * HOUR - behindMs,
      to: sandbox.clock.now() - behindMs,
    };
    await ours.account();
    expect(shown(await ours.findOther(late))).toEqual([`${id} succeeded idempotency_key`]);
  });
});

describe('what it costs', () => {
  it('is a few pages, however many payments there are', async () => {
    const server = await startRawServer((seen, response, n) => {
      const data = Array.from({ length: 100 }, (_, place) =>
        seen.path === '/v1/events'
          ? { object: 'event', id: `evt_${n}_${place}`, request: null }
          : intent({ id: `pi_${n}_${place}`, amount: 1 }),
      );
      json(response, 200, { object: 'list', data, has_more: true });
    });
    open.push({ close: () => server[Symbol.asyncDispose]() });
    const ours = ledgerAt(server.base, () => OURS);
    expect(await ours.findOther({ transaction: row(), from: 0, to: Date.now() })).toEqual([]);
    expect(server.seen.map(({ path }) => path)).toEqual([
      '/v1/events',
      '/v1/events',
      '/v1/payment_intents',
      '/v1/payment_intents',
    ]);
    expect(server.seen[1]!.query.get('starting_after')).toBe('evt_0_99');
    expect(ours.calls()).toEqual({ list: 2, retrieve: 0, other: 2 });
  });

  it.each<[string, (response: Parameters<typeof json>[0]) => void]>([
    [
      'nothing that can be read',
      (response) =>
        json(response, 200, {
          object: 'list',
          data: [null, 5, { request: 'x' }, { request: { idempotency_key: 5 } }],
          has_more: 'yes',
        }),
    ],
    ['a refusal', (response) => stripeError(response, 403, {})],
    ["a fault of Stripe's", (response) => stripeError(response, 500, { type: 'api_error' })],
  ])('finds none where Stripe says %s', async (_words, answer) => {
    const server = await startRawServer((_seen, response) => answer(response));
    open.push({ close: () => server[Symbol.asyncDispose]() });
    expect(
      await ledgerAt(server.base, () => OURS).findOther({
        transaction: row(),
        from: 0,
        to: Date.now(),
      }),
    ).toEqual([]);
    expect(server.seen).toHaveLength(2);
  });
});

describe('the newest intents', () => {
  const OWN = { of: 'ledger', ledger: OURS.id } as const;
  const ownIntent = (id: string): ReturnType<typeof intent> =>
    intent({ id, metadata: { payrecon_ledger: OURS.id, payrecon_transaction: 'txn_1' } });

  it('are one page where it shows one of them or is the last, or why there is none', async () => {
    const server = await startRawServer((_seen, response, n) => {
      if (n === 0)
        json(response, 200, {
          object: 'list',
          data: [intent({ id: 'pi_2' }), ownIntent('pi_1')],
          has_more: true,
        });
      else if (n === 1)
        json(response, 200, { object: 'list', data: [intent({ id: 'pi_2' })], has_more: false });
      else if (n === 2) stripeError(response, 403, { message: 'no right' });
      else json(response, 200, { object: 'list', data: [{ id: 'pi_1' }], has_more: false });
    });
    open.push({ close: () => server[Symbol.asyncDispose]() });
    const ours = ledgerAt(server.base, () => OURS);
    expect(await ours.newestIntents(OWN)).toMatchObject({
      kind: 'intents',
      intents: [{ id: 'pi_2', clientSecret: null }, { id: 'pi_1' }],
    });
    expect(await ours.newestIntents(OWN)).toMatchObject({
      kind: 'intents',
      intents: [{ id: 'pi_2' }],
    });
    expect(await ours.newestIntents(OWN)).toEqual({
      kind: 'unauthorized',
      httpStatus: 403,
      message: 'no right',
    });
    expect(await ours.newestIntents(OWN)).toMatchObject({ kind: 'unknown' });
    expect(server.seen.map(({ path, query }) => `${path}?${query.toString()}`)).toEqual(
      Array(4).fill('/v1/payment_intents?limit=100'),
    );
  });

  it.each([
    [OWN, "metadata['payrecon_ledger']:'led_ours'"],
    [
      { of: 'others', ledger: OURS.id, namespace: '' },
      "-metadata['payrecon_transaction']:null AND metadata['payrecon_namespace']:null AND -metadata['payrecon_ledger']:'led_ours'",
    ],
    [
      { of: 'others', ledger: OURS.id, namespace: "it's" },
      String.raw`-metadata['payrecon_transaction']:null AND metadata['payrecon_namespace']:'it\'s' AND -metadata['payrecon_ledger']:'led_ours'`,
    ],
  ] as const)(
    'are searched for by their marks where others fill the newest page (%o)',
    async (query, asked) => {
      const server = await startRawServer((seen, response) => {
        // The first page ends within the two minutes by which the search may lag, the second one before them.
        if (!seen.path.endsWith('/search')) {
          const isFirst = seen.query.get('starting_after') === null;
          const created = 1_900_000_000 - (isFirst ? 0 : 121);
          json(response, 200, {
            object: 'list',
            data: [intent({ id: isFirst ? 'pi_9' : 'pi_8', metadata: {}, created })],
            has_more: true,
          });
        } else
          json(response, 200, {
            object: 'search_result',
            data: [ownIntent('pi_1')],
            has_more: true,
            next_page: 'x',
          });
      });
      open.push({ close: () => server[Symbol.asyncDispose]() });
      expect(await ledgerAt(server.base, () => OURS).newestIntents(query)).toMatchObject({
        kind: 'intents',
        intents: [{ id: 'pi_9' }, { id: 'pi_8' }, { id: 'pi_1' }],
      });
      expect(server.seen.map(({ path }) => path)).toEqual([
        '/v1/payment_intents',
        '/v1/payment_intents/search',
        '/v1/payment_intents',
      ]);
      expect(server.seen[1]!.query.get('query')).toBe(asked);
    },
  );

  it('are asked for again where Stripe refuses the page for its rate', async () => {
    const server = await startRawServer((_seen, response, n) => {
      if (n === 0) stripeError(response, 429, { code: 'rate_limit' });
      else json(response, 200, { object: 'list', data: [ownIntent('pi_1')], has_more: false });
    });
    open.push({ close: () => server[Symbol.asyncDispose]() });
    expect(await ledgerAt(server.base, () => OURS).newestIntents(OWN)).toMatchObject({
      kind: 'intents',
      intents: [{ id: 'pi_1' }],
    });
  });

  it('are looked for on ten pages where the search is not offered, and no further', async () => {
    const server = await startRawServer((seen, response, n) => {
      if (seen.path.endsWith('/search'))
        stripeError(response, 400, { message: 'no search for this account' });
      else
        json(response, 200, {
          object: 'list',
          data: [intent({ id: `pi_${String(n)}` })],
          has_more: true,
        });
    });
    open.push({ close: () => server[Symbol.asyncDispose]() });
    const found = await ledgerAt(server.base, () => OURS).newestIntents(OWN);
    expect(found.kind === 'intents' ? found.intents.map(({ id }) => id) : []).toEqual([
      'pi_0',
      ...Array.from({ length: 9 }, (_, n) => `pi_${String(n + 2)}`),
    ]);
    expect(server.seen.map(({ query }) => query.get('starting_after')).slice(2, 4)).toEqual([
      'pi_0',
      'pi_2',
    ]);
  });

  it('are read on only to where the last reading began, by the next one of the same process', async () => {
    const NEWEST_AT = 1_790_000_000;
    // One payment a second: the newest page alone is not two minutes long.
    const server = await startRawServer((seen, response) => {
      const page = Number((seen.query.get('starting_after') ?? 'pi_-1').slice(3)) + 1;
      json(response, 200, {
        object: seen.path.endsWith('/search') ? 'search_result' : 'list',
        data: seen.path.endsWith('/search')
          ? []
          : [
              intent({ id: `pi_${page}`, created: NEWEST_AT - 50 * page }),
              intent({ id: `pi_${page}`, created: NEWEST_AT - 50 * page - 49 }),
            ],
        has_more: true,
      });
    });
    open.push({ close: () => server[Symbol.asyncDispose]() });
    const ours = ledgerAt(server.base, () => OURS);
    const asking = async (): Promise<number> => {
      const before = server.seen.length;
      expect(await ours.newestIntents(OWN)).toMatchObject({ kind: 'intents' });
      return server.seen.length - before;
    };
    // The newest page, the search and two pages more; then the newest page and the search.
    expect([await asking(), await asking()]).toEqual([4, 2]);
    // Another question was not answered by that.
    expect(await ours.newestIntents({ ...OWN, ledger: 'led_other' })).toBeDefined();
    expect(server.seen).toHaveLength(4 + 2 + 4);
  });

  it('end with the page that shows one of them', async () => {
    const server = await startRawServer((seen, response, n) => {
      if (seen.path.endsWith('/search')) stripeError(response, 400, {});
      else
        json(response, 200, {
          object: 'list',
          data: [n < 3 ? intent({ id: `pi_${String(n)}` }) : ownIntent('pi_own')],
          has_more: true,
        });
    });
    open.push({ close: () => server[Symbol.asyncDispose]() });
    const found = await ledgerAt(server.base, () => OURS).newestIntents(OWN);
    expect(found.kind === 'intents' ? found.intents.map(({ id }) => id) : []).toEqual([
      'pi_0',
      'pi_2',
      'pi_own',
    ]);
  });
});
