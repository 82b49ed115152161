import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Timeline } from '../../../src/sandbox/stripe/timeline.ts';
import { CARD, createUnconfirmed, startLocal } from '../clients.ts';

const START_MS = 1_790_000_000_000;

describe('the list', () => {
  test('is newest first, in the order of creation within a second, and pages both ways', async () => {
    await using local = await startLocal({ now: () => START_MS });
    const ids: string[] = [];
    for (let n = 0; n < 7; n += 1) {
      if (n === 3) local.sandbox.clock.advance(1000);
      ids.push((await local.stripe.paymentIntents.create(CARD)).id);
    }
    const newestFirst = ids.toReversed();
    const list = (params: object) => local.stripe.paymentIntents.list(params);
    expect((await list({})).data.map(({ id }) => id)).toEqual(newestFirst);
    const first = await list({ limit: 3 });
    expect(first).toMatchObject({ has_more: true, url: '/v1/payment_intents' });
    expect(first.data.map(({ id }) => id)).toEqual(newestFirst.slice(0, 3));
    const second = await list({ limit: 3, starting_after: newestFirst[2] });
    expect(second.data.map(({ id }) => id)).toEqual(newestFirst.slice(3, 6));
    const last = await list({ limit: 3, starting_after: newestFirst[5] });
    expect(last).toMatchObject({ has_more: false });
    expect(last.data.map(({ id }) => id)).toEqual(newestFirst.slice(6));
    const back = await list({ limit: 2, ending_before: newestFirst[4] });
    expect(back.data.map(({ id }) => id)).toEqual(newestFirst.slice(2, 4));
    expect(back.has_more).toBe(true);
    const all: string[] = [];
    for await (const intent of local.stripe.paymentIntents.list({ limit: 2 })) all.push(intent.id);
    expect(all).toEqual(newestFirst);
  });

  test('shows what was just created, and filters by customer and by time', async () => {
    await using local = await startLocal({ now: () => START_MS });
    const customer = await local.stripe.customers.create({});
    const before = await local.stripe.paymentIntents.create({ ...CARD, customer: customer.id });
    local.sandbox.clock.advance(10_000);
    const after = await local.stripe.paymentIntents.create(CARD);
    const idsOf = async (params: object) =>
      (await local.stripe.paymentIntents.list(params)).data.map(({ id }) => id);
    expect(await idsOf({ customer: customer.id })).toEqual([before.id]);
    expect(await idsOf({ customer: 'cus_nobody' })).toEqual([]);
    expect(await idsOf({ created: { gte: after.created } })).toEqual([after.id]);
    expect(await idsOf({ created: { gt: before.created, lte: after.created } })).toEqual([
      after.id,
    ]);
    expect(await idsOf({ created: { lt: after.created } })).toEqual([before.id]);
    expect(await idsOf({ created: before.created })).toEqual([before.id]);
    expect(await idsOf({ created: { gt: after.created } })).toEqual([]);
    await local.stripe.paymentIntents.update(after.id, { customer: customer.id });
    expect(await idsOf({ customer: customer.id })).toEqual([after.id, before.id]);
    const other = await local.stripe.customers.create({});
    await local.stripe.paymentIntents.update(before.id, { customer: other.id });
    expect(await idsOf({ customer: customer.id })).toEqual([after.id]);
    expect(await idsOf({ customer: other.id })).toEqual([before.id]);
  });

  test('shows the metadata of each row whole, as a retrieve does', async () => {
    await using local = await startLocal();
    const metadata = Object.fromEntries(
      Array.from({ length: 50 }, (_, n) => [
        `${'k'.repeat(38)}${String(n).padStart(2, '0')}`,
        `é${'v'.repeat(499)}`,
      ]),
    );
    const { id } = await local.stripe.paymentIntents.create({ ...CARD, metadata });
    const [row] = (await local.stripe.paymentIntents.list()).data;
    expect(row?.metadata).toEqual(metadata);
    expect({ ...row }).toEqual({ ...(await local.stripe.paymentIntents.retrieve(id)) });
  });

  test('agrees with a plain filter over any objects, pages and bounds', () => {
    const record = fc.record({ created: fc.nat({ max: 12 }) });
    const query = fc.record({
      from: fc.integer({ min: -1, max: 13 }),
      to: fc.integer({ min: -1, max: 13 }),
      limit: fc.integer({ min: 1, max: 6 }),
      after: fc.nat(),
      before: fc.nat(),
      use: fc.constantFrom('neither', 'after', 'before'),
    });
    fc.assert(
      fc.property(
        fc.array(record, { maxLength: 30 }),
        fc.boolean(),
        query,
        (made, bulk, { from, to, limit, after, before, use }) => {
          const records = made.map(({ created }, seq) => ({
            id: `id${String(seq)}`,
            created,
            seq,
          }));
          const timeline = new Timeline<(typeof records)[number]>();
          if (bulk) timeline.putAll(records);
          else for (const each of records) timeline.put(each);
          const newestFirst = records.toSorted(
            (one, other) => other.created - one.created || other.seq - one.seq,
          );
          const cursor = (n: number) =>
            records.length === 0 ? undefined : newestFirst[n % newestFirst.length];
          const at = use === 'neither' ? undefined : cursor(use === 'after' ? after : before);
          const index = newestFirst.findIndex((each) => each === at);
          const inBounds = (each: (typeof records)[number]) =>
            each.created >= from && each.created <= to;
          const candidates = newestFirst.filter(
            (each, place) =>
              inBounds(each) &&
              (at === undefined || (use === 'after' ? place > index : place < index)),
          );
          const expected =
            use === 'before' && at !== undefined
              ? candidates.slice(-limit)
              : candidates.slice(0, limit);
          const entry = at === undefined ? null : (timeline.get(at.id) ?? null);
          const page = timeline.page({
            from,
            to,
            limit,
            startingAfter: use === 'after' ? entry : null,
            endingBefore: use === 'before' ? entry : null,
            where: null,
          });
          expect(page.records).toEqual(expected);
          expect(page.hasMore).toBe(candidates.length > limit);
        },
      ),
      { seed: 20_260, numRuns: 500 },
    );
  });

  test('of 200,000 intents stays quick, from the first page to the last', async () => {
    await using local = await startLocal();
    const to = Math.floor(Date.now() / 1000);
    const seeded = await local.control('POST', 'seed', {
      count: 200_000,
      created_from: to - 7200,
      created_to: to,
      metadata: { payrecon_transaction: 'txn_{n}' },
      statuses: { succeeded: 9, requires_confirmation: 1 },
    });
    expect(seeded.json).toMatchObject({ count: 200_000 });
    const startedAt = performance.now();
    let after = '';
    for (let pages = 0; pages < 50; pages += 1) {
      const page = await local.send(
        'GET',
        `/v1/payment_intents?limit=100&created[gte]=${String(to - 3600)}${after === '' ? '' : `&starting_after=${after}`}`,
      );
      const data = page.json['data'] as unknown as { id: string }[];
      expect(data).toHaveLength(100);
      after = data.at(-1)!.id;
    }
    expect((performance.now() - startedAt) / 50).toBeLessThan(100);
    const [first] = local.sandbox.books.paymentIntents;
    expect(first).toMatchObject({
      metadata: { payrecon_transaction: 'txn_0' },
      created: to - 7200,
    });
    expect(local.sandbox.books.succeededCount() / 200_000).toBeCloseTo(0.9, 1);
  });
});

