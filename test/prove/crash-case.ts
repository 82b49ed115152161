import { gatherEvidence, type Evidence } from '../support/evidence.ts';
import { judge } from '../support/invariants.ts';
import { unrecordedMails } from '../support/unrecorded-mails.ts';
import { customerLettersOf } from '../support/letters.ts';
import type { Payrecon } from '../../src/app/service.ts';
import type { Command } from './commands.ts';
import { DeadGate, ProcessDied, seamsThrough, type CrashPoint } from './dead-gate.ts';
import { quiet, type Harness } from './harness.ts';

/** Who comes after the crash: whoever ran the command runs it again and then a pass is made, or only passes. */
export const RECOVERIES = ['again', 'passes'] as const;
export type Recovery = (typeof RECOVERIES)[number];

export interface CrashCase {
  readonly command: Command;
  readonly recovery: Recovery;
  readonly crash: CrashPoint;
  /** The recovery dies as well, and a third process comes. */
  readonly second: CrashPoint | null;
}

export interface CaseReport {
  /** Where the processes died, in words. */
  readonly died: readonly string[];
  /** How many steps the recovery passed where it was not to die, or until it did. */
  readonly recoverySteps: Steps;
  /** False when the recovery came to its end before the step at which it was to die. */
  readonly secondDied: boolean;
  readonly wrong: readonly string[];
}

export interface Steps {
  readonly before: number;
  readonly after: number;
}

/** A lease lasts 90 s and an e-mail's claim 60 s: what the dead process held is free by then. */
const PAST_LEASES_MS = 91_000;
/** Two scans of Stripe's list prove an absence when they lie more than 5 minutes apart. */
const BETWEEN_PASSES_MS = 6 * 60_000;

/** How many steps the command takes when nobody dies. */
export async function countSteps(harness: Harness, command: Command): Promise<Steps> {
  const gate = new DeadGate(null);
  try {
    await prepared(harness, command);
    await runFirst(harness, command, gate);
    return stepsOf(gate);
  } finally {
    await harness.end();
  }
}

export async function runCase(
  harness: Harness,
  { command, recovery, crash, second }: CrashCase,
): Promise<CaseReport> {
  try {
    await prepared(harness, command);
    const gate = await dying(harness, crash, (dead) => runFirst(harness, command, dead));
    if (gate.diedAt === null) return report([], ['the step was never reached'], null);
    const died = [gate.diedAt];
    const wrong = [...gate.atOnce];
    const unrecorded = new Set(gate.unrecorded);
    const interrupted =
      second === null
        ? null
        : await dying(harness, second, (dead) => recoverDying(harness, command, recovery, dead));
    if (typeof interrupted?.diedAt === 'string') {
      died.push(`recovery ${interrupted.diedAt}`);
      wrong.push(...interrupted.atOnce);
      for (const mail of interrupted.unrecorded) unrecorded.add(mail);
    }
    wrong.push(...(await recoverAndJudge(harness, command, recovery, unrecorded.size)));
    return report(died, wrong, interrupted);
  } finally {
    await harness.end();
  }
}

/** Requests that change something; look-ups of many payments run ahead of who reads their answers. */
function sentBy({ sandbox }: Harness): number {
  return sandbox.books.requests.filter(({ method }) => method === 'POST').length;
}

type Dead = DeadGate & {
  readonly atOnce: readonly string[];
  readonly unrecorded: ReadonlySet<string>;
};

function stepsOf(gate: DeadGate): Steps {
  return { before: gate.begun.length, after: gate.had.length };
}

function report(
  died: readonly string[],
  wrong: readonly string[],
  second: DeadGate | null,
): CaseReport {
  const recoverySteps = second === null ? { before: 0, after: 0 } : stepsOf(second);
  return { died, recoverySteps, secondDied: second?.diedAt !== null, wrong };
}

async function prepared(harness: Harness, command: Command): Promise<void> {
  await harness.begin(command.empty === true);
  await command.prepare(harness);
  harness.advance(1_000);
}

/** The command, for the first time, under what it is to meet. */
async function runFirst(harness: Harness, command: Command, gate: DeadGate): Promise<void> {
  const { daemon = false, faults = '', meanwhile } = command;
  harness.sandbox.setFaults(faults);
  harness.whileAsleep(meanwhile === undefined ? null : () => meanwhile(harness));
  try {
    if (daemon) await daemonThrough(harness, gate);
    else await alive(harness, command.role, gate, command.run);
  } finally {
    harness.sandbox.setFaults('');
    harness.whileAsleep(null);
  }
}

/** A daemon goes on after a bug and says it: what kills everything else must be said, too, or it was taken for an answer. */
async function daemonThrough(harness: Harness, gate: DeadGate): Promise<void> {
  const said = await harness.daemon(seamsThrough(gate, harness.clock));
  if (
    gate.diedAt !== null &&
    said.some((line) => line.includes('because of a bug') && line.includes(ProcessDied.name))
  )
    throw new ProcessDied(gate.diedAt);
}

/** A process of its own, from its opening to its end or its death. */
async function alive(
  harness: Harness,
  role: string,
  gate: DeadGate,
  work: (payrecon: Payrecon) => Promise<unknown>,
): Promise<void> {
  const payrecon = await harness.open(role, seamsThrough(gate, harness.clock));
  try {
    await work(payrecon);
  } finally {
    // What a dying process leaves to the system: its connections end.
    await payrecon.close();
  }
}

