import type { Clock, Gateway } from '../../../src/app/ports.ts';
import { systemClock } from '../../../src/wire/system.ts';
import { endedUnder, judged, SCENES, type Scene } from './disk-case.ts';
import type { LedgerGround } from './ledger-ground.ts';
import type { LockHolder } from './lock-holder.ts';

/** Another process holds the ledger's write lock from a moment on. */
export interface LockCase {
  readonly scene: string;
  readonly from: 'the start' | 'create' | 'confirm' | 'lookUp';
  /** How long it is waited for is a limit of 10 s; released in time is after three looks. */
  readonly released: 'in time' | 'too late';
  readonly exit: number;
}

/** 69: nothing was sent and nothing recorded, or Stripe was only asked how things stand. */
export const LOCK_CASES: readonly LockCase[] = [
  { scene: 'charge', from: 'the start', released: 'too late', exit: 69 },
  { scene: 'charge', from: 'the start', released: 'in time', exit: 0 },
  { scene: 'charge', from: 'create', released: 'too late', exit: 75 },
  { scene: 'charge', from: 'create', released: 'in time', exit: 0 },
  { scene: 'charge', from: 'confirm', released: 'too late', exit: 75 },
  { scene: 'charge', from: 'confirm', released: 'in time', exit: 0 },
  { scene: 'pass, confirm_sent, paid', from: 'the start', released: 'too late', exit: 69 },
  { scene: 'pass, confirm_sent, paid', from: 'the start', released: 'in time', exit: 0 },
  { scene: 'pass, confirm_sent, paid', from: 'lookUp', released: 'too late', exit: 69 },
  { scene: 'pass, confirm_sent, paid', from: 'lookUp', released: 'in time', exit: 0 },
];

/** Each wait for the lock counts for so many: the limit comes soon, and as many virtual seconds have gone by. */
const WAITS_IN_ONE = 20;
const LOOKS_IN_TIME = 3;

export async function runLockCase(
  ground: LedgerGround,
  holder: LockHolder,
  lockCase: LockCase,
): Promise<{ readonly exit: number; readonly wrong: readonly string[] }> {
  const scene = sceneNamed(lockCase.scene);
  try {
    const clock = impatient(async (waits) => {
      if (lockCase.released === 'in time' && waits === LOOKS_IN_TIME) await holder.release();
    });
    const take = (): Promise<void> => holder.take(ground.ledger());
    const wrapGateway = (gateway: Gateway): Gateway => takingAt(gateway, lockCase.from, take);
    const under = async (work: () => Promise<void>): Promise<void> => {
      if (lockCase.from === 'the start') await take();
      await work();
      await holder.release();
    };
    const ended = await endedUnder(ground, scene, under, { clock, wrapGateway });
    return { exit: ended.exit, wrong: await judged(ground, scene, ended) };
  } finally {
    await holder.release();
    await ground.end();
  }
}

function sceneNamed(name: string): Scene {
  const scene = SCENES.find((each) => each.name === name);
  if (scene === undefined) throw new Error(`there is no scene ${name}`);
  return scene;
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
    create: async (transaction) => before('create').then(() => gateway.create(transaction)),
    confirm: async (transaction) => before('confirm').then(() => gateway.confirm(transaction)),
    cancel: (transaction) => gateway.cancel(transaction),
    async *lookUp(queries, signal) {
      await before('lookUp');
      yield* gateway.lookUp(queries, signal);
    },
    account: () => gateway.account(),
    calls: () => gateway.calls(),
    newestIntents: (query) => gateway.newestIntents(query),
    aheadMs: (at) => gateway.aheadMs(at),
    findOther: (query) => gateway.findOther(query),
  };
}