describe('charges and events', () => {
  test('every attempt is a charge', async () => {
    await using local = await startLocal();
    const { id } = await createUnconfirmed(local.stripe, 'pm_card_chargeDeclined');
    await local.stripe.paymentIntents.confirm(id).catch(() => undefined);
    await local.stripe.paymentIntents.confirm(id, { payment_method: 'pm_card_visa' });
    const charges = await local.stripe.charges.list({ payment_intent: id });
    expect(charges.data.map(({ status }) => status)).toEqual(['succeeded', 'failed']);
    expect((await local.stripe.charges.list({ payment_intent: 'pi_other' })).data).toEqual([]);
  });

  test('events tell what happened, which request did it, and what it looked like then', async () => {
    await using local = await startLocal({ eventLagMs: 0 });
    const { id } = await local.stripe.paymentIntents.create(
      { ...CARD, payment_method: 'pm_card_visa' },
      { idempotencyKey: 'create-7' },
    );
    const paid = await local.stripe.paymentIntents.confirm(id, {}, { idempotencyKey: 'confirm-7' });
    const events = (await local.stripe.events.list()).data;
    expect(events.map(({ type }) => type)).toEqual([
      'payment_intent.succeeded',
      'charge.succeeded',
      'payment_intent.created',
    ]);
    expect(events.map(({ request }) => request?.idempotency_key)).toEqual([
      'confirm-7',
      'confirm-7',
      'create-7',
    ]);
    expect(events[0]?.request?.id).toBe(paid.lastResponse.requestId);
    expect(events[2]?.data.object).toMatchObject({ id, status: 'requires_confirmation' });
    const only = await local.stripe.events.list({
      types: ['payment_intent.created', 'payment_intent.canceled'],
    });
    expect(only.data.map(({ type }) => type)).toEqual(['payment_intent.created']);
    expect((await local.stripe.events.list({ type: 'charge.*' })).data).toHaveLength(1);
    expect(await local.stripe.events.retrieve(events[0]!.id)).toMatchObject({
      type: 'payment_intent.succeeded',
    });
  });

  test('an event names the key of the request that caused it, also of a decline, and none where nobody asked', async () => {
    await using local = await startLocal({ eventLagMs: 0 });
    const key = (idempotencyKey: string) => ({ idempotencyKey });
    const declined = await createUnconfirmed(local.stripe, 'pm_card_chargeDeclined');
    await local.stripe.paymentIntents
      .confirm(declined.id, {}, key('declined'))
      .catch(() => undefined);
    await local.stripe.paymentIntents
      .confirm(declined.id, {}, key('declined'))
      .catch(() => undefined);
    await local.stripe.paymentIntents.cancel(declined.id, {}, key('canceled'));
    const waiting = await createUnconfirmed(local.stripe, 'pm_card_authenticationRequired');
    await local.stripe.paymentIntents.confirm(waiting.id, {}, key('waiting'));
    await local.control('POST', `payment_intents/${waiting.id}/settle`, { outcome: 'succeeded' });
    const held = await createUnconfirmed(local.stripe, 'pm_card_visa', {
      capture_method: 'manual',
    });
    await local.stripe.paymentIntents.confirm(held.id, {}, key('held'));
    await local.stripe.paymentIntents.capture(held.id, {}, key('captured'));
    const { data } = await local.stripe.events.list({ limit: 100 });
    const causes = data
      .map(({ type, request }) => [type, request?.idempotency_key ?? null])
      .filter(([type]) => type !== 'payment_intent.created')
      .toReversed();
    expect(causes).toEqual([
      ['charge.failed', 'declined'],
      ['payment_intent.payment_failed', 'declined'],
      ['payment_intent.canceled', 'canceled'],
      ['payment_intent.requires_action', 'waiting'],
      ['charge.succeeded', null],
      ['payment_intent.succeeded', null],
      ['charge.succeeded', 'held'],
      ['payment_intent.amount_capturable_updated', 'held'],
      ['charge.captured', 'captured'],
      ['payment_intent.succeeded', 'captured'],
    ]);
  });

  test('events are chosen by type, by time and by page', async () => {
    let now = START_MS;
    await using local = await startLocal({ now: () => now, eventLagMs: 0 });
    for (let n = 0; n < 5; n += 1) {
      await local.stripe.paymentIntents.confirm((await createUnconfirmed(local.stripe)).id);
      now += 1000;
    }
    const count = async (params: object) =>
      (await local.stripe.events.list({ limit: 100, ...params })).data.length;
    expect(await count({})).toBe(15);
    expect(await count({ types: ['payment_intent.created'] })).toBe(5);
    expect(await count({ types: ['payment_intent.created', 'charge.succeeded'] })).toBe(10);
    expect(await count({ types: ['payment_intent.canceled'] })).toBe(0);
    expect(await count({ types: ['payment_intent.*'] })).toBe(10);
    expect(
      await count({ types: ['payment_intent.created'], created: { gte: START_MS / 1000 + 2 } }),
    ).toBe(3);
    const keys: unknown[] = [];
    for await (const { request } of local.stripe.events.list({
      types: ['payment_intent.created'],
      limit: 2,
    }))
      keys.push(request?.idempotency_key);
    expect(new Set(keys).size).toBe(5);
    await expect(local.stripe.events.list({ type: 'a', types: ['b'] })).rejects.toMatchObject({
      statusCode: 400,
      param: 'types',
    });
    await expect(
      local.stripe.events.list({ types: Array.from({ length: 21 }, () => 'charge.failed') }),
    ).rejects.toMatchObject({ statusCode: 400, param: 'types' });
  });

  test('fresh events are missing from the list, and old ones are gone after 30 days', async () => {
    let now = START_MS;
    await using local = await startLocal({ now: () => now, eventLagMs: 5000 });
    await local.stripe.paymentIntents.create(CARD);
    const count = async () => (await local.stripe.events.list()).data.length;
    expect(await count()).toBe(0);
    now += 5000;
    expect(await count()).toBe(1);
    now += 30 * 86_400_000;
    expect(await count()).toBe(0);
  });
});

