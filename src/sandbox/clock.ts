/** The time of the sandbox: the clock it was given, plus what tests have moved it by. */
export interface SandboxClock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Moves the time; negative moves it back. */
  advance(ms: number): void;
  /** Sets the time to that many milliseconds since 1970; it runs on from there. */
  set(ms: number): void;
}

export interface MovableClock extends SandboxClock {
  /** How far the time has been moved, for a restart. */
  offsetMs: number;
}

export function createClock(base: () => number, onMove: () => void): MovableClock {
  const clock: MovableClock = {
    offsetMs: 0,
    now: () => Math.floor(base() + clock.offsetMs),
    advance(ms) {
      if (!Number.isFinite(ms)) throw new RangeError('the clock is moved by a number of milliseconds');
      clock.offsetMs += ms;
      onMove();
    },
    set(ms) {
      clock.advance(ms - clock.now());
    },
  };
  return clock;
}

/** Stripe counts in whole seconds. */
export function secondsOf(ms: number): number {
  return Math.floor(ms / 1000);
}
