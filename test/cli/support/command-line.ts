import { Readable } from 'node:stream';
import { onTestFinished } from 'vitest';
import { runCommandLine } from '../../../src/cli/run.ts';
import type { Prompts } from '../../../src/cli/prompts.ts';
import type {
  ByteSource,
  CliServices,
  DaemonRequest,
  OpenRequest,
  StopSignal,
} from '../../../src/cli/dependencies.ts';
import type { ColourLevel, Output } from '../../../src/cli/streams.ts';
import { type Expected, fakePayrecon } from './fake-payrecon.ts';
import { now } from './fixture.ts';

export interface Situation {
  /** What of payrecon may be called; opening it is an error without this. */
  readonly payrecon?: Expected;
  /** Instead of an opened payrecon. */
  readonly openFails?: Error;
  /** Width of the terminal; without it, output goes to a pipe. */
  readonly columns?: number;
  readonly colourLevel?: ColourLevel;
  /** Answers to questions, in order; asking anything else fails. Without it nobody can be asked. */
  readonly answers?: readonly Answer[];
  /** Already received when the command begins. */
  readonly stoppedBy?: StopSignal;
  readonly timeZone?: string;
  /** What is in a file, or on standard input under the name `-`; reading anything else fails as it would without the file. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  readonly daemon?: (request: DaemonRequest) => Promise<void>;
}

export interface Answer {
  readonly to: 'select' | 'text' | 'confirm';
  /** Part of the question. */
  readonly asked: string;
  /** For a select: the name of the choice. */
  readonly answer: string | boolean | Error;
}

export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly opened: readonly OpenRequest[];
  readonly calls: readonly { readonly name: string; readonly args: readonly unknown[] }[];
  readonly closed: number;
}

/** Runs a command line in this process, with everything around it replaced. */
export async function commandLine(
  typed: readonly string[],
  situation: Situation = {},
): Promise<Result> {
  const written = { out: '', err: '' };
  const fake = situation.payrecon === undefined ? null : fakePayrecon(situation.payrecon);
  const opened: OpenRequest[] = [];
  const stop = new AbortController();
  if (situation.stoppedBy !== undefined) stop.abort();
  const asked = prompts(situation.answers ?? []);
  const services: CliServices = {
    streams: {
      out: output('out', written, situation),
      err: output('err', written, situation),
      canAsk: situation.answers !== undefined,
    },
    prompts: () => asked,
    environment: {},
    listenForStop: () => stop.signal,
    stoppedBy: () => situation.stoppedBy ?? null,
    now: () => now,
    timeZone: () => Promise.resolve(situation.timeZone ?? 'UTC'),
    read: (file) => readFrom(situation.files ?? {}, file),
    open(request) {
      const { notice: _notice, ...withoutNotice } = request;
      opened.push(withoutNotice);
      if (situation.openFails !== undefined) return Promise.reject(situation.openFails);
      if (fake === null) throw new Error('unexpected opening of payrecon');
      return Promise.resolve(fake.payrecon);
    },
    command: () => Promise.reject(new Error('unexpected command within the command')),
    daemon: situation.daemon ?? (() => Promise.reject(new Error('unexpected daemon'))),
  };
  const code = await runCommandLine(typed, services);
  return {
    code,
    stdout: written.out,
    stderr: written.err,
    opened,
    calls: fake?.calls ?? [],
    closed: fake?.closed() ?? 0,
  };
}

function readFrom(
  files: Readonly<Record<string, string | Uint8Array>>,
  file: string,
): Promise<ByteSource> {
  const content = files[file];
  if (content === undefined)
    return Promise.reject(
      Object.assign(new Error(`ENOENT: no such file or directory, open '${file}'`), {
        code: 'ENOENT',
        syscall: 'open',
      }),
    );
  const bytes = Buffer.from(content);
  // In small pieces, so that rows and letters lie across them.
  const pieces = Array.from({ length: Math.ceil(bytes.length / 7) }, (_, at) =>
    bytes.subarray(at * 7, at * 7 + 7),
  );
  return Promise.resolve({
    stream: Readable.from(pieces, { objectMode: false }),
    size: file === '-' ? null : bytes.length,
  });
}

function output(
  name: 'out' | 'err',
  written: { out: string; err: string },
  { columns, colourLevel }: Situation,
): Output {
  const sink = written;
  return {
    isTerminal: columns !== undefined,
    columns: columns ?? Number.POSITIVE_INFINITY,
    colourLevel: colourLevel ?? 0,
    write: (text) => {
      sink[name] += text;
    },
  };
}

function prompts(answers: readonly Answer[]): Prompts {
  const left = [...answers];
  const next = (to: Answer['to'], message: string): string | boolean => {
    const answer = left.shift();
    if (answer?.to !== to || !message.includes(answer.asked))
      throw new Error(`unexpected question (${to}): ${message}`);
    if (answer.answer instanceof Error) throw answer.answer;
    return answer.answer;
  };
  onTestFinished(({ task }) => {
    if (task.result?.state !== 'fail' && left.length > 0)
      throw new Error(`never asked: ${left.map((each) => each.asked).join(', ')}`);
  });
  return {
    select: (message, choices) => {
      const answer = next('select', message);
      const choice = choices.find((each) => each.name === answer);
      if (choice === undefined)
        throw new Error(
          `${String(answer)} is not offered; offered are ${choices.map((each) => each.name).join(', ')}`,
        );
      return Promise.resolve(choice.value);
    },
    text: (message) => Promise.resolve(String(next('text', message))),
    confirm: (message) => Promise.resolve(next('confirm', message) === true),
  };
}
