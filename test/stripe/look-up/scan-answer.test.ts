import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LookedUpRow } from '../../../src/app/ports.ts';
import type { IntentSnapshot } from '../../../src/domain/answer.ts';
import type { Match } from '../../../src/stripe/look-up/scan.ts';
import { answerOfScan } from '../../../src/stripe/look-up/scan-answer.ts';
import { readIntent } from '../../../src/stripe/parse-intent.ts';
import { intent, query, SECRET } from '../samples.ts';

const TXN = 'txn_01HZX5J4E9K4M2N8P0Q6R7S8T9';
const LED = 'led_1';

interface Shown {
  readonly id: string;
  readonly status: string;
  readonly attempt?: number;
  readonly ledger?: string | null;
  readonly livemode?: boolean;
  readonly created?: number;
}

function shown({
  id,
  status,
  attempt = 1,
  ledger = LED,
  livemode = false,
  created = 1_700_000_000,
}: Shown): IntentSnapshot {
  const marks = {
    payrecon_transaction: TXN,
    payrecon_attempt: String(attempt),
    ...(ledger === null ? {} : { payrecon_ledger: ledger }),
  };
  const snapshot = readIntent(intent({ id, status, livemode, created, metadata: marks }), SECRET);
  if (snapshot === null) throw new Error(`no intent: ${id}`);
  return snapshot;
}

const ROW: LookedUpRow = {
  attempt: 2,
  paymentIntent: null,
  paramsVersion: 2,
  ledger: { id: LED, livemode: false },
};
const COMPLETE = { pages: 3, requestId: 'req_end', unanswered: null, fromSeconds: 1, toSeconds: 2 };
const BROKEN = {
  ...COMPLETE,
  unanswered: {
    kind: 'unknown' as const,
    reason: 'server_error' as const,
    effect: 'unknown' as const,
    answered: true,
    httpStatus: 500,
    rateLimitedReason: null,
    shouldRetry: null,
    requestId: null,
    message: 'down',
  },
};

function matches(all: readonly Shown[]): Match[] {
  return all.map((one) => ({ intent: shown(one), requestId: `req_${one.id}` }));
}

/** The intent that is answered, and the others. */
function chosen(
  all: readonly Shown[],
  row: Partial<LookedUpRow> | null = {},
  end: typeof COMPLETE | typeof BROKEN = COMPLETE,
): string {
  const asked = query({
    paymentIntent: null,
    ...(row === null ? {} : { row: { ...ROW, ...row } }),
  });
  const answer = answerOfScan(asked, matches(all), end);
  if (answer.kind !== 'intent') return answer.kind;
  return [answer.intent.id, ...(answer.others ?? []).map(({ id }) => id)].join(' ');
}

