import { setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '../../../src/app/ports.ts';
import { EXIT } from '../../../src/cli/exit-code.ts';
import { createChance } from '../../../src/sandbox/stripe/ids.ts';
import { systemClock } from '../../../src/compose/system.ts';
import type { Harness } from '../harness.ts';
import { charging, chargingByProgram, type Caller } from './charging.ts';
import { endOf, type Ended } from './ending.ts';

/*
 * Callers and a reconciler at work while the database goes away and comes back, and what each of them was told.
 */

/** One run of `charge`, as its caller saw it. */
export interface Attempt {
  readonly key: string;
  readonly startedMs: number;
  readonly endedMs: number;
  readonly ended: Ended;
}

export interface Traffic {
  readonly attempts: readonly Attempt[];
  /** How the passes ended that ran meanwhile. */
  readonly passes: readonly Ended[];
  /** From when no server was there, until the first may have been. */
  readonly away: { readonly fromMs: number; readonly untilMs: number };
}

type Chance = () => number;

/** Retries that wait seconds for a server wait tenths of them; a lane has hundreds. */
const FASTER = 10;
const hasty: Clock = {
  monotonicMs: () => systemClock.monotonicMs(),
  sleep: (ms, signal) => systemClock.sleep(ms / FASTER, signal),
};

const CUSTOMERS = 4;
/** So many cases bring the real program along, which takes a process for each charge. */
const WITH_PROGRAM = 0.25;
/** The moment of the outage, and how long it lasts at least. */
const UP_TO_MS = 300;
const AFTERWARDS_MS = 150;
const RETRY_MS = 40;

export async function traffic(
  harness: Harness,
  seed: number,
  outage: { down(): Promise<void>; up(): Promise<void> },
): Promise<Traffic> {
  const chance = createChance(seed);
  const attempts: Attempt[] = [];
  const passes: Ended[] = [];
  let over = false;
  const isOver = (): boolean => over;
  const programs =
    chance() < WITH_PROGRAM ? [chargingByProgram(harness), chargingByProgram(harness)] : [];
  const callers = [
    ...(await Promise.all(
      Array.from({ length: CUSTOMERS }, async () =>
        charging(await harness.open('charge', { clock: hasty })),
      ),
    )),
    ...programs,
  ];
  const running = [
    ...callers.map((caller, index) =>
      buyUntil(isOver, caller, {
        name: `customer-${index}`,
        chance: createChance(seed * 1_000 + index),
        attempts,
      }),
    ),
    passUntil(isOver, harness, passes),
  ];
  const everybody = Promise.allSettled(running);
  const struck = (async () => {
    await until(
      'every customer has been told something',
      () => new Set(attempts.map(({ key }) => nameOf(key))).size === callers.length,
    );
    await wait(chance() * UP_TO_MS);
    await outage.down();
    const fromMs = performance.now();
    // Half of the absences are long enough for somebody to be told of them.
    if (seed % 2 === 0)
      await until('somebody was told that the database is away', () =>
        attempts.some(({ startedMs }) => startedMs >= fromMs),
      );
    else await wait(chance() * UP_TO_MS);
    const untilMs = performance.now();
    await outage.up();
    await wait(AFTERWARDS_MS);
    return { fromMs, untilMs };
  })();
  const away = await struck.finally(() => {
    over = true;
  });
  for (const end of await everybody) if (end.status === 'rejected') throw end.reason;
  return { attempts, passes, away };
}

const WITHIN_MS = 30_000;

async function until(what: string, holds: () => boolean): Promise<void> {
  const startedMs = performance.now();
  while (!holds()) {
    if (performance.now() - startedMs > WITHIN_MS) throw new Error(`in vain: ${what}`);
    await wait(5);
  }
}

function nameOf(key: string): string {
  return key.slice(0, key.lastIndexOf('-'));
}

/** The same for each key, whenever it is charged. */
export function methodOf(key: string): string {
  const n = Number(key.slice(key.lastIndexOf('-') + 1));
  if (n % 5 === 3) return 'pm_card_chargeDeclined';
  return n % 5 === 4 ? 'pm_usBankAccount' : 'pm_card_visa';
}

/** Most ask again when the answer is that nobody knows; the others leave it at that. */
const PATIENT = 0.7;

async function buyUntil(
  isOver: () => boolean,
  caller: Caller,
  { name, chance, attempts }: { name: string; chance: Chance; attempts: Attempt[] },
): Promise<void> {
  for (let n = 1; !isOver(); n += 1) {
    const key = `${name}-${n}`;
    const patient = chance() < PATIENT;
    for (;;) {
      const startedMs = performance.now();
      const ended = await caller.charge(key, methodOf(key));
      attempts.push({ key, startedMs, endedMs: performance.now(), ended });
      const open =
        ended.exitCode === EXIT.outOfReach ||
        (ended.exitCode === EXIT.notKnownYet && methodOf(key) !== 'pm_usBankAccount');
      if (open) await wait(RETRY_MS);
      if (!open || !patient || isOver()) break;
    }
  }
}

async function passUntil(isOver: () => boolean, harness: Harness, passes: Ended[]): Promise<void> {
  const payrecon = await harness.open('reconcile', { clock: hasty });
  while (!isOver()) {
    passes.push(await endOf('reconcile', () => payrecon.reconcile({ limit: null, dryRun: false })));
    await wait(RETRY_MS);
  }
}
