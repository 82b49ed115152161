import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/*
 * A benchmark starts servers, daemons and workers, fills databases of gigabytes, and may fail or hang in the middle of it.
 * So it runs in a process group and with a folder for temporary files of its own: whatever happens, both are gone afterwards.
 */

const ENDS_IN_MS = 10_000;
const LOOK_EVERY_MS = 50;

/**
 * Runs a module of this folder to its end and returns what it sent.
 *
 * @throws an Error when it ended otherwise, took longer than `seconds`, or `stop` was signalled.
 */
export async function runApart(
  script: URL,
  args: readonly string[],
  seconds: number,
  stop: AbortSignal,
): Promise<unknown> {
  const folder = await mkdtemp(join(tmpdir(), 'payrecon-bench-'));
  // PostgreSQL, which does not run as root, has to reach its data in there.
  await chmod(folder, 0o711);
  try {
    return await inGroup(script, args, { folder, seconds, stop });
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

interface Place {
  readonly folder: string;
  readonly seconds: number;
  readonly stop: AbortSignal;
}

async function inGroup(
  script: URL,
  args: readonly string[],
  { folder, seconds, stop }: Place,
): Promise<unknown> {
  const child = spawn(process.execPath, ['--import', 'tsx', fileURLToPath(script), ...args], {
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, TMPDIR: folder },
  });
  const sent: unknown[] = [];
  child.on('message', (value) => sent.push(value));
  const ended = once(child, 'exit') as Promise<[number | null, string | null]>;
  // A timer and a listener: a signal of `AbortSignal.timeout` within `any` may be collected and never abort.
  const over = new AbortController();
  const end = (): void => {
    over.abort();
  };
  const timer = setTimeout(end, seconds * 1_000);
  stop.addEventListener('abort', end, { once: true });
  if (stop.aborted) end();
  try {
    const ending = await Promise.race([ended, aborted(over.signal)]);
    if (stop.aborted) throw new Error('interrupted');
    if (ending === null) throw new Error(`not done after ${String(seconds)} s`);
    if (ending[0] !== 0) throw new Error(`ended with ${String(ending[0] ?? ending[1])}; see above`);
    if (sent.length !== 1)
      throw new Error(`ended with ${String(sent.length)} answers instead of one`);
    return sent[0];
  } finally {
    clearTimeout(timer);
    stop.removeEventListener('abort', end);
    if (child.pid !== undefined) await endGroup(child.pid);
  }
}

async function aborted(signal: AbortSignal): Promise<null> {
  if (!signal.aborted) await once(signal, 'abort');
  return null;
}

/** First graceful, then forceful. A PostgreSQL among them stops when the process that wanted it has gone. */
async function endGroup(group: number): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    const untilMs = performance.now() + ENDS_IN_MS;
    for (
      let lives = signalled(group, signal);
      lives && performance.now() < untilMs;
      lives = signalled(group, 0)
    )
      await sleep(LOOK_EVERY_MS);
  }
}

/** Whether there is anybody left. */
function signalled(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-group, signal);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
    throw error;
  }
}
