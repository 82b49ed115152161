import { expect, test } from 'vitest';
import { createChance, type Chance } from '../../src/sandbox/ids.ts';
import { targets } from '../storage/targets.ts';
import { dishonesty, HASTY_MS, stillHeld, type Lane } from './lane.ts';
import { runInLanes } from './lanes.ts';

/*
 * Faults by chance at every call, mail included, while three customers charge, charge again and passes
 * go on between them; now and then a process is told to stop. The name of a failure is its seed.
 */

const SEEDS = 48;
const ROUNDS = 3;
const FAULT_CHANCE = 0.2;
const SIGNAL_CHANCE = 0.15;
const SIGNAL_WITHIN_MS = 60;

const ORDERS = [
  { name: 'card', paymentMethod: 'pm_card_visa', methodTypes: ['card'] },
  { name: 'declined', paymentMethod: 'pm_card_chargeDeclinedInsufficientFunds', methodTypes: ['card'] },
  { name: 'authentication', paymentMethod: 'pm_card_authenticationRequired', methodTypes: ['card'] },
  { name: 'debit', paymentMethod: 'pm_usBankAccount', methodTypes: ['us_bank_account'] },
] as const;

async function runSeed(lane: Lane, seed: number, key: string): Promise<readonly string[]> {
  const chance = createChance(seed);
  const caller = await lane.hasty(HASTY_MS[0]);
  const untrue: string[] = [];
  lane.world.sandbox.setFaults(`seed:${seed}@${FAULT_CHANCE}; mail.send#*=drop_after@${FAULT_CHANCE}; mail.send#*=500_before@${FAULT_CHANCE}`);
  for (let round = 1; round <= ROUNDS; round += 1) {
    for (const { name, ...order } of ORDERS) {
      const ended = await withSignal(chance, (signal) => caller.charge({ key: `${key}${name}`, reference: `order ${key}${name}`, ...order }, signal));
      untrue.push(...dishonesty(lane, `${key}${name}`, ended));
    }
    if (chance() < 0.5) await withSignal(chance, (signal) => caller.pass(signal));
  }
  return [...untrue, ...(await stillHeld(lane))];
}

async function withSignal<T>(chance: Chance, act: (signal: AbortSignal | undefined) => Promise<T>): Promise<T> {
  const [whether, when] = [chance(), chance()];
  if (whether >= SIGNAL_CHANCE) return act(undefined);
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), when * SIGNAL_WITHIN_MS);
  try {
    return await act(stop.signal);
  } finally {
    clearTimeout(timer);
  }
}

test.each(targets)('faults by chance at every call ($name)', { timeout: 300_000 }, async (target) => {
  const cases = Array.from({ length: SEEDS }, (_, index) => ({ name: `seed ${index + 1}`, run: (lane: Lane, key: string) => runSeed(lane, index + 1, key) }));
  const { ran, failures } = await runInLanes(target, cases, { env: { PAYRECON_MAX_ATTEMPTS: '3' } });
  expect(failures).toEqual([]);
  expect(ran).toBe(SEEDS);
});
