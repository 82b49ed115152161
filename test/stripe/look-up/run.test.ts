import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { Gateway, LookUp } from '../../../src/app/ports.ts';
import {
  json,
  startRawServer,
  stripeError,
  type Handler,
  type RawServer,
  type Seen,
} from '../raw-server.ts';
import { collect, gatewayAt, intent, query } from '../samples.ts';

const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const thing of open.splice(0)) await thing.close();
});

async function talk(handler: Handler): Promise<{ gateway: Gateway; server: RawServer }> {
  const server = await startRawServer(handler);
  const gateway = gatewayAt(server.base);
  open.push(gateway, { close: () => server[Symbol.asyncDispose]() });
  return { gateway, server };
}

/** A condition that never comes true runs into the test's own time limit. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(5);
}

/** Nothing new has been asked for so long: all that are asked for at the same time have come. */
const QUIET_MS = 150;

/** Answers once nothing new comes; counts how many are asked for at the same time. */
async function talkInTurns(
  answer: (seen: Seen) => unknown,
): Promise<{ gateway: Gateway; most: () => number }> {
  let most = 0;
  let quiet = setTimeout(() => undefined, 0);
  const waiting: (() => void)[] = [];
  const { gateway } = await talk((seen, response) => {
    waiting.push(() => json(response, 200, answer(seen)));
    most = Math.max(most, waiting.length);
    clearTimeout(quiet);
    quiet = setTimeout(() => {
      for (const say of waiting.splice(0)) say();
    }, QUIET_MS);
  });
  return { gateway, most: () => most };
}

const START = 1_700_000_000;

interface Row {
  readonly id: string;
  readonly created: number;
  readonly transaction: string;
  readonly status?: string;
}

/** Stripe's list: newest first, `created` bounds, `starting_after`, `limit`. */
function listOf(rows: readonly Row[]): (seen: Seen) => unknown {
  const newestFirst = [...rows].sort((a, b) => b.created - a.created);
  return ({ query: asked }) => {
    const from = Number(asked.get('created[gte]'));
    const to = Number(asked.get('created[lte]'));
    const inRange = newestFirst.filter(({ created }) => created >= from && created <= to);
    const after = asked.get('starting_after');
    const begin = after === null ? 0 : inRange.findIndex(({ id }) => id === after) + 1;
    const page = inRange.slice(begin, begin + Number(asked.get('limit')));
    return {
      object: 'list',
      data: page.map(({ id, created, transaction, status = 'succeeded' }) =>
        intent({ id, created, status, metadata: { payrecon_transaction: transaction } }),
      ),
      has_more: begin + page.length < inRange.length,
    };
  };
}

function many(count: number): Row[] {
  return Array.from({ length: count }, (_, n) => ({
    id: `pi_${n}`,
    created: START + n,
    transaction: `txn_${n}`,
  }));
}

function idless(transactionId: string, fromSeconds = START, toSeconds = START + 600): LookUp {
  return query({
    transactionId,
    paymentIntent: null,
    createdFrom: fromSeconds * 1_000,
    createdTo: toSeconds * 1_000,
  });
}

async function answers(
  gateway: Gateway,
  queries: readonly LookUp[],
): Promise<Map<string, unknown>> {
  const looked = await collect(gateway.lookUp(queries));
  expect(looked).toHaveLength(queries.length);
  return new Map(looked.map(({ query: asked, answer }) => [asked.transactionId, answer]));
}

/** One fewer than are worth a page of the list whose gain is not known. */
const TOO_FEW_FOR_A_PAGE = 19;

