import { expect, test } from 'vitest';
import { sqlite } from '../../storage/targets.ts';
import { openHarness } from '../harness.ts';
import type { Action, Command, History, Key } from './history.ts';
import { play } from './run-history.ts';
import { openSecondLedger } from './second.ts';
import { openCourier, World } from './world.ts';

/*
 * Histories that once broke a rule, in the shortest form that did, and stories that each rule was made for. They are
 * played as they are, whatever the generator comes to.
 */

const ALL_SILENT =
  'payment_intents.retrieve#*=html_502; payment_intents.list#*=html_502; payment_intents.create#*=html_502';

function lost(key: Key, call: string): Command {
  return { do: 'charge', key, faults: `payment_intents.${call}` };
}

/** Asked twice, and left undecided while others get through. */
const UNDECIDED_TWICE: readonly Action[] = [
  { do: 'wait', minutes: 6 },
  { do: 'pass', faults: ALL_SILENT },
  { do: 'wait', minutes: 6 },
  { do: 'pass', faults: ALL_SILENT },
];

function decided(
  key: Key,
  as: 'succeeded' | 'failed' | 'canceled' | 'retry',
  cancel = false,
): Command {
  return { do: 'resolve', key, as, cancel };
}

const HISTORIES: Readonly<Record<string, Partial<History> & Pick<History, 'actions'>>> = {
  'a resolver dies over a payment that needs nobody': {
    actions: [
      { do: 'charge', key: 'order-a' },
      { ...decided('order-a', 'succeeded'), dies: { step: 4, when: 'after' } },
    ],
  },
  'a caller dies between claiming a payment that another one settles and looking at it': {
    actions: [
      {
        do: 'together',
        all: [
          { do: 'charge', key: 'order-d' },
          { do: 'charge', key: 'order-d', dies: { step: 8, when: 'after' } },
        ],
        order: [0, 0, 1, 1],
      },
    ],
  },
  'two passes at one time, and one sleeps past its claim on an e-mail': {
    actions: [
      { do: 'charge', key: 'order-a' },
      {
        do: 'together',
        all: [{ do: 'pass' }, { do: 'pass' }, { do: 'wait', minutes: 1 }],
        order: [0, 0, 0, 0, 2, 1, 1, 1, 1, 1, 1],
      },
    ],
  },
  'an authentication fails, which is a decline without a charge': {
    methods: { 'order-a': 'authentication' },
    actions: [
      { do: 'charge', key: 'order-a' },
      { do: 'settle', key: 'order-a', as: 'failed' },
    ],
  },
  'what is stuck turns out to be another amount: a second question': {
    actions: [
      lost('order-c', 'confirm#*=html_502'),
      ...UNDECIDED_TWICE,
      { do: 'settle', key: 'order-c', as: 'succeeded', otherAmount: true },
    ],
  },
  'another amount is paid after a person said that it failed': {
    actions: [
      lost('order-d', 'create#*=500_before'),
      ...UNDECIDED_TWICE,
      decided('order-d', 'failed'),
      { do: 'roll-forward', key: 'order-d' },
      { do: 'settle', key: 'order-d', as: 'succeeded', otherAmount: true },
      { do: 'wait', minutes: 1_500 },
      { do: 'pass' },
      decided('order-d', 'succeeded'),
    ],
  },
  'a person says that it succeeded, and Stripe carries the create out later': {
    actions: [
      lost('order-c', 'create#*=500_before'),
      ...UNDECIDED_TWICE,
      decided('order-c', 'succeeded'),
      { do: 'roll-forward', key: 'order-c' },
      { do: 'wait', minutes: 120 },
      { do: 'pass', late: 'cancel' },
    ],
  },
  'a person cancels what could still succeed while a pass looks at it': {
    actions: [
      lost('order-d', 'confirm#*=html_502'),
      ...UNDECIDED_TWICE,
      {
        do: 'together',
        all: [decided('order-d', 'canceled', true), { do: 'pass' }, { do: 'wait', minutes: 6 }],
        order: [0, 0, 0, 0, 2, 1, 1, 1],
      },
    ],
  },
  'a caller sleeps past its lease, another one goes on, and the first wakes up': {
    actions: [
      {
        do: 'together',
        all: [
          { do: 'charge', key: 'order-c' },
          { do: 'charge', key: 'order-c' },
          { do: 'wait', minutes: 6 },
        ],
        order: [0, 0, 2, 1, 1, 1, 1, 1],
      },
    ],
  },
  'a create was never carried out, and the first scan for it is answered late': {
    actions: [
      { do: 'outage', of: 'stripe', kind: '500_before' },
      { do: 'charge', key: 'order-a', other: true },
      { do: 'wait', minutes: 6 },
      { do: 'outage', of: 'stripe', kind: null },
      {
        do: 'together',
        all: [
          { do: 'charge', key: 'order-c', faults: 'payment_intents.list=out_of_order:1' },
          { do: 'pass' },
        ],
        order: [0, 0, 0, 0, 0],
      },
    ] as Action[],
  },
  'the list cannot be read, twice': {
    actions: [
      lost('order-d', 'create#*=500_before'),
      { do: 'wait', minutes: 6 },
      { do: 'pass', faults: 'payment_intents.list#*=html_502' },
      { do: 'wait', minutes: 30 },
      { do: 'pass', faults: 'payment_intents.list#*=html_502' },
    ],
  },
  'a decline whose cancel was lost is paid by other means': {
    methods: { 'order-c': 'declined' },
    actions: [
      lost('order-c', 'cancel#*=html_502'),
      { do: 'settle', key: 'order-c', as: 'succeeded' },
      { do: 'wait', minutes: 6 },
      { do: 'pass' },
      { do: 'charge', key: 'order-c' },
    ],
  },
  'a create is lost on a day when the list has two pages': {
    crowded: true,
    actions: [
      lost('order-d', 'create#*=html_502_after'),
      { do: 'wait', minutes: 1_500 },
      { do: 'pass' },
    ],
  },
  'Stripe is away for three passes, and no attempt is spent': {
    actions: [
      lost('order-d', 'confirm#*=html_502_after'),
      { do: 'outage', of: 'stripe', kind: 'html_502' },
      ...[6, 6, 6].flatMap((minutes): Action[] => [{ do: 'wait', minutes }, { do: 'pass' }]),
      { do: 'outage', of: 'stripe', kind: null },
      { do: 'wait', minutes: 6 },
      { do: 'pass' },
    ],
  },
  'nobody asks for a day, and the key is forgotten': {
    actions: [lost('order-d', 'create#*=500_before')],
  },
  'the same key for another amount, while the first is under way': {
    actions: [
      {
        do: 'together',
        all: [
          { do: 'charge', key: 'order-a' },
          { do: 'charge', key: 'order-a', other: true },
          { do: 'charge', key: 'order-b' },
        ],
        order: [0, 0, 1, 2, 2, 1, 0, 1],
      },
    ],
  },
};