describe('the search', () => {
  test('finds by metadata, status, customer, amount and time', async () => {
    await using local = await startLocal({ searchLagMs: 0 });
    const customer = await local.stripe.customers.create({});
    const one = await local.stripe.paymentIntents.create({
      ...CARD,
      customer: customer.id,
      metadata: { order: 'A "7"', shop: 'north' },
    });
    const two = await local.stripe.paymentIntents.create({
      ...CARD,
      amount: 900,
      payment_method: 'pm_card_visa',
      metadata: { shop: 'South' },
    });
    const found = async (query: string) =>
      (await local.stripe.paymentIntents.search({ query })).data.map(({ id }) => id);
    expect(await found('metadata["order"]:"A \\"7\\""')).toEqual([one.id]);
    expect(await found("metadata['shop']:'south'")).toEqual([two.id]);
    expect(await found('metadata["shop"]~"out"')).toEqual([two.id]);
    expect(await found('metadata["order"]:null')).toEqual([two.id]);
    expect(await found('status:"requires_confirmation" AND amount<1000')).toEqual([two.id]);
    expect(await found('status:"requires_confirmation" OR amount>4000')).toEqual([two.id, one.id]);
    expect(await found(`-customer:"${customer.id}"`)).toEqual([two.id]);
    expect(await found(`created>=${String(one.created)}`)).toEqual([two.id, one.id]);
    for (const query of [
      'nonsense',
      'colour:"red"',
      'amount:"x"',
      'status:"a" AND amount>1 OR amount<2',
      '',
    ]) {
      await expect(local.stripe.paymentIntents.search({ query })).rejects.toMatchObject({
        statusCode: 400,
        param: 'query',
      });
    }
  });

  test('pages', async () => {
    await using local = await startLocal({ searchLagMs: 0 });
    const ids: string[] = [];
    for (let n = 0; n < 5; n += 1) ids.unshift((await local.stripe.paymentIntents.create(CARD)).id);
    const first = await local.stripe.paymentIntents.search({ query: 'amount>1', limit: 2 });
    expect(first).toMatchObject({ has_more: true, object: 'search_result' });
    const all: string[] = [];
    for await (const intent of local.stripe.paymentIntents.search({ query: 'amount>1', limit: 2 }))
      all.push(intent.id);
    expect(all).toEqual(ids);
  });

  test('lags: what is not found may exist, and what is found may have changed', async () => {
    await using local = await startLocal({ now: () => START_MS, searchLagMs: 60_000 });
    const { id } = await createUnconfirmed(local.stripe, 'pm_card_visa', {
      metadata: { order: '1' },
    });
    const statuses = async () =>
      (await local.stripe.paymentIntents.search({ query: 'metadata["order"]:"1"' })).data.map(
        ({ status }) => status,
      );
    expect(await statuses()).toEqual([]);
    local.sandbox.clock.advance(59_000);
    await local.stripe.paymentIntents.confirm(id);
    expect(await statuses()).toEqual([]);
    local.sandbox.clock.advance(1000);
    expect(await statuses()).toEqual(['requires_confirmation']);
    local.sandbox.clock.advance(59_000);
    expect(await statuses()).toEqual(['succeeded']);
  });
});