describe('a known id', () => {
  it('is retrieved, few at once, and each is answered once', async () => {
    const { gateway, most } = await talkInTurns((seen) =>
      intent({ id: seen.path.split('/').at(-1) }),
    );
    const queries = Array.from({ length: TOO_FEW_FOR_A_PAGE }, (_, n) =>
      query({ transactionId: `txn_${n}`, paymentIntent: `pi_${n}` }),
    );
    const got = await answers(gateway, queries);
    for (const { transactionId, paymentIntent } of queries) {
      expect(got.get(transactionId)).toMatchObject({
        kind: 'intent',
        intent: { id: paymentIntent },
      });
    }
    expect(most()).toBe(8);
    expect(gateway.calls()).toEqual({ list: 0, retrieve: TOO_FEW_FOR_A_PAGE, other: 0 });
  });

  it('is read from the list with its neighbours, and retrieved when the list does not show it', async () => {
    const list = listOf(many(250).filter(({ id }) => id !== 'pi_120'));
    const { gateway } = await talk((seen, response) => {
      if (seen.path === '/v1/payment_intents') json(response, 200, list(seen));
      else stripeError(response, 404, { code: 'resource_missing' });
    });
    const queries = many(250).map(({ id, created, transaction }) =>
      query({ transactionId: transaction, paymentIntent: id, createdFrom: created * 1_000 }),
    );
    const got = await answers(gateway, queries);
    for (const { transactionId, paymentIntent } of queries) {
      expect(got.get(transactionId)).toMatchObject(
        paymentIntent === 'pi_120'
          ? { kind: 'missing' }
          : { kind: 'intent', intent: { id: paymentIntent } },
      );
    }
    expect(gateway.calls()).toEqual({ list: 3, retrieve: 1, other: 0 });
  });

  it.each([
    '../charges?x=1',
    '',
    'pi_',
    'pi_1/cancel',
    'ch_1',
    `pi_${'x'.repeat(1_000)}`,
    'pi_1\n',
  ])('that is none is not sent: %j', async (paymentIntent) => {
    const { gateway, server } = await talk((_seen, response) => json(response, 200, intent()));
    const got = await answers(gateway, [query({ paymentIntent })]);
    expect([...got.values()]).toMatchObject([{ kind: 'missing', requestId: null }]);
    expect(server.seen).toEqual([]);
  });
});

