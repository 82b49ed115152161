import { EXIT, type ExitCode } from './cli/exit-code.ts';
import { terminalPrompts } from './cli/prompts.ts';
import { bugText } from './cli/render/views/bug.ts';
import { runCommandLine } from './cli/run.ts';
import type { ByteSource, CliServices, StopSignal } from './cli/dependencies.ts';
import { outputTo } from './cli/streams.ts';

/*
 * The edge of the process: what was typed, the signals and the only exit code. Nothing else in the program touches
 * `process.exit` or `process.exitCode`.
 */

/** npm and other parents pass on a Ctrl-C that the terminal has sent us already: so soon after, it is the same one. */
const sameSignalMs = 100;

const exitCodeOf: Readonly<Record<StopSignal, ExitCode>> = {
  SIGINT: EXIT.interrupted,
  SIGTERM: EXIT.terminated,
};

/** The first signal stops what listens for it, after draining; where nothing listens, and the second time, it ends the process. */
function watchSignals(): Pick<CliServices, 'listenForStop' | 'stoppedBy'> {
  const stop = new AbortController();
  let listening = false;
  let stopped: { readonly by: StopSignal; readonly atMs: number } | null = null;
  const onSignal = (by: StopSignal): void => {
    const nowMs = performance.now();
    if (!listening) process.exit(exitCodeOf[by]);
    if (stopped === null) {
      stopped = { by, atMs: nowMs };
      stop.abort();
    } else if (nowMs - stopped.atMs > sameSignalMs) process.exit(exitCodeOf[by]);
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return {
    listenForStop() {
      listening = true;
      return stop.signal;
    },
    stoppedBy: () => stopped?.by ?? null,
  };
}

function endOnBug(error: unknown): void {
  process.stderr.write(`${bugText(error)}\n`);
  process.exit(EXIT.bug);
}

/** Node takes a directory there for a file without anything in it. */
async function standardInput(): Promise<typeof process.stdin> {
  const { fstatSync } = await import('node:fs');
  if (fstatSync(0).isDirectory())
    throw Object.assign(new Error('standard input is a directory'), { syscall: 'read' });
  return process.stdin;
}

async function read(file: string): Promise<ByteSource> {
  if (file === '-') return { stream: await standardInput(), size: null };
  const { open } = await import('node:fs/promises');
  const handle = await open(file);
  const about = await handle.stat();
  return { stream: handle.createReadStream(), size: about.isFile() ? about.size : null };
}

async function main(): Promise<void> {
  process.on('uncaughtException', endOnBug);
  process.on('unhandledRejection', endOnBug);
  const environment = process.env;
  const output = { lost: false };
  const onLostOutput = (error: Error): void => {
    output.lost = true;
    process.stderr.write(`payrecon: standard output could not be written: ${error.message}\n`);
  };
  const signals = watchSignals();
  const services: CliServices = {
    ...signals,
    environment,
    streams: {
      out: outputTo(process.stdout, environment, onLostOutput),
      err: outputTo(process.stderr, environment, () => undefined),
      // Looked at only before a question: merely touching standard input opens it.
      get canAsk() {
        return process.stdin.isTTY && process.stderr.isTTY;
      },
    },
    prompts: (look) =>
      terminalPrompts(() => ({ input: process.stdin, output: process.stderr }), look),
    now: () => Date.now(),
    timeZone: async (flags) => {
      const { timeZoneFromEnvironment } = await import('./compose/services.ts');
      return await timeZoneFromEnvironment({ environment, flags });
    },
    read,
    async open(request) {
      const { openFromEnvironment } = await import('./compose/services.ts');
      return openFromEnvironment({ environment, ...request });
    },
    async daemon(request) {
      const { daemonFromEnvironment } = await import('./compose/services.ts');
      await daemonFromEnvironment({ ...request, environment });
    },
    command: runCommandLine,
  };
  const code = await runCommandLine(process.argv.slice(2), services);
  // Not `exit`, although Node ends sooner by it: what was written is to arrive first.
  process.exitCode = code;
  process.on('beforeExit', () => {
    // A result that nobody got is not a success.
    if (output.lost && code === EXIT.done) process.exitCode = EXIT.bug;
  });
}

void main();
