import type { Harness } from '../harness.ts';
import { COUNT_ONLY, type Ended, type Runner, type SentAgain, type Strike } from './child.ts';
import type { RealCommand } from './commands.ts';
import {
  INTERRUPTED,
  notDrained,
  notRecorded,
  TERMINATED,
  untrueDocument,
  untruth,
  type Before,
} from './exit-code-check.ts';
import { recoverAndJudge, settledDust, wrongAtOnce, type Recovery } from './recovery.ts';

/** One run of the real program, struck at a step or (null) drained while its daemon is idle. */
export interface RealCase {
  readonly command: RealCommand;
  readonly recovery: Recovery;
  readonly strike: Strike;
}

export interface CaseReport {
  /** Where it was struck, in words; null when it came to its end before that step. */
  readonly struck: string | null;
  /** How many steps it took. */
  readonly steps: number;
  readonly wrong: readonly string[];
}

/** The states are made in the past, so that the real clock is never behind what is in the ledger. */
const PREPARED_MS_AGO = 60_000;
/** An absence is looked for after a day, and once more six minutes later. */
const ABSENT_MS_AGO = PREPARED_MS_AGO + 86_400_000 + 6 * 60_000;
/** While a second signal comes, every call is under way. */
const UNDER_WAY = ['create', 'confirm', 'cancel', 'retrieve', 'list']
  .map((call) => `payment_intents.${call}#*=slow:1500`)
  .join('; ');
const AT_ONCE_MS = 1_000;
const AT_ONCE_STEPS = 3;

/** What it does when nobody strikes. */
export async function countSteps(
  harness: Harness,
  runner: Runner,
  command: RealCommand,
): Promise<readonly string[]> {
  try {
    const args = await prepared(harness, command);
    const ended = await runner.run(args, harness.environment(), COUNT_ONLY);
    const wrong = await untruth(harness, command.role, ended, []);
    if (wrong.length > 0)
      throw new Error(`${command.name}, with nobody striking: ${wrong.join('; ')}`);
    return ended.trace.steps;
  } finally {
    await harness.end();
  }
}

export async function runCase(
  harness: Harness,
  runner: Runner,
  { command, recovery, strike }: RealCase,
): Promise<CaseReport> {
  try {
    const args = await prepared(harness, command);
    const { requests, paymentIntents } = harness.sandbox.books;
    const before = {
      requests: requests.length,
      intents: new Set(paymentIntents.map(({ id }) => id)),
    };
    harness.sandbox.setFaults(strike.signals === 'again' ? UNDER_WAY : '');
    const ended = await runner.run(args, harness.environment(), strike);
    harness.sandbox.setFaults('');
    await settledDust(harness);
    const { sent, steps } = ended.trace;
    if (strike.step !== null && sent === null)
      return { struck: null, steps: steps.length, wrong: [] };
    const struck = sent === null ? 'idle' : `${sent.when} step ${sent.step}, ${sent.what}`;
    const died = strike.signal === 'SIGKILL' || (sent !== null && sent.again !== null);
    const wrong = [
      ...(await wrongAtOnce(harness, command)),
      ...(await wrongEnd(harness, command, ended, before)),
    ];
    wrong.push(...(await recoverAndJudge(harness, runner, { command, recovery, died })));
    return { struck, steps: steps.length, wrong };
  } finally {
    await harness.end();
  }

  async function wrongEnd(
    on: Harness,
    { role }: RealCommand,
    ended: Ended,
    before: Before,
  ): Promise<readonly string[]> {
    if (strike.signal === 'SIGKILL') return killed(on, role, ended);
    // Two signals at once may arrive in either order.
    const cutShort = strike.signals === 'echo' ? [TERMINATED, INTERRUPTED] : [TERMINATED];
    const drained = [
      ...(await untruth(on, role, ended, cutShort)),
      ...(await notDrained(on, role)),
      ...(role === 'migrate' ? [] : await notRecorded(on, before)),
    ];
    const again = ended.trace.sent?.again ?? null;
    return again === null || drained.length === 0
      ? [...drained, ...tooLate(ended, again)]
      : endedAtOnce(ended, again);
  }
}

async function prepared(harness: Harness, command: RealCommand): Promise<readonly string[]> {
  await harness.begin(command.base.empty === true);
  let aheadMs = command.name.includes('absent') ? -ABSENT_MS_AGO : -PREPARED_MS_AGO;
  harness.advance(aheadMs);
  const advance = (ms: number): void => {
    aheadMs += ms;
    harness.advance(ms);
  };
  await command.base.prepare({ ...harness, advance });
  if (aheadMs > 0) throw new Error(`${command.name} was prepared ${aheadMs} ms in the future`);
  harness.advance(-aheadMs);
  return command.typed(harness);
}

async function killed(
  harness: Harness,
  role: RealCommand['role'],
  ended: Ended,
): Promise<readonly string[]> {
  const died =
    ended.signal === 'SIGKILL'
      ? []
      : [`it was to die by SIGKILL, and ended with ${ended.exitCode ?? ended.signal ?? 'nothing'}`];
  return [...died, ...(await untrueDocument(harness, role, ended))];
}

/** A person who presses again does not want to wait; like a crash, and what is recorded lets the next run go on. */
function endedAtOnce(ended: Ended, again: SentAgain): readonly string[] {
  return [
    ...(ended.exitCode === TERMINATED
      ? []
      : [`11: ended with ${ended.exitCode ?? 'a signal'} by the second SIGTERM`]),
    ...tooLate(ended, again),
  ];
}

/** By the clock and by what was still done: a machine that stands still for a moment is no fault. */
function tooLate({ endedAt, trace: { steps } }: Ended, again: SentAgain | null): readonly string[] {
  if (
    again === null ||
    endedAt - again.at <= AT_ONCE_MS ||
    steps.length - again.steps <= AT_ONCE_STEPS
  )
    return [];
  return [
    `8: went on for ${endedAt - again.at} ms and ${steps.length - again.steps} steps after the second SIGTERM`,
  ];
}
