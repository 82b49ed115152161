import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { Gateway, LookUp } from '../../src/app/ports.ts';
import { outside } from '../../src/stripe/look-up/run.ts';
import { StripeClock } from '../../src/stripe/stripe-clock.ts';
import { json, startRawServer, type RawServer, type Seen } from './raw-server.ts';
import { collect, gatewayAt, intent, query } from './samples.ts';

/* Stripe's clock and the database's, apart by anything from a minute to years. */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const YEAR = 365 * 24 * 60 * MINUTE;
/** What the database's clock shows. */
const NOW = Date.UTC(2026, 10, 26, 12);

const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const thing of open.splice(0)) await thing.close();
});

interface Talk {
  readonly gateway: Gateway;
  readonly server: RawServer;
}

/** Stripe, with its clock ahead by so much, and an intent that it made so long ago by its own clock. */
async function stripeAhead(aheadMs: number, agoMs: number): Promise<Talk> {
  const made = intent({
    id: 'pi_made',
    created: Math.floor((NOW + aheadMs - agoMs) / SECOND),
    metadata: { payrecon_transaction: 'txn_made' },
  });
  const answer = (seen: Seen): unknown => {
    if (seen.path !== '/v1/payment_intents') return made;
    const from = Number(seen.query.get('created[gte]'));
    const to = Number(seen.query.get('created[lte]'));
    const inRange = Number(made['created']) >= from && Number(made['created']) <= to;
    return { object: 'list', data: inRange ? [made] : [], has_more: false };
  };
  const server = await startRawServer((seen, response) =>
    json(response, 200, answer(seen), { Date: new Date(NOW + aheadMs).toUTCString() }),
  );
  const gateway = gatewayAt(server.base);
  open.push(gateway, { close: () => server[Symbol.asyncDispose]() });
  return { gateway, server };
}

function sentAgo(ms: number, more: Partial<LookUp> = {}): LookUp {
  return query({
    transactionId: 'txn_made',
    paymentIntent: null,
    createdFrom: NOW - ms,
    createdTo: NOW,
    askedAt: NOW,
    ...more,
  });
}

async function kindOf(gateway: Gateway, asked: LookUp): Promise<string> {
  const [looked] = await collect(gateway.lookUp([asked]));
  return looked!.answer.kind;
}

describe('a scan', () => {
  it.each([
    -10 * YEAR,
    -YEAR,
    -25 * 60 * MINUTE,
    -11 * MINUTE,
    11 * MINUTE,
    25 * 60 * MINUTE,
    YEAR,
    10 * YEAR,
  ])("finds what was made, with Stripe's clock %d ms ahead", async (aheadMs) => {
    const { gateway, server } = await stripeAhead(aheadMs, MINUTE);
    // At once, without a call before, and again once Stripe's time is known.
    expect(await kindOf(gateway, sentAgo(2 * MINUTE))).toBe('intent');
    expect(server.seen).toHaveLength(2);
    expect(await kindOf(gateway, sentAgo(2 * MINUTE))).toBe('intent');
  });

  it.each([-YEAR, YEAR])(
    "calls absent only what neither time shows, and says the window in Stripe's (%d ms)",
    async (aheadMs) => {
      const { gateway, server } = await stripeAhead(aheadMs, MINUTE);
      const [looked] = await collect(
        gateway.lookUp([sentAgo(2 * MINUTE, { transactionId: 'txn_other' })]),
      );
      expect(looked!.answer).toMatchObject({ kind: 'absent', pages: 2 });
      const windows = server.seen.map(({ query: asked }) => [
        Number(asked.get('created[gte]')) * SECOND,
        Number(asked.get('created[lte]')) * SECOND,
      ]);
      expect(windows[0]).toEqual([NOW - 12 * MINUTE, NOW + 10 * MINUTE]);
      // Whole seconds, outward.
      expect(Math.abs(windows[1]![0]! - (NOW + aheadMs - 12 * MINUTE))).toBeLessThan(30 * SECOND);
      expect(Math.abs(windows[1]![1]! - (NOW + aheadMs + 10 * MINUTE))).toBeLessThan(30 * SECOND);
      expect(looked!.answer).toMatchObject({
        scannedFrom: windows[1]![0],
        scannedTo: windows[1]![1],
      });
    },
  );

  it.each([0, -50 * SECOND, 50 * SECOND])(
    'asks nothing more while the clocks agree (%d ms)',
    async (aheadMs) => {
      const { gateway, server } = await stripeAhead(aheadMs, MINUTE);
      expect(await kindOf(gateway, sentAgo(2 * MINUTE))).toBe('intent');
      expect(await kindOf(gateway, sentAgo(2 * MINUTE, { transactionId: 'txn_other' }))).toBe(
        'absent',
      );
      expect(server.seen).toHaveLength(2);
    },
  );

  it('reads only what is new where both windows overlap', async () => {
    const { gateway, server } = await stripeAhead(15 * MINUTE, MINUTE);
    expect(await kindOf(gateway, sentAgo(2 * MINUTE))).toBe('intent');
    const [first, second] = server.seen.map(({ query: asked }) => ({
      from: Number(asked.get('created[gte]')),
      to: Number(asked.get('created[lte]')),
    }));
    expect(second!.from).toBe(first!.to + 1);
  });

  it("takes the database's time as it is where nobody says what that clock shows, or Stripe does not", async () => {
    const { gateway, server } = await stripeAhead(YEAR, MINUTE);
    const { askedAt: _, ...unsaid } = sentAgo(2 * MINUTE);
    expect(await kindOf(gateway, unsaid)).toBe('absent');
    expect(server.seen).toHaveLength(1);
  });
});

