import { createTask, validateDetailed } from 'node-cron';
import { PayreconError } from '../domain/errors.ts';
import type { ServiceManager } from './service-manager.ts';

export interface DaemonOptions {
  /** Five or six cron fields, in the machine's time zone. */
  readonly schedule: string;
  /** One pass; resolves to a line for the journal. Never called while one is running. */
  readonly pass: (signal: AbortSignal) => Promise<string>;
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
  throw new PayreconError('configuration', 'bad_schedule', `The schedule ${JSON.stringify(schedule)} is not a cron expression (${why}). Example: "* * * * *" for every minute.`, {
    problems: [{ field: 'PAYRECON_SCHEDULE', message: why }],
  });
}

/**
 * Runs a pass at once and then on schedule, never two at a time (a tick that meets a running pass is
 * let go), until the signal; resolves once the running pass has drained.
 *
 * A database or Stripe out of reach is logged, and the next tick tries again. What only a person can
 * mend (a refused key, a schema that is behind) ends the daemon, so that the service manager shows it.
 *
 * @throws PayreconError `configuration`, and whatever is a bug.
 */
export async function runDaemon(options: DaemonOptions): Promise<void> {
  checkSchedule(options.schedule);
  let running: Promise<void> | null = null;
  let fatal: Error | null = null;
  const ended = deferred();

  const runOne = async (): Promise<void> => {
    try {
      options.log(await options.pass(options.signal));
    } catch (error) {
      if (error instanceof PayreconError && error.kind !== 'configuration' && error.kind !== 'usage') {
        options.log(`pass failed, next one on schedule: ${error.message}`);
      } else {
        fatal = error instanceof Error ? error : new Error(String(error));
        ended.resolve();
      }
    }
  };
  const runningNow = async (): Promise<void> => {
    await running;
  };
  const tick = (): void => {
    if (running !== null || options.signal.aborted) return;
    running = runOne().finally(() => {
      running = null;
    });
  };

  const task = createTask(options.schedule, tick, { suppressMissedWarning: true });
  const onSignal = (): void => { ended.resolve(); };
  options.signal.addEventListener('abort', onSignal, { once: true });
  if (options.signal.aborted) ended.resolve();
  await task.start();
  options.manager.ready();
  options.log(`reconciling on schedule "${options.schedule}"`);
  tick();
  await ended.promise;
  options.manager.stopping();
  await task.destroy();
  await runningNow();
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