describe('a scan', () => {
  it('finds by metadata over all pages, and says of the rest that they are absent', async () => {
    const list = listOf(many(250));
    const { gateway, server } = await talk((seen, response) => json(response, 200, list(seen)));
    const got = await answers(gateway, [
      idless('txn_0'),
      idless('txn_249'),
      idless('txn_120'),
      idless('txn_none'),
    ]);
    expect(got.get('txn_0')).toMatchObject({
      kind: 'intent',
      replayed: false,
      intent: { id: 'pi_0', status: 'succeeded' },
    });
    expect(got.get('txn_120')).toMatchObject({ kind: 'intent', intent: { id: 'pi_120' } });
    expect(got.get('txn_249')).toMatchObject({ kind: 'intent', intent: { id: 'pi_249' } });
    expect(got.get('txn_none')).toEqual({
      kind: 'absent',
      scannedFrom: (START - 600) * 1_000,
      scannedTo: (START + 1_200) * 1_000,
      pages: 3,
      requestId: 'req_test',
    });
    expect(server.seen.map(({ query: asked }) => Object.fromEntries(asked))).toEqual([
      { 'created[gte]': `${START - 600}`, 'created[lte]': `${START + 1_200}`, limit: '100' },
      {
        'created[gte]': `${START - 600}`,
        'created[lte]': `${START + 1_200}`,
        limit: '100',
        starting_after: 'pi_150',
      },
      {
        'created[gte]': `${START - 600}`,
        'created[lte]': `${START + 1_200}`,
        limit: '100',
        starting_after: 'pi_50',
      },
    ]);
  });

  it('looks ten minutes further on both sides, for clocks that differ', async () => {
    const rows = [
      { id: 'pi_early', created: START - 600, transaction: 'txn_early' },
      { id: 'pi_late', created: START + 1_200, transaction: 'txn_late' },
      { id: 'pi_tooEarly', created: START - 601, transaction: 'txn_tooEarly' },
    ];
    const { gateway } = await talk((seen, response) => json(response, 200, listOf(rows)(seen)));
    const got = await answers(
      gateway,
      ['txn_early', 'txn_late', 'txn_tooEarly'].map((id) => idless(id)),
    );
    expect([...got].map(([id, answer]) => [id, (answer as { kind: string }).kind])).toEqual([
      ['txn_early', 'intent'],
      ['txn_late', 'intent'],
      ['txn_tooEarly', 'absent'],
    ]);
  });

  it('is not narrowed by the customer, who may have been changed at Stripe', async () => {
    const { gateway, server } = await talk((seen, response) =>
      json(response, 200, listOf(many(3))(seen)),
    );
    await answers(gateway, [{ ...idless('txn_1'), customer: 'cus_1' }]);
    expect(server.seen[0]?.query.has('customer')).toBe(false);
  });

  it('of several intents of one transaction takes the one where money moved', async () => {
    const rows = ['requires_confirmation', 'succeeded', 'canceled'].map((status, n) => ({
      id: `pi_${status}`,
      created: START + n,
      transaction: 'txn_1',
      status,
    }));
    const { gateway } = await talk((seen, response) => json(response, 200, listOf(rows)(seen)));
    expect((await answers(gateway, [idless('txn_1')])).get('txn_1')).toMatchObject({
      intent: { id: 'pi_succeeded' },
    });
  });

  it('is shared where windows touch, and apart where they do not', async () => {
    const { gateway, server } = await talk((seen, response) =>
      json(response, 200, listOf(many(10))(seen)),
    );
    const day = 86_400;
    await answers(gateway, [
      idless('txn_1', START, START),
      idless('txn_2', START + 900, START + 900),
      idless('txn_3', START + day, START + day),
    ]);
    expect(
      server.seen
        .map(({ query: asked }) => [asked.get('created[gte]'), asked.get('created[lte]')])
        .sort(),
    ).toEqual([
      [`${START - 600}`, `${START + 1_500}`],
      [`${START + day - 600}`, `${START + day + 600}`],
    ]);
  });

  it('of a long range reads stretches of time side by side, each row once', async () => {
    const list = listOf(many(5_000));
    const { gateway, most } = await talkInTurns(list);
    const wanted = [...many(5_000).map(({ transaction }) => transaction), 'txn_none'];
    const got = await answers(
      gateway,
      wanted.map((id) => idless(id, START, START + 5_000)),
    );
    for (const { id, transaction } of many(5_000))
      expect(got.get(transaction)).toMatchObject({ kind: 'intent', intent: { id } });
    expect(got.get('txn_none')).toMatchObject({
      kind: 'absent',
      scannedFrom: (START - 600) * 1_000,
      scannedTo: (START + 5_600) * 1_000,
    });
    expect(most()).toBe(5);
    expect(gateway.calls().list).toBeLessThanOrEqual(50 + most());
    expect(got.get('txn_none')).toMatchObject({ pages: gateway.calls().list });
  });

  it('is not complete when one of its stretches is not', async () => {
    const list = listOf(many(5_000));
    const { gateway } = await talk((seen, response) => {
      if (Number(seen.query.get('created[lte]')) < START + 1_500)
        stripeError(response, 500, { type: 'api_error' });
      else json(response, 200, list(seen));
    });
    const got = await answers(
      gateway,
      ['txn_4000', 'txn_none'].map((id) => idless(id, START, START + 5_000)),
    );
    expect(got.get('txn_4000')).toMatchObject({ kind: 'intent', intent: { id: 'pi_4000' } });
    expect(got.get('txn_none')).toMatchObject({ kind: 'unknown', reason: 'server_error' });
  });

  const cutPage: Handler = (_s, response) => {
    response.writeHead(200, { 'content-length': '999' }).write('{"object":"list"');
    setTimeout(() => response.destroy(), 10);
  };

  const lost: [string, Handler, Record<string, unknown>][] = [
    [
      'a page that fails',
      (_s, response) => stripeError(response, 500, { type: 'api_error' }),
      { kind: 'unknown', reason: 'server_error', answered: true },
    ],
    [
      'a rate limit',
      (_s, response) => stripeError(response, 429, {}),
      { kind: 'unknown', reason: 'rate_limited' },
    ],
    [
      'a key that is refused',
      (_s, response) => stripeError(response, 401, {}),
      { kind: 'unauthorized', httpStatus: 401 },
    ],
    [
      'a refusal',
      (_s, response) => stripeError(response, 400, { code: 'x' }),
      { kind: 'unknown', reason: 'malformed', answered: true },
    ],
    [
      'a cursor that Stripe does not know',
      (_s, response) => stripeError(response, 404, { code: 'resource_missing' }),
      { kind: 'unknown' },
    ],
    ['a cut page', cutPage, { kind: 'unknown', reason: 'malformed' }],
    [
      'an answer that is no list',
      (_s, response) => json(response, 200, { data: [], has_more: false }),
      { kind: 'unknown', reason: 'malformed' },
    ],
    [
      'a list that does not say whether there is more',
      (_s, response) => json(response, 200, { object: 'list', data: [] }),
      { kind: 'unknown', reason: 'malformed' },
    ],
    [
      'a page without rows',
      (_s, response) => json(response, 200, { object: 'list', data: [], has_more: true }),
      { kind: 'unknown', reason: 'malformed' },
    ],
    [
      'a row that cannot be read',
      (_s, response) =>
        json(response, 200, { object: 'list', data: [{ id: 'pi_x' }], has_more: false }),
      { kind: 'unknown', reason: 'malformed' },
    ],
    [
      'the same page again',
      (_s, response) =>
        json(response, 200, { object: 'list', data: [intent({ id: 'pi_150' })], has_more: true }),
      { kind: 'unknown', reason: 'malformed' },
    ],
  ];

  it.each(lost)(
    'that meets %s proves nothing about what it did not find',
    async (_name, broken, answer) => {
      const list = listOf(many(250));
      const { gateway, server } = await talk((seen, response, n) =>
        n === 0 ? json(response, 200, list(seen)) : broken(seen, response, n),
      );
      const got = await answers(gateway, [idless('txn_249'), idless('txn_0')]);
      expect(got.get('txn_249')).toMatchObject({ kind: 'intent', intent: { id: 'pi_249' } });
      expect(got.get('txn_0')).toMatchObject(answer);
      // A page that is refused for its rate is asked for again, three times.
      expect(server.seen.length).toBeLessThanOrEqual(answer['reason'] === 'rate_limited' ? 5 : 3);
    },
  );
});