/** Lets `work` die at that step, and checks what must hold at that very moment: nothing runs on, and no money without an id. */
async function dying(
  harness: Harness,
  point: CrashPoint,
  work: (gate: DeadGate) => Promise<void>,
): Promise<Dead> {
  let atDeath = 0;
  const gate = new DeadGate(point, () => {
    // What other tasks of the process had sent before is still on its way.
    atDeath = sentBy(harness) + gate.underWay;
  });
  let error: unknown = null;
  await work(gate).catch((thrown: unknown) => {
    error = thrown;
  });
  if (error !== null && gate.diedAt === null)
    throw new Error('the command failed, and nobody died', { cause: error });
  await quiet(harness.sandbox);
  harness.advance(PAST_LEASES_MS);
  const after = gate.diedAt === null ? 0 : Math.max(0, sentBy(harness) - atDeath);
  const atOnce = [
    ...(await moneyWithoutId(harness)),
    ...(after === 0 ? [] : [`${after} requests were sent after the death ${gate.diedAt ?? ''}`]),
    ...(gate.diedAt === null || error instanceof ProcessDied
      ? []
      : [`the death ${gate.diedAt} was taken for ${String(error)}`]),
  ];
  const unrecorded = await unrecordedMails(harness.sandbox.books, harness.raw());
  return Object.assign(gate, { atOnce, unrecorded });
}

/**
 * Before money can move, the ledger knows where: however quickly somebody looks, and whatever Stripe has forgotten by
 * then. After a recovery this could not be seen any more, for it would have found the payment by other means.
 */
async function moneyWithoutId(harness: Harness): Promise<readonly string[]> {
  const asked = harness.sandbox.books.paymentIntents.filter(
    ({ latest_charge: charge, status }) => charge !== null || status === 'requires_action',
  );
  if (asked.length === 0) return [];
  const known = new Set(
    (await harness.raw().rows('select payment_intent from transactions')).map(
      (row) => row['payment_intent'],
    ),
  );
  return asked
    .filter(({ id }) => !known.has(id))
    .map(({ id, status }) => `${id} is ${status}, and the ledger does not know its id`);
}

/** The recovery that is to die, up to all that the last one may do. */
async function recoverDying(
  harness: Harness,
  command: Command,
  recovery: Recovery,
  gate: DeadGate,
): Promise<void> {
  if (repeats(command, recovery)) await alive(harness, command.role, gate, command.again);
  await alive(harness, 'reconcile', gate, pass);
  harness.advance(BETWEEN_PASSES_MS);
  await alive(harness, 'reconcile', gate, pass);
}

/** A schema that is not there can only be made by migrating. */
function repeats(command: Command, recovery: Recovery): boolean {
  return recovery === 'again' || command.role === 'migrate';
}

async function recoverAndJudge(
  harness: Harness,
  command: Command,
  recovery: Recovery,
  mailAnswersUnseen: number,
): Promise<readonly string[]> {
  const wrong: string[] = [];
  if (repeats(command, recovery))
    await alive(harness, command.role, new DeadGate(null), async (payrecon) =>
      wrong.push(...(await command.again(payrecon))),
    );
  let left: readonly string[] = [];
  for (let passes = 1; passes <= 2; passes += 1) {
    const reconciler = await harness.open('reconcile');
    await pass(reconciler);
    left = await judgeAtRest(harness, reconciler, mailAnswersUnseen);
    await reconciler.close();
    if (left.length === 0) break;
    harness.advance(BETWEEN_PASSES_MS);
  }
  return [...wrong, ...left];
}

function pass(payrecon: Payrecon): Promise<unknown> {
  return payrecon.reconcile({ limit: null, dryRun: false });
}

async function judgeAtRest(
  harness: Harness,
  payrecon: Payrecon,
  mailAnswersUnseen: number,
): Promise<readonly string[]> {
  const { sandbox, dialect, secrets } = harness;
  const evidence = await gatherEvidence({
    books: sandbox.books,
    raw: harness.raw(),
    dialect,
    verifyAudit: () => payrecon.verifyAudit(null),
  });
  return [...judge(evidence, { atRest: true, secrets, mailAnswersUnseen }), ...untold(evidence)];
}

/** An operator is told once of an outage, and every customer who is to be told of an outcome was sent that e-mail, to the right address. */
function untold(evidence: Evidence): readonly string[] {
  const { rows, mails, delivered } = evidence;
  const outages = mails.filter(({ kind }) => kind === 'operator_outage').length;
  const kinds = new Map(
    mails.map((mail) => [mail.id, { kind: mail.kind, transactionId: mail.transactionId }]),
  );
  const told = new Set(
    delivered.map(({ body, to }) => {
      const { custom_args: args } = body as { custom_args?: Record<string, string> };
      const mail = kinds.get(args?.['payrecon_notification'] ?? '');
      return `${mail?.transactionId ?? ''} ${mail?.kind ?? ''} ${to.join()}`;
    }),
  );
  const customers = rows.flatMap((row) => {
    const due = customerLettersOf(evidence, row);
    if (due.length === 0 || due.some((kind) => told.has(`${row.id} ${kind} ${row.email ?? ''}`)))
      return [];
    return [`${row.key} is ${row.status}, and its customer was not told`];
  });
  return outages > 1 ? [...customers, `${outages} e-mails are about one outage`] : customers;
}
