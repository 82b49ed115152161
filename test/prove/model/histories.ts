import fc from 'fast-check';
import { EVERY_METHOD } from './answers.ts';
import {
  KEYS,
  type Action,
  type AtStripe,
  type Command,
  type History,
  type Key,
  type Method,
  type Together,
  type Wait,
} from './history.ts';

/*
 * Random histories. Single actions alone would hardly ever come to the end of a long story (a lost answer, a stuck
 * payment, a decision, a late truth), so they are mixed with short stories whose details are left to chance.
 */

const key: fc.Arbitrary<Key> = fc.constantFrom<Key[]>(...KEYS, 'order-a', 'order-a');
/** Stories go further with a key of their own. */
const ownKey: fc.Arbitrary<Key> = fc.constantFrom<Key[]>(
  'order-c',
  'order-d',
  'order-d',
  'order-e',
  'order-e',
  'order-a',
);

const KINDS = [
  '401',
  '403',
  '409',
  '429',
  '429_lock',
  '500_before',
  '500_after',
  'html_502',
  'html_502_after',
  'cut_body',
  'slow:1',
  'out_of_order:1',
] as const;
/** These cost real time: a deadline, or the half second that Stripe's library waits before it repeats a call by itself. */
const SLOW_KINDS = ['reset_before', 'drop_after', 'hang', 'hang_before'] as const;
const LOST = ['500_after', 'html_502_after', 'cut_body'] as const;
const AWAY = ['500_before', 'html_502', '429', 'html_502_after'] as const;
const CALLS = ['create', 'confirm', 'cancel', 'retrieve', 'list'] as const;

const kind = fc.oneof(
  { weight: 40, arbitrary: fc.constantFrom(...KINDS) },
  { weight: 2, arbitrary: fc.constantFrom(...SLOW_KINDS) },
);
const stripeFault = fc
  .tuple(
    fc.constantFrom(...CALLS, 'confirm' as const, 'create' as const),
    fc.constantFrom('', '#*', '#*', '#2'),
    kind,
  )
  .map(([call, which, how]) => `payment_intents.${call}${which}=${how}`);
const fault = fc.oneof(
  { weight: 8, arbitrary: stripeFault },
  { weight: 1, arbitrary: fc.tuple(stripeFault, stripeFault).map((both) => both.join('; ')) },
  { weight: 4, arbitrary: fc.constantFrom(...KINDS).map((how) => `mail.send=${how}`) },
  {
    weight: 2,
    arbitrary: fc
      .array(fc.constantFrom('ok', 'ok', 'ok', ...KINDS), { minLength: 2, maxLength: 8 })
      .map((calls) => `seq:*=${calls.join(',')}`),
  },
);
const dies = fc.record({
  step: fc.integer({ min: 1, max: 40 }),
  when: fc.constantFrom('before' as const, 'after' as const),
});
const late = fc.constantFrom(
  'create' as const,
  'confirm' as const,
  'confirm' as const,
  'cancel' as const,
);

/** Adds what may go wrong to a command, each only now and then. */
function troubled<Plain extends Command>(plain: fc.Arbitrary<Plain>): fc.Arbitrary<Command> {
  const maybe = fc.record({
    faults: fc.option(fault, { nil: undefined, freq: 1 }),
    dies: fc.option(dies, { nil: undefined, freq: 6 }),
    late: fc.option(late, { nil: undefined, freq: 10 }),
  });
  return fc.tuple(plain, maybe).map(([command, more]) => ({ ...command, ...withoutHoles(more) }));
}

function withoutHoles<Fields extends object>(
  fields: Fields,
): Partial<{ [Name in keyof Fields]: Exclude<Fields[Name], undefined> }> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as Partial<{ [Name in keyof Fields]: Exclude<Fields[Name], undefined> }>;
}

type Charge = Extract<Command, { do: 'charge' }>;
const plainCharge: fc.Arbitrary<Charge> = fc
  .tuple(key, fc.integer({ min: 0, max: 9 }))
  .map(([of, other]) =>
    other === 0 ? { do: 'charge', key: of, other: true } : { do: 'charge', key: of },
  );
const charge = troubled(plainCharge);
const pass = troubled(fc.constant<Command>({ do: 'pass' }));
const resolve = troubled(
  fc.record({
    do: fc.constant('resolve' as const),
    key,
    as: fc.constantFrom(
      'succeeded' as const,
      'failed' as const,
      'canceled' as const,
      'retry' as const,
    ),
    cancel: fc.boolean(),
  }),
);
const send = troubled(fc.constant<Command>({ do: 'send' }));
const command = fc.oneof(
  { weight: 6, arbitrary: charge },
  { weight: 5, arbitrary: pass },
  { weight: 3, arbitrary: resolve },
  { weight: 1, arbitrary: send },
);

