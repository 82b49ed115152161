import type { Payrecon } from '../../../src/app/service.ts';
import type { Clock } from '../../../src/app/ports.ts';
import { systemClock } from '../../../src/compose/system.ts';
import { unrecordedMails } from '../../support/unrecorded-mails.ts';
import { gatherEvidence } from '../../support/evidence.ts';
import { judge } from '../../support/invariants.ts';
import { COMMANDS, type Command } from '../commands.ts';
import { ALL_COMMANDS } from '../more-commands.ts';
import type { Recovery } from '../crash-case.ts';
import { quiet, type Harness } from '../harness.ts';
import { guardedWrites, PausingGate } from './pausing-gate.ts';
import { changedThoughLost, look, lostBy, moneyMoved, type Sight } from './sighting.ts';

/*
 * The late writer: process A stands still at a step while it holds a payment or an e-mail; its lease passes; process B
 * takes over; then A goes on as if nothing had happened. Whatever it writes must be refused.
 */

/**
 * How far B is by then: it has come to its end, and the version of the payment tells; or it holds the payment and has
 * written nothing yet, and only the lease's token tells.
 */
export const PROGRESS = ['ended', 'has begun'] as const;
type Progress = (typeof PROGRESS)[number];

/** What the process's own clock did meanwhile: ran on, as under SIGSTOP, or stood still, as in a machine that sleeps. */
export const OWN_CLOCKS = ['ran on', 'stood still'] as const;
type OwnClock = (typeof OWN_CLOCKS)[number];

/**
 * Past a lease (90 s) and an e-mail's claim (60 s); and past Stripe's memory of idempotency keys (24 h). A statement that
 * stands still has the harness's clock in its text, as it was before the sleep, where a real one reads the server's: more than
 * 25 h after that, a claim would take the times that B has written for those of a wrong clock, and rightly have the row.
 */
export const SLEEPS = { 'a lease': 91_000, 'a day': 24.5 * 3_600_000 } as const;
export type Sleep = keyof typeof SLEEPS;

export interface LateCase {
  readonly command: Command;
  /** Before which step A stands still, from 1. */
  readonly place: number;
  /** What B does: the same command, or a pass. */
  readonly takeover: Recovery;
  readonly progress: Progress;
  readonly ownClock: OwnClock;
  readonly slept: Sleep;
}

export interface LateReport {
  readonly where: string;
  /** A had lost what it held, and tried to write about it all the same. */
  readonly lateWrites: number;
  readonly wrong: readonly string[];
}

/** One pass over several rows besides, which are recorded together. */
export const WRITING: readonly Command[] = ALL_COMMANDS.filter((command) =>
  COMMANDS.includes(command)
    ? command.empty !== true
    : command.name === 'reconcile, several at a time',
);

const BETWEEN_PASSES_MS = 6 * 60_000;
const STANDS_WITHIN_MS = 60_000;

/** The steps at which the command can stand still, in order. */
export async function placesOf(harness: Harness, command: Command): Promise<readonly string[]> {
  const gate = new PausingGate(null);
  try {
    await prepared(harness, command);
    await command.run(await harness.open(command.role, gate.overrides(harness.clock)));
    return gate.places;
  } finally {
    await harness.end();
  }
}

async function prepared(harness: Harness, command: Command): Promise<void> {
  await harness.begin(false);
  await command.prepare(harness);
  harness.advance(1_000);
}

/** Null where A holds nothing when it stands still: then there is nothing to be late for. */
export async function runLateCase(harness: Harness, late: LateCase): Promise<LateReport | null> {
  try {
    await prepared(harness, late.command);
    return await standStillAndGoOn(harness, late);
  } finally {
    await harness.end();
  }
}

