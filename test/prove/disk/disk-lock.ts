import type { Clock, Gateway } from '../../../src/app/ports.ts';
import { systemClock } from '../../../src/compose/system.ts';
import { endedUnder, judged, SCENES, type Fixture } from './disk-case.ts';
import type { LedgerHarness } from './ledger-harness.ts';
import type { LockHolder } from './lock-holder.ts';

/** Another process holds the ledger's write lock from a moment on. */
export interface LockCase {
  readonly fixture: string;
  readonly from: 'the start' | 'create' | 'confirm' | 'lookUp';
  /** How long it is waited for is a limit of 10 s; released in time is after three looks. */
  readonly released: 'in time' | 'too late';
  readonly exit: number;
}

/** 69: nothing was sent and nothing recorded, or Stripe was only asked how things stand. */
export const LOCK_CASES: readonly LockCase[] = [
  { fixture: 'charge', from: 'the start', released: 'too late', exit: 69 },
  { fixture: 'charge', from: 'the start', released: 'in time', exit: 0 },
  { fixture: 'charge', from: 'create', released: 'too late', exit: 75 },
  { fixture: 'charge', from: 'create', released: 'in time', exit: 0 },
  { fixture: 'charge', from: 'confirm', released: 'too late', exit: 75 },
  { fixture: 'charge', from: 'confirm', released: 'in time', exit: 0 },
  { fixture: 'pass, confirm_sent, paid', from: 'the start', released: 'too late', exit: 69 },
  { fixture: 'pass, confirm_sent, paid', from: 'the start', released: 'in time', exit: 0 },
  { fixture: 'pass, confirm_sent, paid', from: 'lookUp', released: 'too late', exit: 69 },
  { fixture: 'pass, confirm_sent, paid', from: 'lookUp', released: 'in time', exit: 0 },
];

/** Each wait for the lock counts for so many: the limit comes soon, and as many virtual seconds have gone by. */
const WAITS_IN_ONE = 20;
const LOOKS_IN_TIME = 3;

export async function runLockCase(
  harness: LedgerHarness,
  holder: LockHolder,
  lockCase: LockCase,
): Promise<{ readonly exit: number; readonly wrong: readonly string[] }> {
  const fixture = sceneNamed(lockCase.fixture);
  try {
    const clock = impatient(async (waits) => {
      if (lockCase.released === 'in time' && waits === LOOKS_IN_TIME) await holder.release();
    });
    const take = (): Promise<void> => holder.take(harness.ledger());
    const wrapGateway = (gateway: Gateway): Gateway => takingAt(gateway, lockCase.from, take);
    const under = async (work: () => Promise<void>): Promise<void> => {
      if (lockCase.from === 'the start') await take();
      await work();
      await holder.release();
    };
    const ended = await endedUnder(harness, fixture, under, { clock, wrapGateway });
    return { exit: ended.exit, wrong: await judged(harness, fixture, ended) };
  } finally {
    await holder.release();
    await harness.end();
  }
}

function sceneNamed(name: string): Fixture {
  const fixture = SCENES.find((each) => each.name === name);
  if (fixture === undefined) throw new Error(`there is no fixture ${name}`);
  return fixture;
}

function impatient(onSleep: (sleeps: number) => Promise<void>): Clock {
  let sleptMs = 0;
  let sleeps = 0;
  return {
    monotonicMs: () => systemClock.monotonicMs() + sleptMs,
    async sleep(ms, signal) {
      // Longer ones are a lease's renewal, which is not due in this test.
      if (ms > 1_000) return systemClock.sleep(ms, signal);
      sleptMs += ms * WAITS_IN_ONE;
      sleeps += 1;
      await onSleep(sleeps);
      await systemClock.sleep(1, signal);
    },
  };
}

/** The lock is taken before the call is made, so the step before it has been recorded. */
function takingAt(gateway: Gateway, call: LockCase['from'], take: () => Promise<void>): Gateway {
  const before = async (name: LockCase['from']): Promise<void> => {
    if (name === call) await take();
  };
  return {
    ...gateway,
    create: async (transaction) => before('create').then(() => gateway.create(transaction)),
    confirm: async (transaction) => before('confirm').then(() => gateway.confirm(transaction)),
    async *lookUp(queries, signal) {
      await before('lookUp');
      yield* gateway.lookUp(queries, signal);
    },
  };
}
