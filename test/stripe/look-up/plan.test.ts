import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createChance } from '../../../src/sandbox/stripe/ids.ts';
import { Density } from '../../../src/stripe/look-up/payment-rate.ts';
import {
  LookUpPlanner,
  type PageAsked,
  type PlannedCall,
} from '../../../src/stripe/look-up/plan.ts';
import type { LookUp } from '../../../src/app/ports.ts';
import { query } from '../samples.ts';

const START = 1_700_000_000;
const PAGE = 100;
const AT_ONCE = 8;

interface Account {
  /** Newest first. */
  readonly intents: readonly { readonly id: string; readonly created: number }[];
  readonly pending: readonly LookUp[];
}

interface Traffic {
  readonly payments: number;
  readonly perSecond: number;
  /** Of the payments, whose outcome is not known. */
  readonly share: number;
  readonly seed: number;
  /** Seconds between our sending the create and Stripe's `created`, at most. */
  readonly lag?: number;
  /** Payments, and pending ones among them, at equal distances. */
  readonly even?: boolean;
}

function accountWith({
  payments,
  perSecond,
  share,
  seed,
  lag = 1,
  even = false,
}: Traffic): Account {
  const chance = createChance(seed);
  const intents: { id: string; created: number }[] = [];
  const pending: LookUp[] = [];
  let at = START;
  for (let n = 0; n < payments; n += 1) {
    at -= (even ? 1 : -Math.log(1 - chance())) / perSecond;
    const id = `pi_${n}`;
    intents.push({ id, created: Math.floor(at + chance() * lag) });
    if (even ? Math.floor(n * share) < Math.floor((n + 1) * share) : chance() < share)
      pending.push(
        query({
          transactionId: `txn_${n}`,
          paymentIntent: id,
          createdFrom: Math.floor(at * 1_000),
        }),
      );
  }
  return { intents: intents.sort((a, b) => b.created - a.created), pending };
}

/** Stripe's list. */
function pageOf(
  { intents }: Account,
  { fromSeconds, toSeconds, after }: PageAsked,
): { readonly shown: Account['intents']; readonly hasMore: boolean } {
  const begin =
    after === null
      ? intents.findIndex(({ created }) => created <= toSeconds)
      : intents.findIndex(({ id }) => id === after) + 1;
  if (begin < 0) return { shown: [], hasMore: false };
  const shown = intents.slice(begin, begin + PAGE).filter(({ created }) => created >= fromSeconds);
  return {
    shown,
    hasMore: (intents[begin + PAGE]?.created ?? -1) >= fromSeconds && shown.length === PAGE,
  };
}

interface Made {
  readonly pages: number;
  readonly retrieves: number;
  readonly answered: readonly string[];
}

function run(
  account: Account,
  block: number,
  fails: (call: number) => boolean = () => false,
): Made {
  const density = new Density();
  const answered: string[] = [];
  let pages = 0;
  let retrieves = 0;
  for (let from = 0; from < account.pending.length; from += block) {
    const planner = new LookUpPlanner(account.pending.slice(from, from + block), density, AT_ONCE);
    const underWay: PlannedCall[] = [];
    for (;;) {
      for (
        let call = underWay.length < AT_ONCE ? planner.next() : null;
        call !== null;
        call = underWay.length < AT_ONCE ? planner.next() : null
      )
        underWay.push(call);
      const call = underWay.shift();
      if (call === undefined) break;
      if (call.kind === 'retrieve') {
        retrieves += 1;
        answered.push(call.query.transactionId);
        continue;
      }
      pages += 1;
      if (fails(pages)) {
        planner.failed(call.slice, call.page);
        continue;
      }
      const { shown, hasMore } = pageOf(account, call.page);
      answered.push(
        ...planner
          .saw(call.slice, call.page, shown, hasMore)
          .map(({ query: found }) => found.transactionId),
      );
    }
  }
  return { pages, retrieves, answered };
}

function purePages({ intents }: Account): number {
  return Math.ceil(intents.length / PAGE);
}

describe('the planner', () => {
  it('answers every query exactly once, whatever the traffic, the lag and the pages that fail', () => {
    fc.assert(
      fc.property(
        fc.record({
          payments: fc.integer({ min: 0, max: 3_000 }),
          perSecond: fc.constantFrom(0.01, 0.5, 25, 400),
          share: fc.constantFrom(0.01, 0.1, 0.5, 1),
          seed: fc.integer(),
          lag: fc.constantFrom(0, 1, 30, 900),
        }),
        fc.integer({ min: 1, max: 10 }),
        (traffic, failEvery) => {
          const account = accountWith(traffic);
          const { answered } = run(
            account,
            700,
            (call) => failEvery < 10 && call % failEvery === 0,
          );
          expect([...answered].sort()).toEqual(
            account.pending.map(({ transactionId }) => transactionId).sort(),
          );
        },
      ),
      { numRuns: 40 },
    );
  });

  it.each([0.5, 25, 100])(
    'reads the backlog of an outage in little more than the pages there are (%d payments a second)',
    (perSecond) => {
      const account = accountWith({ payments: 40_000, perSecond, share: 1, seed: 1 });
      const { pages, retrieves } = run(account, 5_000);
      expect(pages + retrieves).toBeLessThanOrEqual(1.1 * purePages(account));
    },
  );

  it.each([0.002, 0.005, 0.01, 0.02, 0.05, 0.2])(
    'never makes more than 1.1 times the calls of the better pure way (%d of the payments pending)',
    (share) => {
      for (const seed of [1, 2, 3]) {
        const account = accountWith({ payments: 60_000, perSecond: 25, share, seed });
        const { pages, retrieves } = run(account, 5_000);
        expect(pages + retrieves).toBeLessThanOrEqual(
          1.1 * Math.min(account.pending.length, purePages(account)),
        );
      }
    },
  );

  it.each([0.008, 0.01, 0.011, 0.012, 0.015, 0.02, 0.025, 0.03, 0.05])(
    'nor when they lie at equal distances (%d of the payments pending)',
    (share) => {
      for (const perSecond of [3, 25, 100]) {
        const account = accountWith({ payments: 60_000, perSecond, share, seed: 1, even: true });
        const { pages, retrieves } = run(account, 2_000);
        expect(pages + retrieves).toBeLessThanOrEqual(
          1.1 * Math.min(account.pending.length, purePages(account)),
        );
      }
    },
  );

  it('reads pages where payments are dense, and retrieves where they are not', () => {
    const account = accountWith({ payments: 60_000, perSecond: 25, share: 0.01, seed: 4 });
    const crowd = new Set(account.intents.slice(20_000, 21_000).map(({ id }) => id));
    const dense = account.intents
      .filter(({ id }) => crowd.has(id))
      .map(({ id, created }) =>
        query({ transactionId: `dense_${id}`, paymentIntent: id, createdFrom: created * 1_000 }),
      );
    const alone = account.pending.filter(({ paymentIntent }) => !crowd.has(paymentIntent ?? ''));
    const { pages, retrieves } = run({ ...account, pending: [...dense, ...alone] }, 5_000);
    expect(pages + retrieves).toBeLessThan(alone.length + 30);
  });

  it('makes one call for each of a few', () => {
    const account = accountWith({ payments: 1_000, perSecond: 25, share: 0.01, seed: 1 });
    const { pages, retrieves } = run(account, 100);
    expect({ pages, retrieves }).toEqual({ pages: 0, retrieves: account.pending.length });
  });
});