const atStripe: fc.Arbitrary<AtStripe> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(
        key,
        fc.constantFrom(
          'succeeded' as const,
          'succeeded' as const,
          'failed' as const,
          'canceled' as const,
        ),
      )
      .map(([of, as]) => ({ do: 'settle' as const, key: of, as })),
  },
  {
    weight: 1,
    arbitrary: key.map((of) => ({
      do: 'settle' as const,
      key: of,
      as: 'succeeded' as const,
      otherAmount: true as const,
    })),
  },
  { weight: 2, arbitrary: key.map((of) => ({ do: 'refund' as const, key: of })) },
  { weight: 1, arbitrary: key.map((of) => ({ do: 'roll-forward' as const, key: of })) },
);

const HOUR = 60;
const DAY = 24 * HOUR;
/** Past a lease, past the age at which a pass looks, past two scans, past Stripe's keys, past a debit. */
const wait: fc.Arbitrary<Wait> = fc
  .constantFrom(2, 6, 6, 6, 30, 2 * HOUR, 23 * HOUR, 25 * HOUR, 5 * DAY)
  .map((minutes) => ({ do: 'wait', minutes }));
const jump: fc.Arbitrary<Wait> = fc
  .constantFrom(1, 2, 6)
  .map((minutes) => ({ do: 'wait', minutes }));

const together: fc.Arbitrary<Together> = fc.record({
  do: fc.constant('together' as const),
  all: fc
    .tuple(
      command,
      command,
      fc.array(
        fc.oneof(
          { weight: 3, arbitrary: jump },
          { weight: 1, arbitrary: atStripe },
          { weight: 1, arbitrary: command },
        ),
        { maxLength: 2 },
      ),
    )
    .map(([one, other, more]) => [one, other, ...more]),
  order: fc.array(fc.nat(3), { maxLength: 40 }),
});

/** Who makes how many steps at a time; the third is often the clock. */
const turns: fc.Arbitrary<readonly number[]> = fc.oneof(
  { weight: 1, arbitrary: fc.array(fc.nat(2), { minLength: 5, maxLength: 40 }) },
  // One stops in the middle of its work, the clock jumps past its lease, and another goes on before it wakes up.
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        fc.integer({ min: 2, max: 16 }),
        fc.oneof(fc.integer({ min: 2, max: 6 }), fc.integer({ min: 2, max: 30 })),
      )
      .map(([first, other]) => [
        ...Array<number>(first).fill(0),
        2,
        ...Array<number>(other).fill(1),
      ]),
  },
);

/** Two callers with one key; a caller and a pass; two passes; a person and a pass. */
const race: fc.Arbitrary<Together> = fc
  .tuple(
    ownKey,
    fc.constantFrom(0, 0, 1, 2, 3),
    fc.constantFrom<Wait[][]>([], [{ do: 'wait', minutes: 2 }], [{ do: 'wait', minutes: 6 }]),
    turns,
    fc.option(stripeFault, { nil: undefined, freq: 2 }),
  )
  .map(([of, which, jumps, order, faults]) => {
    const caller: Command = { do: 'charge', key: of, ...(faults === undefined ? {} : { faults }) };
    const person: Command = { do: 'resolve', key: of, as: 'canceled', cancel: true };
    const others: readonly Command[] = [
      { do: 'charge', key: of },
      { do: 'pass' },
      { do: 'pass' },
      { do: 'pass' },
    ];
    const first: readonly Command[] = [caller, caller, { do: 'pass' }, person];
    return {
      do: 'together' as const,
      all: [first[which] ?? caller, others[which] ?? caller, ...jumps],
      order,
    };
  });

const lostCharge = fc
  .tuple(
    ownKey,
    fc.constantFrom('create', 'confirm', 'confirm', 'cancel'),
    fc.constantFrom(...KINDS, ...LOST),
  )
  .map(([of, call, how]): Command => ({
    do: 'charge',
    key: of,
    faults: `payment_intents.${call}#*=${how}`,
  }));

type Decision = Extract<Command, { do: 'resolve' }>['as'];

/** How the answer was lost, and what a person may say then. */
const LOST_FOR_GOOD: readonly {
  readonly fault: string;
  readonly decisions: readonly Decision[];
}[] = [
  { fault: 'create#*=500_before', decisions: ['succeeded', 'failed', 'canceled', 'retry'] },
  { fault: 'create#*=500_before', decisions: ['succeeded', 'failed', 'canceled'] },
  { fault: 'create#*=html_502', decisions: ['canceled', 'retry'] },
  { fault: 'confirm#*=html_502', decisions: ['failed', 'canceled', 'retry'] },
  { fault: 'confirm#*=html_502_after', decisions: ['succeeded'] },
];

