import { createHash, randomInt, randomUUID } from 'node:crypto';
import { hostname, userInfo } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Actor, Chance, Clock } from '../app/ports.ts';

/** The machine's own time, chance and identity: made here and nowhere else. */

const NANOSECONDS_A_MS = 1e6;

export const systemClock: Clock = {
  // `performance` would be loaded for this alone, a millisecond of every start.
  monotonicMs: () => Number(process.hrtime.bigint()) / NANOSECONDS_A_MS,
  sleep: async (ms, signal) => {
    await sleep(ms, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
  },
};

const CHANCE_STEPS = 2 ** 47;

export const systemChance: Chance = {
  uniform: () => randomInt(CHANCE_STEPS) / CHANCE_STEPS,
  token: () => randomUUID(),
};

/** A secret is remembered by this, never by itself. */
export function hashOf(secret: string): string {
  return createHash('sha256').update(secret, 'utf8').digest('hex');
}

export function actorOf(role: string, operator: string | null): Actor {
  const systemUser = systemUserName();
  return { role, operator: operator ?? systemUser, systemUser, host: hostname(), pid: process.pid };
}

/** A container may run under a number that no user database knows. */
function systemUserName(): string {
  try {
    return userInfo().username;
  } catch (error) {
    if (error instanceof Error && 'code' in error)
      return `uid ${String(process.getuid?.() ?? 'unknown')}`;
    throw error;
  }
}