async function standStillAndGoOn(
  harness: Harness,
  { command, place, takeover, progress, ownClock, slept }: LateCase,
): Promise<LateReport | null> {
  const gate = new PausingGate(place);
  let jumpedMs = 0;
  const clock: Clock = {
    monotonicMs: () => systemClock.monotonicMs() + jumpedMs,
    sleep: (_ms, signal) => systemClock.sleep(1, signal),
  };
  const late = await harness.open(command.role, gate.overrides(clock));
  const ending = command.run(late).then(() => [], expectedOnly);
  const where = await withinTime(Promise.race([gate.standing, ending.then(() => null)]));
  if (where === null)
    return { where: 'nowhere', lateWrites: 0, wrong: ['the step was never reached'] };
  // A request that is under way for another payment arrives now, and not after a time that no request takes.
  await gate.allStand();
  const held = await look(harness);
  if (
    ![...held.rows.values()].some((row) => row['lease_token'] !== null) &&
    ![...held.mails.values()].some((row) => row['claim_token'] !== null)
  ) {
    gate.goOn();
    await ending;
    return null;
  }
  const unrecorded = await unrecordedMails(harness.sandbox.books, harness.raw());
  harness.advance(SLEEPS[slept]);
  jumpedMs = ownClock === 'ran on' ? SLEEPS[slept] : 0;

  const other = await takeOver(harness, { command, takeover, progress, slept });
  await quiet(harness.sandbox);
  const before = await look(harness);
  gate.goOn();
  const wrong = [...(await ending)];
  await quiet(harness.sandbox);
  const after = await look(harness);
  wrong.push(
    ...changedThoughLost(held, before, after),
    ...(progress === 'ended' ? moneyMoved(held, before, after) : []),
    ...mailsTwice(gate, ownClock, held),
  );
  wrong.push(...(await other.goOn()));
  await late.close();
  const mailed = gate.late.filter((what) => what.startsWith('mail ')).length;
  // Each e-mail whose answer was lost with the claim, and each that A sent late, was a copy.
  wrong.push(...(await atRest(harness, slept, mailed + unrecorded.size)));
  const lost = lostBy(held, before);
  return { where, lateWrites: lost.size === 0 ? 0 : guardedWrites(gate.late), wrong };
}

async function withinTime<Value>(work: Promise<Value>): Promise<Value> {
  const over = new AbortController();
  const late = systemClock.sleep(STANDS_WITHIN_MS, over.signal).then(() => {
    if (!over.signal.aborted) throw new Error('it neither came to the step nor to its end');
    return null;
  });
  try {
    return (await Promise.race([work, late])) as Value;
  } finally {
    over.abort();
  }
}

/** What a process may end with that lost its lease: a sentence for a person, never a bug. */
function expectedOnly(error: unknown): readonly string[] {
  const name = error instanceof Error ? error.constructor.name : typeof error;
  return name === 'PayreconError'
    ? []
    : [
        `A ended with a bug: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      ];
}

interface Other {
  /** Lets it come to its end, if it has not; answers what is wrong with that. */
  goOn(): Promise<readonly string[]>;
}

/** Whether its ledger is whole it asks before it takes anything. */
const HOLDS_BY_THEN = /^(stripe (?!newest|account)|mail )/;

/** B, up to its end or to its first call or e-mail. */
async function takeOver(
  harness: Harness,
  {
    command,
    takeover,
    progress,
    slept,
  }: Pick<LateCase, 'command' | 'takeover' | 'progress' | 'slept'>,
): Promise<Other> {
  const gate = new PausingGate(progress === 'ended' ? null : HOLDS_BY_THEN);
  const other = await harness.open(
    takeover === 'again' ? command.role : 'reconcile',
    gate.overrides(harness.clock),
  );
  const work = takeover === 'again' ? command.again(other) : pass(other).then(() => []);
  // A day later a charge is refused or canceled instead: only that it ends is asked.
  const ending = work.then((said) => (slept === 'a lease' ? said.map((each) => `B: ${each}`) : []));
  await withinTime(Promise.race([gate.standing, ending]));
  return {
    async goOn() {
      gate.goOn();
      return await ending;
    },
  };
}

async function pass(payrecon: Payrecon): Promise<unknown> {
  return await payrecon.reconcile({ limit: null, dryRun: false });
}

/** Those that it had begun to send were on their way; the others it can know to be somebody else's by now, if its clock ran on. */
function mailsTwice(gate: PausingGate, ownClock: OwnClock, held: Sight): readonly string[] {
  const claimed = [...held.mails.values()].filter((row) => row['claim_token'] !== null).length;
  const sent = gate.late.filter((what) => what.startsWith('mail ')).length;
  return ownClock === 'ran on' && claimed > 0 && sent > Math.max(1, gate.mailsUnderWay)
    ? [`${sent} e-mails were sent by a process whose claim had passed`]
    : [];
}

async function atRest(
  harness: Harness,
  slept: Sleep,
  mailAnswersUnseen: number,
): Promise<readonly string[]> {
  // An intent that came into being after its absence was proven is looked for once more, a day later.
  const rounds =
    slept === 'a day'
      ? [0, BETWEEN_PASSES_MS, SLEEPS['a day'], BETWEEN_PASSES_MS]
      : [0, BETWEEN_PASSES_MS];
  const { sandbox, dialect, secrets } = harness;
  const reconciler = await harness.open('reconcile');
  for (const laterMs of rounds) {
    harness.advance(laterMs);
    await pass(reconciler);
  }
  const evidence = await gatherEvidence({
    books: sandbox.books,
    raw: harness.raw(),
    dialect,
    verifyAudit: () => reconciler.verifyAudit(null),
  });
  return judge(evidence, { atRest: true, secrets, mailAnswersUnseen });
}