describe('pages for known ids', () => {
  it("are asked for in Stripe's time once it is known", async () => {
    const { gateway, server } = await stripeAhead(YEAR, MINUTE);
    await gateway.account();
    await collect(
      gateway.lookUp(
        Array.from({ length: 30 }, (_, n) =>
          sentAgo(2 * MINUTE, { transactionId: `txn_${n}`, paymentIntent: `pi_${n}` }),
        ),
      ),
    );
    const page = server.seen.find(({ path }) => path === '/v1/payment_intents');
    expect(Math.abs(Number(page!.query.get('created[lte]')) * SECOND - (NOW + YEAR))).toBeLessThan(
      5 * MINUTE,
    );
  });

  it('are answered with the query that was asked', async () => {
    const { gateway } = await stripeAhead(YEAR, MINUTE);
    await gateway.account();
    const asked = sentAgo(2 * MINUTE, { paymentIntent: 'pi_made' });
    const [looked] = await collect(gateway.lookUp([asked]));
    expect(looked!.query).toBe(asked);
  });
});

describe("Stripe's clock", () => {
  it('goes on while nothing is asked, and is measured against the moment when the look-up began', () => {
    let monotonicMs = 5_000;
    const clock = new StripeClock({ monotonicMs: () => monotonicMs });
    const before = clock.measure();
    expect(before({ askedAt: NOW })).toBeNull();
    clock.saw(new Date(NOW + 2 * MINUTE).toUTCString());
    expect(before({ askedAt: NOW })).toBe(2 * MINUTE);
    monotonicMs += 60 * MINUTE;
    // An hour passed for both.
    expect(before({ askedAt: NOW })).toBe(2 * MINUTE);
    expect(clock.measure()({ askedAt: NOW + 60 * MINUTE })).toBe(2 * MINUTE);
    expect(clock.measure()({ askedAt: NOW + 61 * MINUTE })).toBe(0);
    expect(clock.measure()({})).toBeNull();
  });

  it('is not learned from what is no date', () => {
    const clock = new StripeClock({ monotonicMs: () => 0 });
    for (const header of [null, '', 'yesterday', 'Fri, 99 Nov 2026']) clock.saw(header);
    expect(clock.measure()({ askedAt: NOW })).toBeNull();
  });
});

describe('what lies outside of a scanned range', () => {
  it('is every second of the other that is not in it, once', () => {
    const range = fc
      .tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 20 }))
      .map(([fromSeconds, length]) => ({ fromSeconds, toSeconds: fromSeconds + length }));
    const secondsOf = ({
      fromSeconds,
      toSeconds,
    }: {
      fromSeconds: number;
      toSeconds: number;
    }): number[] => Array.from({ length: toSeconds - fromSeconds + 1 }, (_, n) => fromSeconds + n);
    fc.assert(
      fc.property(range, range, (one, scanned) => {
        const inScanned = new Set(secondsOf(scanned));
        expect(outside(one, scanned).flatMap(secondsOf)).toEqual(
          secondsOf(one).filter((second) => !inScanned.has(second)),
        );
      }),
    );
  });
});
