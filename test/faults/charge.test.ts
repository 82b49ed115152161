import { expect, test } from 'vitest';
import { FAULT_KINDS } from '../../src/sandbox/server.ts';
import { targets } from '../storage/targets.ts';
import { openLane, stillHeld } from './lane.ts';
import { judgeAtRest, proveInLanes } from './lanes.ts';
import { caseOf, MODES, scriptsFor, type Place } from './script.ts';

/** Every call to Stripe that a charge makes. */
const PLACES: readonly Place[] = [
  { name: 'create', by: 'charge', endpoint: 'payment_intents.create' },
  { name: 'confirm', by: 'charge', endpoint: 'payment_intents.confirm' },
  {
    name: 'confirm that is declined',
    by: 'charge',
    endpoint: 'payment_intents.confirm',
    pays: 'declined',
  },
  {
    name: 'confirm of a bank debit',
    by: 'charge',
    endpoint: 'payment_intents.confirm',
    pays: 'by debit',
  },
  {
    name: 'cancel after a decline',
    by: 'charge',
    endpoint: 'payment_intents.cancel',
    pays: 'declined',
  },
  {
    name: 'retrieve by a retry',
    by: 'charge',
    endpoint: 'payment_intents.retrieve',
    before: 'payment_intents.confirm=html_502_after',
  },
];

const CASES = 6 * 18 * 4;

test.each(targets)(
  'each kind of fault at each call of a charge ($name)',
  { timeout: 300_000 },
  async (target) => {
    const scripts = scriptsFor(PLACES);
    expect(scripts).toHaveLength(CASES);
    expect(new Set(scripts.map(({ kind }) => kind)).size * MODES.length * PLACES.length).toBe(
      FAULT_KINDS.length * MODES.length * PLACES.length,
    );
    await proveInLanes(target, scripts.map(caseOf));
  },
);

test.each(targets)(
  'a process that is told to stop before it has asked anything sends nothing and holds nothing ($name)',
  async (target) => {
    const lane = await openLane(target);
    // The first use of a ledger asks whose it is; what follows asks nothing before it sends.
    await lane.patient.charge({ key: 'order-0' });
    const known = lane.world.sandbox.books.requests.length;
    const ended = await lane.patient.charge({ key: 'order-1' }, AbortSignal.abort());
    expect(ended).toMatchObject({ exitCode: 143, status: 'pending' });
    expect(lane.world.sandbox.books.requests.slice(known)).toEqual([]);
    expect(await stillHeld(lane)).toEqual([]);
    expect((await lane.patient.charge({ key: 'order-1' })).exitCode).toBe(0);
    expect(await judgeAtRest(lane)).toEqual([]);
  },
);
