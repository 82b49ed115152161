import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { cleanEnvironment } from './environment.ts';
import { temporaryFolder } from './temporary.ts';

export const binary = fileURLToPath(new URL('../../bin/payrecon.js', import.meta.url));

export interface RunOptions {
  /** Added to an environment that has nothing of the machine's but PATH. */
  readonly env?: Readonly<Record<string, string>>;
  /** Home of the user that runs the command, for runs that share one; a new folder unless given. */
  readonly home?: string;
  readonly cwd?: string;
  /** Written to standard input, which is then closed; without it, standard input is empty. */
  readonly input?: string;
  readonly timeoutMs?: number;
}

export interface RunResult {
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output as one JSON document. */
  json(): unknown;
  /** Standard output as JSON lines. */
  jsonLines(): unknown[];
}

/** Runs the built command to its end. Never throws for an exit code; that is for the test to judge. */
export async function runPayrecon(
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const home = options.home ?? (await temporaryFolder());
  const result = await execa(process.execPath, [binary, ...args], {
    env: cleanEnvironment(home, options.env),
    extendEnv: false,
    cwd: options.cwd ?? home,
    input: options.input ?? '',
    timeout: options.timeoutMs ?? 20_000,
    killSignal: 'SIGKILL',
    reject: false,
    stripFinalNewline: false,
  });
  if (result.timedOut)
    throw new Error(
      `payrecon ${args.join(' ')} did not end in time\n${result.stdout}${result.stderr}`,
    );
  return {
    exitCode: result.exitCode,
    signal: result.signal,
    stdout: result.stdout,
    stderr: result.stderr,
    json: () => parse(result.stdout, result.stderr),
    jsonLines: () =>
      result.stdout
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => parse(line, result.stderr)),
  };
}

function parse(text: string, stderr: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`not JSON: ${JSON.stringify(text)}\nstandard error: ${stderr}`, {
      cause: error,
    });
  }
}
