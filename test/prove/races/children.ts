import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { binary } from '../../support/binary.ts';
import { cleanEnvironment } from '../../support/environment.ts';

/** The real command as a process that can be stopped, continued and killed. */
export interface Child {
  readonly name: string;
  readonly pid: number;
  readonly startedMs: number;
  /** What it has written so far. */
  readonly said: { out: string; err: string };
  /** Null while it lives. */
  exit: { readonly code: number | null; readonly signal: NodeJS.Signals | null } | null;
  /** Set by whoever kills it: then it says nothing about how it ended. */
  killed: boolean;
  /** It was stopped once; whatever it held then, it may have lost. */
  stopped: boolean;
  send(signal: NodeJS.Signals): void;
  /** SIGSTOP, until the system says that it stands still. */
  stop(): Promise<void>;
  ended(): Promise<void>;
}

export interface ChildOptions {
  readonly name: string;
  readonly home: string;
  readonly env: Readonly<Record<string, string>>;
  /** How far the clock of its host is from the true time; durations are measured by another clock, which never jumps. */
  readonly skewMs: number;
  /** A command that runs it somewhere else, in its own place: a network namespace. */
  readonly enter?: readonly string[];
}

/**
 * Loaded before the command: `Date` tells another time from there on. And where the tests are killed, a daemon that
 * nobody ends any more ends itself.
 */
function preload(skewMs: number): string {
  const source = `const True = Date;
    globalThis.Date = class extends True {
      constructor(...given) { if (given.length === 0) super(True.now() + ${skewMs}); else super(...given); }
      static now() { return True.now() + ${skewMs}; }
    };
    setInterval(() => { if (process.ppid !== ${process.pid}) process.kill(process.pid, 'SIGKILL'); }, 1000).unref();`;
  return `data:text/javascript,${encodeURIComponent(source)}`;
}

export function startChild(
  args: readonly string[],
  { name, home, env, skewMs, enter = [] }: ChildOptions,
): Child {
  const [command, ...inside] = [...enter, process.execPath, '--import', preload(skewMs), binary];
  const running = spawn(command, [...inside, ...args], {
    env: cleanEnvironment(home, env),
    cwd: home,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const { pid } = running;
  if (pid === undefined) throw new Error(`${name} did not start`);
  const said = { out: '', err: '' };
  running.stdout.setEncoding('utf8').on('data', (text: string) => (said.out += text));
  running.stderr.setEncoding('utf8').on('data', (text: string) => (said.err += text));
  const closed = once(running, 'close');
  const child: Child = {
    name,
    pid,
    startedMs: performance.now(),
    said,
    exit: null,
    killed: false,
    stopped: false,
    send: (signal) => void running.kill(signal),
    async stop() {
      child.stopped = true;
      running.kill('SIGSTOP');
      while (child.exit === null && !(await standsStill(pid))) await wait(1);
      if (child.exit !== null)
        throw new Error(`${name} ended before it could be stopped: ${said.err}`);
    },
    async ended() {
      await closed;
    },
  };
  running.on('close', (code, signal) => {
    child.exit = { code, signal };
  });
  return child;
}

async function standsStill(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/stat`, 'utf8');
  return /\) [Tt] /.test(status);
}

/** Whatever a failed round has left, stopped ones too. */
export async function endAll(children: readonly Child[]): Promise<void> {
  for (const child of children) if (child.exit === null) child.send('SIGKILL');
  await Promise.all(children.map((child) => child.ended()));
}
