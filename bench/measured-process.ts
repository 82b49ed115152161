import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';

export interface MeasuredProcess {
  readonly child: ChildProcess;
  /** Waits for its end, and throws unless it ended with this code. */
  finished(
    expected?: number,
  ): Promise<{ readonly stdout: string; readonly seconds: number; readonly peakMegabytes: number }>;
}

const LOOK_EVERY_MS = 20;

/** Starts a Node program and watches its peak memory, which Linux keeps as long as the process lives. */
export function startMeasured(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  cwd: string,
): MeasuredProcess {
  const startedMs = performance.now();
  const child = spawn(process.execPath, args, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let peakKilobytes = 0;
  const look = setInterval(() => {
    peakKilobytes = Math.max(peakKilobytes, peakOf(child.pid));
  }, LOOK_EVERY_MS);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
  const ended = once(child, 'close').then(([code]) => ({
    code: code as number | null,
    seconds: (performance.now() - startedMs) / 1_000,
  }));
  return {
    child,
    async finished(expected = 0) {
      const { code, seconds } = await ended;
      clearInterval(look);
      if (code !== expected)
        throw new Error(
          `${args.join(' ')} ended with ${String(code)}:\n${stdout.slice(-2_000)}${stderr.slice(-2_000)}`,
        );
      return { stdout, seconds, peakMegabytes: peakKilobytes / 1_024 };
    },
  };
}

/** 0 when it has ended meanwhile, or where there is no /proc. */
function peakOf(pid: number | undefined): number {
  try {
    return Number(
      /^VmHWM:\s+(\d+)/mu.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))?.[1] ?? 0,
    );
  } catch {
    return 0;
  }
}
