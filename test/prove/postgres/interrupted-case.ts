import type { Payrecon } from '../../../src/app/service.ts';
import { unrecordedMails } from '../../support/unrecorded-mails.ts';
import { gatherEvidence } from '../../support/evidence.ts';
import { judge } from '../../support/invariants.ts';
import type { Overrides } from '../../../src/compose/adapters.ts';
import type { Command } from '../commands.ts';
import { quiet, type Harness } from '../harness.ts';
import { dishonesty, endOf, tracesOf, type Ended } from './ending.ts';

/*
 * A process that lives on while its database fails it: what it answers must be true, the same process used again
 * must work, and after two passes everything must be settled.
 */

/** What befalls the process while the command runs. */
export interface Trouble {
  /** Given to the process when it is opened. */
  readonly overrides: Overrides;
  /** From now on, until it is over. */
  begin(): void;
  over(): Promise<void>;
  /** How often it struck. */
  struck(): number;
  /** It strikes so seldom that the process gets over it, and ends as if nothing had been. */
  readonly passing: boolean;
}

export interface CaseEnd {
  readonly ended: Ended;
  readonly struck: number;
  readonly wrong: readonly string[];
}

/** A lease lasts 90 s and an e-mail's claim 60 s: what could not be given back is free by then. */
const PAST_LEASES_MS = 91_000;
/** Two scans of Stripe's list prove an absence when they lie more than 5 minutes apart. */
const BETWEEN_PASSES_MS = 6 * 60_000;

/** How the command ends when nothing befalls it. */
export async function undisturbed(
  harness: Harness,
  command: Command,
  trouble: Trouble,
): Promise<Ended> {
  try {
    const payrecon = await prepared(harness, command, trouble.overrides);
    return await runUnder(harness, command, trouble, payrecon);
  } finally {
    await harness.end();
  }
}

export async function runInterrupted(
  harness: Harness,
  command: Command,
  usual: Ended,
  trouble: Trouble,
): Promise<CaseEnd> {
  try {
    const payrecon = await prepared(harness, command, trouble.overrides);
    const before = await tracesOf(harness);
    const ended = await runUnder(harness, command, trouble, payrecon);
    await quiet(harness.sandbox);
    const wrong = [...(await dishonesty(harness, ended, before))];
    if (trouble.passing && ended.exitCode !== usual.exitCode)
      wrong.push(
        `it ended with ${ended.exitCode} instead of ${usual.exitCode}, although the database was there again at once: ${ended.said}`,
      );
    const unrecorded = await unrecordedMails(harness.sandbox.books, harness.raw());
    harness.advance(PAST_LEASES_MS);
    wrong.push(
      ...(await command
        .again(payrecon)
        .catch((error: unknown) => [`the same process could not do it again: ${String(error)}`])),
    );
    const unseen = trouble.passing ? 0 : unrecorded.size;
    wrong.push(...(await settledAfterTwoPasses(harness, payrecon, unseen)));
    return { ended, struck: trouble.struck(), wrong };
  } finally {
    await trouble.over();
    await harness.end();
  }
}

async function runUnder(
  harness: Harness,
  command: Command,
  trouble: Trouble,
  payrecon: Payrecon,
): Promise<Ended> {
  harness.sandbox.setFaults(command.faults ?? '');
  trouble.begin();
  const ended = await endOf(command.role, () => command.run(payrecon));
  await trouble.over();
  harness.sandbox.setFaults('');
  return ended;
}

async function prepared(
  harness: Harness,
  command: Command,
  overrides: Overrides,
): Promise<Payrecon> {
  await harness.begin(command.empty === true);
  await command.prepare(harness);
  harness.advance(1_000);
  return harness.open(command.role, overrides);
}

/** By the process that was interrupted. An e-mail whose answer it could not record is sent once more. */
async function settledAfterTwoPasses(
  harness: Harness,
  payrecon: Payrecon,
  mailAnswersUnseen: number,
): Promise<readonly string[]> {
  const { sandbox, dialect, secrets } = harness;
  let left: readonly string[] = [];
  for (let passes = 1; passes <= 2; passes += 1) {
    await payrecon.reconcile({ limit: null, dryRun: false });
    const evidence = await gatherEvidence({
      books: sandbox.books,
      raw: harness.raw(),
      dialect,
      verifyAudit: () => payrecon.verifyAudit(null),
    });
    left = judge(evidence, { atRest: true, secrets, mailAnswersUnseen });
    if (left.length === 0) break;
    harness.advance(BETWEEN_PASSES_MS);
  }
  return left;
}
