import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { binary } from '../../support/binary.ts';
import { cleanEnvironment } from '../../support/environment.ts';
import { temporaryFolder } from '../../support/temporary.ts';

/** Where and how the real process is sent a signal; preload.js counts the steps inside of it. */
export interface Strike {
  /** From 1; null: nowhere, the steps are only counted. */
  readonly step: number | null;
  /** `during`: that many microseconds after the step has begun, from another thread. */
  readonly when: 'before' | 'during' | 'after';
  readonly signal: 'SIGKILL' | 'SIGTERM';
  readonly delayUs: number;
  /** `echo`: SIGINT right behind it, as npm sends it on; `again`: SIGTERM once more, 250 ms later. */
  readonly signals: 'once' | 'echo' | 'again';
}

/** When the second signal was sent, in milliseconds since 1970, and how many steps there were by then. */
export interface SentAgain {
  readonly at: number;
  readonly steps: number;
}

/** What preload.js has seen. */
export interface Trace {
  readonly steps: readonly string[];
  /** When and where the signal was sent; null when it was not. */
  readonly sent: {
    readonly step: number;
    readonly when: string;
    readonly what: string;
    readonly again: SentAgain | null;
  } | null;
}

export interface Ended {
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly trace: Trace;
  /** In milliseconds since 1970. */
  readonly endedAt: number;
}

export const COUNT_ONLY: Strike = {
  step: null,
  when: 'before',
  signal: 'SIGTERM',
  delayUs: 0,
  signals: 'once',
};

/** Longer than any command takes here; the daemon ends when it is told to. */
const AT_MOST_MS = 30_000;
const PRELOAD = new URL('./preload.js', import.meta.url).href;

/** The real command, with its steps counted. */
export interface Runner {
  run(
    args: readonly string[],
    env: Readonly<Record<string, string>>,
    strike: Strike,
  ): Promise<Ended>;
}

export async function openRunner(): Promise<Runner> {
  const home = await temporaryFolder();
  let runs = 0;
  return {
    async run(args, env, strike) {
      runs += 1;
      const trace = join(home, `trace-${runs}.json`);
      const orders = JSON.stringify({ trace, ...strike });
      const tellAfterMs =
        strike.signal === 'SIGTERM' && strike.step !== null ? DRAINS_WITHIN_MS : 0;
      const ended = await toItsEnd(home, args, { ...env, PROVE_CHILD: orders }, tellAfterMs);
      return { ...ended, trace: JSON.parse(await readFile(trace, 'utf8')) as Trace };
    },
  };
}

/** The line that a daemon writes when a pass is over; it is idle then, and is told to end. */
const PASS_OVER = /^pass(:| failed)/m;
/** So long a daemon may take that was told to end in its pass; one that was never told is told then. */
const DRAINS_WITHIN_MS = 3_000;

async function toItsEnd(
  home: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  tellAfterMs: number,
): Promise<Omit<Ended, 'trace'>> {
  const child = spawn(process.execPath, ['--import', PRELOAD, binary, ...args], {
    env: cleanEnvironment(home, env),
    cwd: home,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: AT_MOST_MS,
    killSignal: 'SIGABRT',
  });
  const said = { stdout: '', stderr: '' };
  let telling: NodeJS.Timeout | undefined;
  let told = !args.includes('--daemon');
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said.stderr += text;
    if (told || !PASS_OVER.test(said.stderr)) return;
    told = true;
    telling = setTimeout(() => child.kill('SIGTERM'), tellAfterMs);
  });
  const [exitCode, signal] = (await once(child, 'close')) as [number | null, string | null];
  clearTimeout(telling);
  return { exitCode, signal, ...said, endedAt: Date.now() };
}