test.each(Object.keys(HISTORIES))('%s', { timeout: 60_000 }, async (name) => {
  const harness = await openHarness(sqlite);
  const courier = await openCourier(harness);
  const elsewhere = await openSecondLedger(harness);
  const { wrong } = await play(
    harness,
    { courier, second: elsewhere },
    { methods: {}, crowded: false, actions: [], ...HISTORIES[name] },
  );
  courier.close();
  expect(wrong).toEqual([]);
});

/** Both processes are there already; the first stops after so many steps, and the second comes so far before it wakes up. */
function wakingUp(first: number, second: number): readonly Action[] {
  const order = [...Array<number>(first).fill(0), 2, ...Array<number>(second).fill(1)];
  return [
    { do: 'together', all: [{ do: 'pass' }, { do: 'pass' }], order: [] },
    {
      do: 'together',
      all: [
        { do: 'charge', key: 'order-c' },
        { do: 'charge', key: 'order-c' },
        { do: 'wait', minutes: 2 },
      ],
      order,
    },
  ];
}

test(
  'wherever a caller sleeps past its lease, and however far another one comes before it wakes up',
  { timeout: 120_000 },
  async () => {
    const harness = await openHarness(sqlite);
    const courier = await openCourier(harness);
    const elsewhere = await openSecondLedger(harness);
    const wrong: string[] = [];
    let refused = 0;
    for (let first = 11; first <= 15; first += 1) {
      for (let second = 7; second <= 11; second += 1) {
        const played = await play(
          harness,
          { courier, second: elsewhere },
          { methods: {}, crowded: false, actions: wakingUp(first, second) },
        );
        wrong.push(...played.wrong);
        refused += played.counts.get('late writers refused') ?? 0;
      }
    }
    courier.close();
    expect(wrong).toEqual([]);
    expect(refused).toBeGreaterThan(0);
  },
);

test(
  'a decision about a payment that needs nobody takes no lease, which a death would leave behind',
  { timeout: 60_000 },
  async () => {
    const harness = await openHarness(sqlite);
    const courier = await openCourier(harness);
    const elsewhere = await openSecondLedger(harness);
    const history: History = { methods: {}, crowded: false, actions: [] };
    const world = await World.begin(harness, history, { courier, second: elsewhere });
    await world.process(0, false).run(history, { do: 'charge', key: 'order-a' }, null);
    for (let step = 1; step <= 12; step += 1) {
      await world
        .process(0, false)
        .run(history, { ...decided('order-a', 'succeeded'), dies: { step, when: 'after' } }, null);
      expect((await world.look()).rows).toMatchObject([{ status: 'succeeded', leaseToken: null }]);
    }
    courier.close();
    await harness.end();
  },
);
