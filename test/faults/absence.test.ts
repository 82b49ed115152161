import { expect, test } from 'vitest';
import { targets } from '../storage/targets.ts';
import { HASTY_MS, openLane, type Lane } from './lane.ts';
import { judgeAtRest } from './lanes.ts';

const DAY_MS = 86_400_000;

async function statusOf(lane: Lane, key: string): Promise<unknown> {
  return (await lane.source.raw.rows(`select status from transactions where key = '${key}'`))[0]?.[
    'status'
  ];
}

test.each(targets)(
  'a create that is still on its way when the first scan misses it is fenced off, not forgotten ($name)',
  async (target) => {
    const lane = await openLane(target);
    const { sandbox } = lane.world;
    sandbox.setFaults('payment_intents.create=late:2500');
    expect((await (await lane.hasty(HASTY_MS[0])).charge({ key: 'order-1' })).exitCode).toBe(75);
    // Stripe has forgotten the key by then: nobody may send it again, only look.
    lane.later(DAY_MS + 1);
    expect(await lane.patient.pass()).toBe(0);
    expect({
      status: await statusOf(lane, 'order-1'),
      intents: sandbox.books.paymentIntents.length,
    }).toEqual({ status: 'pending', intents: 0 });
    await lane.quiet();
    expect(sandbox.books.paymentIntents.map(({ status }) => status)).toEqual([
      'requires_confirmation',
    ]);
    expect(await judgeAtRest(lane)).toEqual([]);
    expect(await statusOf(lane, 'order-1')).toBe('canceled');
    expect(sandbox.books.paymentIntents.map(({ status }) => status)).toEqual(['canceled']);
  },
);

test.each(targets)(
  'what two scans apart in time have missed is canceled, and looked for once more a day later ($name)',
  async (target) => {
    const lane = await openLane(target);
    lane.world.sandbox.setFaults('payment_intents.create=html_502');
    expect((await lane.patient.charge({ key: 'order-1' })).exitCode).toBe(75);
    lane.later(DAY_MS + 1);
    expect(await judgeAtRest(lane)).toEqual([]);
    expect(await statusOf(lane, 'order-1')).toBe('canceled');
    expect(lane.world.sandbox.books.count('payment_intents.create')).toBe(1);
    const scans = lane.world.sandbox.books.count('payment_intents.list');
    lane.later(DAY_MS + 1);
    expect(await judgeAtRest(lane)).toEqual([]);
    expect(lane.world.sandbox.books.count('payment_intents.list')).toBeGreaterThan(scans);
  },
);