describe('a page that is refused for its rate', () => {
  it('is asked for again, so that a long scan does not begin anew', async () => {
    const list = listOf(many(250));
    const { gateway } = await talk((seen, response, n) =>
      n === 1 || n === 2 ? stripeError(response, 429, {}) : json(response, 200, list(seen)),
    );
    const got = await answers(gateway, [idless('txn_0'), idless('txn_none')]);
    expect(got.get('txn_0')).toMatchObject({ kind: 'intent', intent: { id: 'pi_0' } });
    expect(got.get('txn_none')).toMatchObject({ kind: 'absent', pages: 3 });
    expect(gateway.calls()).toMatchObject({ list: 5 });
  });

  it('is not, when Stripe says that it should not be', async () => {
    const { gateway } = await talk((_seen, response) =>
      stripeError(response, 429, {}, { 'Stripe-Should-Retry': 'false' }),
    );
    expect((await answers(gateway, [idless('txn_0')])).get('txn_0')).toMatchObject({
      kind: 'unknown',
      reason: 'rate_limited',
      shouldRetry: false,
    });
    expect(gateway.calls()).toMatchObject({ list: 1 });
  });
});

describe('stopping', () => {
  it('begins nothing more once the signal aborts, and ends', async () => {
    const { gateway, server } = await talk((seen, response) => {
      if (server.seen.length <= 4) json(response, 200, intent({ id: seen.path.split('/').at(-1) }));
    });
    const stop = new AbortController();
    const queries = Array.from({ length: TOO_FEW_FOR_A_PAGE }, (_, n) =>
      query({ paymentIntent: `pi_${n}` }),
    );
    void until(() => server.seen.length === 12).then(() => stop.abort());
    const got = await collect(gateway.lookUp(queries, stop.signal));
    expect(got).toHaveLength(4);
    expect(server.seen).toHaveLength(12);
    await until(() => server.connections() <= 4);
    expect(server.seen).toHaveLength(12);
  });

  it('ends what is under way when the consumer stops early', async () => {
    const { gateway, server } = await talk((seen, response) => {
      if (server.seen.length === 1)
        json(response, 200, intent({ id: seen.path.split('/').at(-1) }));
    });
    const queries = Array.from({ length: TOO_FEW_FOR_A_PAGE }, (_, n) =>
      query({ paymentIntent: `pi_${n}` }),
    );
    for await (const looked of gateway.lookUp(queries)) {
      expect(looked.answer.kind).toBe('intent');
      break;
    }
    expect(server.seen.length).toBeLessThanOrEqual(9);
    await until(() => server.connections() <= 1);
    expect(server.seen.length).toBeLessThanOrEqual(9);
  });

  it('asks nothing at all when it was stopped before', async () => {
    const { gateway, server } = await talk((_seen, response) => json(response, 200, intent()));
    expect(await collect(gateway.lookUp([query(), idless('txn_1')], AbortSignal.abort()))).toEqual(
      [],
    );
    expect(server.seen).toEqual([]);
  });
});
