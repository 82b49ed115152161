import { validateDetailed } from 'node-cron';
import { PayreconError } from '../domain/errors.ts';
import { onSchedule, type Schedule } from './schedule.ts';
import type { ServiceManager } from './service-manager.ts';

export interface PassEnd {
  /** For the journal. */
  readonly line: string;
  /** Another pass is due by then, whatever the schedule says: rows of a process that may have died are free. */
  readonly againInMs: number | null;
}

export interface DaemonOptions {
  readonly schedule: Schedule;
  /** One pass. Never called while one is running. */
  readonly pass: (signal: AbortSignal) => Promise<PassEnd>;
  /** Aborted by the first SIGTERM or SIGINT: the running pass drains, then the daemon ends. */
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
  readonly manager: ServiceManager;
}

/** @throws PayreconError `configuration` for an expression that node-cron does not take. */
export function checkSchedule(schedule: string): void {
  const { valid, errors } = validateDetailed(schedule);
  if (valid) return;
  const why = errors.map(({ field, message }) => `${field}: ${message}`).join('; ');
  throw new PayreconError(
    'bad_schedule',
    `The schedule ${JSON.stringify(schedule)} is not a cron expression (${why}). Example: "* * * * *" for every minute.`,
    {
      problems: [{ field: 'PAYRECON_SCHEDULE', message: why }],
    },
  );
}

/** The lease is looked at by the database's clock: a little later it has run out there, too. */
const AFTER_LEASE_MS = 250;

/**
 * Runs a pass at once and then on schedule, never two at a time (a tick that meets a running pass is
 * let go), until the signal; resolves once the running pass has drained. Rows that another process held at the
 * end of a pass are looked at again when its leases run out: on schedule alone they would wait for both.
 *
 * A database or Stripe out of reach is logged, and the next tick tries again. What only a person can
 * mend (a refused key, a schema that is behind) ends the daemon, so that the service manager shows it.
 *
 * A bug is logged with its stack, and the next pass begins on schedule.
 *
 * @throws PayreconError `configuration`.
 */
export async function runDaemon(options: DaemonOptions): Promise<void> {
  checkSchedule(options.schedule.expression);
  let running: Promise<void> | null = null;
  let fatal: Error | null = null;
  let again: NodeJS.Timeout | undefined;
  const ended = deferred();

  const runOne = async (): Promise<void> => {
    try {
      const { line, againInMs } = await options.pass(options.signal);
      options.log(line);
      if (againInMs !== null && !options.signal.aborted)
        again = setTimeout(tick, againInMs + AFTER_LEASE_MS);
    } catch (error) {
      if (!(error instanceof PayreconError)) {
        // One payment, or one pass, that meets a bug is no reason to leave all others alone: it is said, and goes on.
        const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
        options.log(`pass failed because of a bug in payrecon, next one on schedule: ${stack}`);
      } else if (error.kind !== 'configuration' && error.kind !== 'usage') {
        options.log(`pass failed, next one on schedule: ${error.message}`);
      } else {
        fatal = error;
        ended.resolve();
      }
    }
  };
  const runningNow = async (): Promise<void> => {
    await running;
  };
  const tick = (): void => {
    if (running !== null || options.signal.aborted) return;
    clearTimeout(again);
    running = runOne().finally(() => {
      running = null;
    });
  };

  const task = onSchedule(options.schedule, tick);
  const onSignal = (): void => {
    ended.resolve();
  };
  options.signal.addEventListener('abort', onSignal, { once: true });
  if (options.signal.aborted) ended.resolve();
  await task.start();
  options.manager.ready();
  const { expression, timeZone } = options.schedule;
  options.log(`reconciling on schedule "${expression}", ${timeZone}`);
  tick();
  await ended.promise;
  options.manager.stopping();
  await task.destroy();
  await runningNow();
  clearTimeout(again);
  options.signal.removeEventListener('abort', onSignal);
  throwIfSet(fatal);
  options.log('drained');
}

/** `fatal` is set by a pass, which the compiler cannot see across the wait. */
function throwIfSet(error: Error | null): void {
  if (error !== null) throw error;
}

interface Deferred {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

/** Promise.withResolvers for Node 20. */
function deferred(): Deferred {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