/** Asked twice and left undecided while others get through: a question to a person; then perhaps a decision, and a late truth. */
const stuckStory: fc.Arbitrary<readonly Action[]> = fc
  .tuple(
    ownKey,
    fc.constantFrom(...LOST_FOR_GOOD),
    fc.nat(3),
    fc.nat(3),
    fc.option(atStripe, { nil: null }),
  )
  .map(([of, { fault: lost, decisions }, which, more, then]) => {
    const asked: Action[] = [
      { do: 'wait', minutes: 6 },
      {
        do: 'pass',
        faults:
          'payment_intents.retrieve#*=html_502; payment_intents.list#*=html_502; payment_intents.create#*=html_502',
      },
    ];
    const decided: Action[] =
      more === 0
        ? []
        : [
            {
              do: 'resolve',
              key: of,
              as: decisions[which % decisions.length] ?? 'retry',
              cancel: more > 1,
            },
          ];
    const late: Action[] =
      lost.startsWith('create') && more > 0 ? [{ do: 'roll-forward', key: of }] : [];
    return [
      { do: 'charge', key: of, faults: `payment_intents.${lost}` },
      ...asked,
      ...asked,
      ...decided,
      ...late,
      ...(then === null ? [] : [{ ...then, key: of }]),
    ];
  });

/** A decline whose cancel was lost, and somebody pays by other means; or another amount than was asked for. */
const surprise: fc.Arbitrary<readonly Action[]> = fc
  .tuple(ownKey, fc.boolean(), fc.boolean(), troubled(fc.constant<Command>({ do: 'pass' })))
  .map(([of, otherAmount, resolved, then]) => [
    {
      do: 'charge',
      key: of,
      faults: `payment_intents.${otherAmount ? 'confirm' : 'cancel'}#*=html_502`,
    },
    { do: 'settle', key: of, as: 'succeeded', ...(otherAmount ? { otherAmount: true } : {}) },
    { do: 'wait', minutes: 6 },
    then,
    ...(resolved
      ? [{ do: 'resolve' as const, key: of, as: 'succeeded' as const, cancel: false }]
      : []),
  ]);

const outageStory: fc.Arbitrary<readonly Action[]> = fc
  .tuple(
    fc.constantFrom('stripe' as const, 'mail' as const),
    fc.oneof(
      { weight: 15, arbitrary: fc.constantFrom(...AWAY) },
      { weight: 1, arbitrary: fc.constantFrom('reset_before', 'drop_after') },
    ),
    fc.array(fc.oneof(charge, wait, pass), { minLength: 1, maxLength: 4 }),
  )
  .map(([of, how, meanwhile]) => [
    { do: 'outage', of, kind: how },
    ...meanwhile,
    { do: 'wait', minutes: 6 },
    { do: 'pass' },
    { do: 'outage', of, kind: null },
  ]);

/** Two callers, both there already: the first sleeps past its lease in the middle of its work, and the second goes on. */
const sleepStory: fc.Arbitrary<readonly Action[]> = fc
  .tuple(ownKey, fc.integer({ min: 6, max: 16 }), fc.integer({ min: 6, max: 16 }))
  .map(([of, first, second]) => [
    { do: 'together', all: [{ do: 'pass' }, { do: 'pass' }], order: [] },
    {
      do: 'together',
      all: [
        { do: 'charge', key: of },
        { do: 'charge', key: of },
        { do: 'wait', minutes: 2 },
      ],
      order: [...Array<number>(first).fill(0), 2, ...Array<number>(second).fill(1)],
    },
  ]);

/** Stripe changes its mind: a debit that is decided, a decline that was not canceled yet and is paid after all. */
const lateStory: fc.Arbitrary<readonly Action[]> = fc
  .tuple(lostCharge, wait, atStripe, fc.boolean())
  .map(([first, pause, event, again]) => [
    first,
    pause,
    { ...event, key: first.do === 'charge' ? first.key : event.key },
    ...(again
      ? [{ do: 'charge' as const, key: first.do === 'charge' ? first.key : event.key }]
      : [{ do: 'pass' as const }]),
  ]);

