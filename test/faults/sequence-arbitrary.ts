import fc from 'fast-check';
import { FAULT_KINDS, type FaultName } from '../../src/sandbox/server.ts';
import { HASTY_MS } from './lane.ts';
import { AMOUNTS, ORDERS, type OrderName, type Run, type Sequence, type Step } from './sequence.ts';

/*
 * Sequences by chance. What is simplest comes first everywhere, because that is where fast-check shrinks to: no fault,
 * no signal, a card, a charge.
 */

/** These leave the caller waiting for its time limit, so there are fewer of them. */
const SLOW: ReadonlySet<FaultName> = new Set([
  'hang',
  'hang_before',
  'late',
  'drip',
  'slow',
  'out_of_order',
]);
const TIMED: ReadonlySet<FaultName> = new Set(['late', 'slow', 'out_of_order']);
const BEYOND_LIMIT_MS = 150;

const kinds = FAULT_KINDS.map(({ kind }) => kind);
const kind: fc.Arbitrary<string> = fc
  .oneof(
    { withCrossShrink: true },
    { weight: 8, arbitrary: fc.constantFrom(...kinds.filter((each) => !SLOW.has(each))) },
    { weight: 1, arbitrary: fc.constantFrom(...kinds.filter((each) => SLOW.has(each))) },
  )
  .map((each) => (TIMED.has(each) ? `${each}:${HASTY_MS[0] + BEYOND_LIMIT_MS}` : each));

const which = fc.constantFrom('1', '2', '3', '*');

function faultAt(...endpoints: readonly string[]): fc.Arbitrary<string> {
  return fc
    .tuple(fc.constantFrom(...endpoints), which, kind)
    .map(([endpoint, nth, each]) => `${endpoint}#${nth}=${each}`);
}

const chargeFault = faultAt(
  'payment_intents.create',
  'payment_intents.confirm',
  'payment_intents.cancel',
  'payment_intents.retrieve',
  'payment_intents.list',
  '*',
);
const passFault = fc.oneof(
  { withCrossShrink: true },
  {
    weight: 8,
    arbitrary: faultAt(
      'payment_intents.retrieve',
      'payment_intents.create',
      'payment_intents.cancel',
      'payment_intents.list',
      'mail.send',
      'account',
      '*',
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      'outage:reset_before',
      'outage:html_502',
      'outage:429',
      'outage:500_after',
    ),
  },
);
const mailFault = faultAt('mail.send');

const SIGNAL_AT_MOST = 4;
const FAULTS_AT_MOST = 3;

function run(fault: fc.Arbitrary<string>): fc.Arbitrary<Run> {
  return fc.record({
    faults: fc.array(fault, { maxLength: FAULTS_AT_MOST, size: 'max' }),
    stopAt: fc.option(fc.nat({ max: SIGNAL_AT_MOST }), { nil: null, freq: 5 }),
  });
}

/** Past a lease, past two scans, past an hour, past the 23 hours of a key, past Stripe's 24, and past every wait. */
const MINUTES = [2, 6, 65, 1_385, 1_441, 5 * 1_440];

const charge: fc.Arbitrary<Step> = fc
  .tuple(
    fc.constantFrom<OrderName>(
      'card',
      'declined',
      'debit',
      ...(Object.keys(ORDERS) as OrderName[]),
    ),
    fc.oneof(
      { withCrossShrink: true },
      { weight: 9, arbitrary: fc.constant(AMOUNTS[0]) },
      { weight: 1, arbitrary: fc.constant(AMOUNTS[1]) },
    ),
    run(chargeFault),
  )
  .map(([order, amount, more]) => ({ act: 'charge', order, amount, ...more }));
const pass: fc.Arbitrary<Step> = run(passFault).map((more) => ({ act: 'pass', ...more }));
const send: fc.Arbitrary<Step> = run(mailFault).map((more) => ({ act: 'send', ...more }));
const later: fc.Arbitrary<Step> = fc
  .constantFrom(...MINUTES)
  .map((minutes) => ({ act: 'later', minutes }));
const bank: fc.Arbitrary<Step> = fc
  .constantFrom<'pays' | 'refuses'>('pays', 'refuses')
  .map((says) => ({ act: 'bank', says }));

const step: fc.Arbitrary<Step> = fc.oneof(
  { withCrossShrink: true },
  { weight: 6, arbitrary: charge },
  { weight: 5, arbitrary: pass },
  { weight: 1, arbitrary: send },
  { weight: 2, arbitrary: later },
  { weight: 1, arbitrary: bank },
);

const STEPS_AT_MOST = 9;

/** Begins with a charge, for there is nothing else to begin with. */
export const sequences: fc.Arbitrary<Sequence> = fc
  .tuple(charge, fc.array(step, { maxLength: STEPS_AT_MOST, size: 'max' }))
  .map(([first, rest]) => [first, ...rest]);