describe('of several intents that bear its id', () => {
  const one: Shown = { id: 'pi_one', status: 'canceled', attempt: 1 };
  const two: Shown = { id: 'pi_two', status: 'requires_confirmation', attempt: 2 };
  const stray: Shown = { id: 'pi_stray', status: 'requires_confirmation', attempt: 1 };
  const paid: Shown = { id: 'pi_paid', status: 'succeeded', attempt: 1 };

  it.each<[string, readonly Shown[], Partial<LookedUpRow> | null, string]>([
    ['none is absent', [], {}, 'absent'],
    ["the row's attempt is its own, the rest is told", [one, two], {}, 'pi_two pi_one'],
    [
      "the row's attempt is its own also when another one could succeed",
      [stray, two],
      {},
      'pi_two pi_stray',
    ],
    ['a dead earlier attempt is not this one: it is absent', [one], {}, 'absent'],
    ['an earlier attempt that could still succeed is told', [one, stray], {}, 'pi_stray pi_one'],
    ['one that succeeded comes before all', [one, two, paid], {}, 'pi_paid pi_two pi_one'],
    [
      'the stored one is its own',
      [stray, two, { ...two, id: 'pi_other' }],
      { paymentIntent: 'pi_other' },
      'pi_other pi_stray pi_two',
    ],
    [
      'the stored one is its own when it is canceled',
      [{ ...one, attempt: 2 }, stray],
      { paymentIntent: 'pi_one' },
      'pi_one pi_stray',
    ],
    [
      'the stored one that is not on the list is not another one',
      [stray, two],
      { paymentIntent: 'pi_gone' },
      'absent',
    ],
    [
      'one that succeeded comes before the stored one',
      [two, paid],
      { paymentIntent: 'pi_two' },
      'pi_paid pi_two',
    ],
    [
      'of two that succeeded the stored one is its own',
      [paid, { ...paid, id: 'pi_mine' }],
      { paymentIntent: 'pi_mine' },
      'pi_mine pi_paid',
    ],
    [
      'of two that succeeded the one of the attempt is its own',
      [paid, { ...paid, id: 'pi_mine', attempt: 2 }],
      {},
      'pi_mine pi_paid',
    ],
    [
      'without a row, what matters most is first',
      [one, stray, paid],
      null,
      'pi_paid pi_stray pi_one',
    ],
  ])('%s', (_words, all, row, expected) => {
    expect(chosen(all, row)).toBe(expected);
    expect(chosen([...all].reverse(), row)).toBe(expected);
  });

  it("another ledger's and another mode's are not taken, and not told as ours", () => {
    const elsewhere: Shown = { ...paid, id: 'pi_elsewhere', ledger: 'led_2' };
    const unnamed: Shown = { ...paid, id: 'pi_unnamed', ledger: null };
    const live: Shown = { ...paid, id: 'pi_live', livemode: true };
    expect(chosen([two, elsewhere, unnamed, live])).toBe('pi_two');
    // A row of before named no ledger.
    expect(chosen([{ ...unnamed, attempt: 1 }], { paramsVersion: 1, attempt: 1 })).toBe(
      'pi_unnamed',
    );
  });

  it('one that bears our id and is not ours is told, so that nobody calls it absent', () => {
    expect(chosen([{ ...paid, id: 'pi_elsewhere', ledger: 'led_2' }])).toBe('pi_elsewhere');
  });
});

describe('a list that was not read to its end', () => {
  it.each(['succeeded', 'processing', 'requires_action', 'requires_capture'])(
    'still shows money that moves: %s',
    (status) => {
      expect(chosen([{ id: 'pi_x', status, attempt: 2 }], {}, BROKEN)).toBe('pi_x');
    },
  );

  it.each(['requires_confirmation', 'requires_payment_method', 'canceled', 'of_next_year'])(
    'does not show that %s is all there is',
    (status) => {
      expect(chosen([{ id: 'pi_x', status, attempt: 2 }], {}, BROKEN)).toBe('unknown');
    },
  );

  it('never shows absence', () => {
    expect(chosen([], {}, BROKEN)).toBe('unknown');
  });
});

describe('whatever the list shows', () => {
  const anyShown: fc.Arbitrary<Shown> = fc.record({
    id: fc.constantFrom('pi_a', 'pi_b', 'pi_c', 'pi_d', 'pi_e'),
    status: fc.constantFrom(
      'canceled',
      'requires_payment_method',
      'requires_confirmation',
      'requires_action',
      'processing',
      'succeeded',
    ),
    attempt: fc.integer({ min: 1, max: 3 }),
    ledger: fc.constantFrom(LED, LED, LED, 'led_2', null),
    livemode: fc.constantFrom(false, false, true),
    created: fc.integer({ min: 1, max: 9 }),
  });
  const list = fc.uniqueArray(anyShown, { selector: ({ id }) => id, maxLength: 5 });
  const row = fc.record({
    attempt: fc.integer({ min: 1, max: 3 }),
    paymentIntent: fc.constantFrom(null, 'pi_a'),
    paramsVersion: fc.constantFrom(1, 2),
  });

  it('no success of ours is overlooked, no other one of ours that could succeed is kept back, and the order does not matter', () => {
    fc.assert(
      fc.property(list, row, (all, more) => {
        const named = chosen(all, more).split(' ');
        const ours = all.filter(
          ({ ledger, livemode }) =>
            livemode === false && (ledger === LED || (ledger === null && more.paramsVersion === 1)),
        );
        const succeeded = ours.filter(({ status }) => status === 'succeeded').map(({ id }) => id);
        if (succeeded.length > 0) expect(succeeded).toContain(named[0]);
        if (ours.some(({ id }) => id === named[0]))
          expect([...named].sort()).toEqual(ours.map(({ id }) => id).sort());
        else if (ours.length > 0) expect(named).toEqual(['absent']);
        if (named[0] === 'absent' && more.paymentIntent === null)
          expect(ours.filter(({ status }) => status !== 'canceled')).toEqual([]);
      }),
      { numRuns: 3_000 },
    );
  });
});