/** A copy is made, something happens, and the copy is put back; somebody charges, and perhaps finds the newest copy again. */
const restoreStory: fc.Arbitrary<readonly Action[]> = fc
  .tuple(
    fc.option(charge, { nil: null }),
    fc.array(fc.oneof(charge, pass, wait, resolve), { minLength: 1, maxLength: 4 }),
    fc.array(fc.oneof(charge, pass, wait), { minLength: 1, maxLength: 4 }),
    fc.boolean(),
  )
  .map(([first, meanwhile, after, found]) => [
    ...(first === null ? [] : [first]),
    { do: 'backup' },
    ...meanwhile,
    { do: 'restore' },
    ...after,
    ...(found ? ([{ do: 'pass' }, { do: 'newest' }] as const) : []),
  ]);

/** The same keys from another ledger, and what follows a day later. */
const secondStory: fc.Arbitrary<readonly Action[]> = fc
  .tuple(
    fc.option(charge, { nil: null }),
    fc.array(
      fc.tuple(
        plainCharge,
        fc.constantFrom('second' as const, 'second, meant' as const),
        fc.option(stripeFault, { nil: undefined, freq: 3 }),
      ),
      { minLength: 1, maxLength: 3 },
    ),
    fc.array(fc.oneof(charge, pass, wait, atStripe, resolve), { maxLength: 3 }),
    fc.boolean(),
  )
  .map(([first, seconds, then, resolved]) => {
    const there = seconds.map(([plain, ledger, faults]): Command => ({
      ...plain,
      ledger,
      ...(faults === undefined ? {} : { faults }),
    }));
    const [some] = there;
    const asked: Action[] = [
      { do: 'pass', ledger: 'second' },
      { do: 'wait', minutes: 25 * HOUR },
      { do: 'pass', ledger: 'second' },
    ];
    const decided: Action[] =
      resolved && some?.do === 'charge'
        ? [{ do: 'resolve', key: some.key, as: 'canceled', cancel: true, ledger: 'second' }]
        : [];
    return [...(first === null ? [] : [first]), ...there, ...then, ...asked, ...decided, ...there];
  });

/** A clock is set in the middle of things, and perhaps put right again. */
const clockStory: fc.Arbitrary<readonly Action[]> = fc
  .tuple(
    fc.constantFrom('ledger' as const, 'stripe' as const),
    fc.constantFrom(-1, 1),
    fc.constantFrom(2, 10, 90, 25 * HOUR, 400 * DAY),
    fc.array(
      fc.oneof(
        { weight: 3, arbitrary: lostCharge },
        { weight: 2, arbitrary: charge },
        { weight: 2, arbitrary: pass },
        { weight: 1, arbitrary: wait },
      ),
      { minLength: 1, maxLength: 4 },
    ),
    fc.boolean(),
  )
  .map(([of, sign, minutes, meanwhile, right]) => [
    ...meanwhile.slice(0, 1),
    { do: 'clock', of, minutes: sign * minutes },
    ...meanwhile.slice(1),
    { do: 'pass' },
    ...(right ? [{ do: 'clock' as const, of, minutes: -sign * minutes }] : []),
    { do: 'pass' },
  ]);

const one = (arbitrary: fc.Arbitrary<Action>): fc.Arbitrary<readonly Action[]> =>
  arbitrary.map((action) => [action]);

const story = fc.oneof(
  { weight: 4, arbitrary: one(charge) },
  { weight: 3, arbitrary: one(pass) },
  { weight: 3, arbitrary: one(wait) },
  { weight: 1, arbitrary: one(resolve) },
  { weight: 1, arbitrary: one(send) },
  { weight: 2, arbitrary: one(atStripe) },
  { weight: 2, arbitrary: one(together) },
  { weight: 4, arbitrary: one(race) },
  { weight: 2, arbitrary: one(lostCharge) },
  { weight: 3, arbitrary: stuckStory },
  { weight: 3, arbitrary: outageStory },
  { weight: 2, arbitrary: lateStory },
  { weight: 1, arbitrary: surprise },
  { weight: 2, arbitrary: sleepStory },
  { weight: 2, arbitrary: restoreStory },
  { weight: 2, arbitrary: secondStory },
  { weight: 2, arbitrary: clockStory },
);

const method: fc.Arbitrary<Method> = fc.constantFrom<Method[]>(
  'card',
  'card',
  'card',
  'declined',
  'declined',
  ...EVERY_METHOD,
);

/** At most so many actions: a longer one is cut. */
const LONGEST = 25;

export const histories: fc.Arbitrary<History> = fc.record({
  methods: fc.record({
    'order-a': method,
    'order-b': method,
    'order-c': fc.oneof(method, fc.constant<Method>('declined')),
    'order-e': method,
  }),
  crowded: fc.integer({ min: 0, max: 7 }).map((nth) => nth === 7),
  actions: fc
    .array(story, { minLength: 3, maxLength: 12, size: 'max' })
    .map((stories) => stories.flat().slice(0, LONGEST)),
});
