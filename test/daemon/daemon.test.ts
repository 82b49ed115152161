import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { checkSchedule, runDaemon, type PassEnd } from '../../src/daemon/daemon.ts';
import { PayreconError } from '../../src/domain/errors.ts';

const EVERY_SECOND = '* * * * * *';
const A_PASS: PassEnd = { line: 'a pass', againInMs: null };

interface Run {
  readonly lines: string[];
  readonly states: string[];
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

function start(pass: (signal: AbortSignal) => Promise<PassEnd>, schedule = EVERY_SECOND): Run {
  const lines: string[] = [];
  const states: string[] = [];
  const stop = new AbortController();
  const manager = { ready: () => states.push('ready'), stopping: () => states.push('stopping') };
  const ended = runDaemon({
    schedule: { expression: schedule, timeZone: 'UTC' },
    pass,
    signal: stop.signal,
    log: (line) => lines.push(line),
    manager,
  });
  return { lines, states, stop, ended };
}

describe('the daemon', () => {
  it('passes at once and on schedule, never twice at a time, and drains on the signal', async () => {
    let running = 0;
    let most = 0;
    let passes = 0;
    let began = 0;
    const run = start(async () => {
      began += 1;
      running += 1;
      most = Math.max(most, running);
      if (began === 2) run.stop.abort();
      // Longer than the schedule, so that ticks meet a running pass.
      await wait(1_300);
      running -= 1;
      passes += 1;
      return A_PASS;
    });
    await run.ended;
    expect({ began, running, most, passes }).toEqual({ began: 2, running: 0, most: 1, passes: 2 });
    expect(run.lines.at(-1)).toBe('drained');
    expect(run.lines.filter((line) => line === 'a pass')).toHaveLength(passes);
    expect(run.states).toEqual(['ready', 'stopping']);
  });

  it('passes between two ticks when the rows of another process may be free by then, once for each time it was told so', async () => {
    const startedMs: number[] = [];
    const run = start(() => {
      startedMs.push(performance.now());
      return Promise.resolve({ line: 'a pass', againInMs: startedMs.length === 1 ? 200 : null });
    }, '0 0 29 2 *');
    await wait(1_200);
    run.stop.abort();
    await run.ended;
    expect(startedMs).toHaveLength(2);
    expect(startedMs[1]! - startedMs[0]!).toBeGreaterThanOrEqual(195);
  });

  it('waits for no process that has died once it is to end', async () => {
    const timers = (): number =>
      process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    const run = start(() => Promise.resolve({ line: 'a pass', againInMs: 600_000 }), '0 0 29 2 *');
    await wait(50);
    expect(timers()).toBeGreaterThan(before);
    run.stop.abort();
    const endedBeforeMs = performance.now() + 1_000;
    await run.ended;
    expect(performance.now()).toBeLessThan(endedBeforeMs);
    expect(timers()).toBe(before);
  });

  it('goes on after a database or Stripe out of reach', async () => {
    let passes = 0;
    const run = start(() => {
      passes += 1;
      return passes === 1
        ? Promise.reject(new PayreconError('database_unreachable', 'no database'))
        : Promise.resolve(A_PASS);
    });
    await wait(1_500);
    run.stop.abort();
    await run.ended;
    expect(run.lines).toContain('pass failed, next one on schedule: no database');
    expect(run.lines).toContain('a pass');
  });

  it('ends on what only a person can mend, so that the service manager shows it', async () => {
    const refused = new PayreconError('stripe_unauthorized', 'refused');
    await expect(start(() => Promise.reject(refused)).ended).rejects.toBe(refused);
  });

  it('lives through a pass that met a bug, with its stack in the log', async () => {
    let passes = 0;
    let passedAgain = (): void => undefined;
    const seen = new Promise<void>((resolve) => {
      passedAgain = resolve;
    });
    const run = start(() => {
      passes += 1;
      if (passes === 1) return Promise.reject(new Error('a row that nobody thought of'));
      passedAgain();
      return Promise.resolve(A_PASS);
    });
    await seen;
    run.stop.abort();
    await run.ended;
    expect(run.lines.find((line) => line.startsWith('pass failed because of a bug'))).toMatch(
      /a row that nobody thought of\n\s+at /,
    );
    expect(run.lines).toContain('a pass');
  });

  it('begins nothing when the signal came first', async () => {
    const stop = new AbortController();
    stop.abort();
    let passes = 0;
    const manager = { ready: () => undefined, stopping: () => undefined };
    const pass = (): Promise<PassEnd> => {
      passes += 1;
      return Promise.resolve(A_PASS);
    };
    await runDaemon({
      schedule: { expression: EVERY_SECOND, timeZone: 'Europe/Berlin' },
      pass,
      signal: stop.signal,
      log: () => undefined,
      manager,
    });
    expect(passes).toBe(0);
  });

  it.each(['* * * *', '61 * * * *', 'every minute', ''])('refuses the schedule %j', (schedule) => {
    expect(() => {
      checkSchedule(schedule);
    }).toThrow(expect.objectContaining({ kind: 'configuration', code: 'bad_schedule' }) as Error);
  });
});
