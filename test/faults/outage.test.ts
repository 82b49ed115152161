import { expect, test } from 'vitest';
import { targets, type Target } from '../storage/targets.ts';
import { HASTY_MS, openLane } from './lane.ts';
import { judgeAtRest } from './lanes.ts';

/** More passes than a transaction has attempts. */
const PASSES = 7;
/** How Stripe can be away. */
const KINDS = [
  'reset_before',
  '500_before',
  'html_502',
  '429',
  'drop_after',
  'cut_body',
  'hang_before',
] as const;

const STOPPED_AT = [
  { key: 'create', faults: 'payment_intents.create=html_502_after', paymentMethod: 'pm_card_visa' },
  {
    key: 'confirm',
    faults: 'payment_intents.confirm=html_502_after',
    paymentMethod: 'pm_card_visa',
  },
  {
    key: 'cancel',
    faults: 'payment_intents.cancel=html_502',
    paymentMethod: 'pm_card_chargeDeclined',
  },
];

/** So many failures in a row are an outage; with fewer payments a probe has to tell. */
const MANY = 6;

async function runOutage(
  target: Target,
  kind: (typeof KINDS)[number],
  payments: number,
): Promise<void> {
  const lane = await openLane(target);
  const { sandbox } = lane.world;
  for (let number = 0; number < payments; number += 1) {
    const { key, faults, paymentMethod } = STOPPED_AT[number % STOPPED_AT.length]!;
    sandbox.setFaults(faults);
    expect((await lane.patient.charge({ key: `${key}-${number}`, paymentMethod })).exitCode).toBe(
      75,
    );
  }
  sandbox.setFaults(`outage:${kind}`);
  const caller = kind === 'hang_before' ? await lane.hasty(HASTY_MS[0]) : lane.patient;
  for (let pass = 1; pass <= PASSES; pass += 1)
    expect([69, 75], kind).toContain(await caller.pass());
  const { raw } = lane.source;
  expect(await raw.rows('select distinct status, attempts from transactions'), kind).toEqual([
    { status: 'pending', attempts: 0 },
  ]);
  expect(await raw.rows('select kind, state from notifications'), kind).toEqual([
    { kind: 'operator_outage', state: 'sent' },
  ]);
  expect(await judgeAtRest(lane), kind).toEqual([]);
  expect(
    sandbox.books.mails.filter(({ to }) => to.includes('operator@example.com')),
    kind,
  ).toHaveLength(1);
}

test.each(targets)(
  'with Stripe away, in whichever way, no attempt is spent, one person is told once, and everything settles afterwards ($name)',
  { timeout: 60_000 },
  async (target) => {
    await Promise.all(KINDS.map((kind) => runOutage(target, kind, MANY)));
  },
);

test('a single payment that fails is told from an outage by a probe', async () => {
  await runOutage(targets[0]!, 'html_502', 1);
});

test('a payment whose calls alone keep failing is stuck after its attempts, and corrected when the truth arrives', async () => {
  const lane = await openLane(targets[0]!);
  const { sandbox } = lane.world;
  sandbox.setFaults('payment_intents.confirm=html_502_after');
  expect((await lane.patient.charge({ key: 'order-1' })).exitCode).toBe(75);
  sandbox.setFaults('payment_intents.retrieve#*=html_502');
  const attempts: unknown[] = [];
  for (let pass = 1; pass <= 5; pass += 1) {
    expect(await lane.patient.pass()).toBe(pass < 5 ? 0 : 5);
    attempts.push((await lane.source.raw.rows('select status, attempts from transactions'))[0]);
  }
  expect(attempts).toEqual(
    [1, 2, 3, 4, 5].map((count) => ({ status: count < 5 ? 'pending' : 'stuck', attempts: count })),
  );
  expect(await judgeAtRest(lane)).toEqual([]);
  expect(
    await lane.source.raw.rows('select kind from notifications order by created_at, kind'),
  ).toEqual([
    { kind: 'operator_stuck' },
    { kind: 'customer_succeeded' },
    { kind: 'operator_truth_changed' },
  ]);
});
