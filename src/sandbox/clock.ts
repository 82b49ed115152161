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

/** What has to be done when the time is moved. */
export interface ClockWatch {
  before(): void;
  /** `byMs` is negative when it was set back. */
  after(byMs: number): void;
}

/** The years that a date can be written in: of 1e308 ms no date can be made, and every later answer would be a bug. */
const LATEST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** Moving it throws a RangeError where it would leave the years 1970 to 9999. */
export function createClock(base: () => number, watch: ClockWatch): MovableClock {
  const clock: MovableClock = {
    offsetMs: 0,
    now: () => Math.floor(base() + clock.offsetMs),
    advance(ms) {
      const moved = clock.now() + ms;
      if (!(moved >= 0 && moved <= LATEST_MS))
        throw new RangeError('the clock shows times from 1970 to 9999; it was not moved');
      watch.before();
      clock.offsetMs += ms;
      watch.after(ms);
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
