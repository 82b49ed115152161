import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import { binary } from '../../support/binary.ts';
import { cleanEnvironment } from '../../support/environment.ts';
import { temporaryFolder } from '../../support/temporary.ts';

export interface Running {
  signal(name: 'SIGINT' | 'SIGTERM'): void;
  /** What was written to standard error up to now. */
  heard(): string;
  /** Its end, once everything that it wrote has arrived. */
  readonly end: Promise<{
    readonly exitCode: number | null;
    readonly stdout: string;
    readonly stderr: string;
  }>;
}

/** The real binary under way; killed when the test is over, should it still run. */
export async function startPayrecon(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  options: { readonly deafTo?: 'stdout' } = {},
): Promise<Running> {
  const home = await temporaryFolder();
  const child = spawn(process.execPath, [binary, ...args], {
    env: cleanEnvironment(home, env),
    cwd: home,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  // As `| head` does once it has seen enough.
  if (options.deafTo === 'stdout') child.stdout.destroy();
  let heard = '';
  child.stderr.on('data', (chunk: Buffer) => (heard += chunk.toString()));
  const end = Promise.all([
    once(child, 'close'),
    options.deafTo === 'stdout' ? '' : text(child.stdout),
  ]).then(([[exitCode], stdout]) => ({
    exitCode: exitCode as number | null,
    stdout,
    stderr: heard,
  }));
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await end;
  });
  return { signal: (name) => child.kill(name), heard: () => heard, end };
}
