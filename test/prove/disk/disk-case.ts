import { unrecordedMails } from '../../support/unrecorded-mails.ts';
import { cpSync } from 'node:fs';
import { basename } from 'node:path';
import type { ChargeOutcome, PassOutcome, Payrecon } from '../../../src/app/service.ts';
import { exitCode } from '../../../src/cli/exit-code.ts';
import type { Overrides } from '../../../src/compose/adapters.ts';
import { CARD, charge, DECLINED, KEY, pass, stopAt, STOPS, type Method } from '../stops.ts';
import { quiet } from '../harness.ts';
import { SHM } from './journal.ts';
import { dumpLedger, type LedgerDump } from './ledger-dump.ts';
import type { LedgerHarness } from './ledger-harness.ts';
import { pastLeases, reconciled } from './recovery.ts';

/** Something that is done while the disk fails. */
export interface Fixture {
  readonly name: string;
  readonly prepare: (harness: LedgerHarness) => Promise<void>;
  readonly role: 'charge' | 'reconcile';
  readonly run: (payrecon: Payrecon) => Promise<unknown>;
  /** A customer's repetition. */
  readonly method: Method;
}

function charging(name: string, method: Method, prepare: Fixture['prepare']): Fixture {
  return { name, method, prepare, role: 'charge', run: (payrecon) => charge(payrecon, method) };
}

async function emptyLedger(harness: LedgerHarness): Promise<void> {
  const payrecon = await harness.open('migrate');
  await payrecon.migrate('up');
  // The ledger knows whose it is from here on.
  await payrecon.status();
  await payrecon.close();
}

function passing(stopName: string): Fixture {
  const stop = STOPS.find(({ name }) => name === stopName);
  if (stop === undefined) throw new Error(`no charge stops at ${stopName}`);
  return {
    name: `pass, ${stopName}`,
    method: stop.method,
    prepare: (harness) => stopAt(harness, stop),
    role: 'reconcile',
    run: pass,
  };
}

function repeating(stopName: string): Fixture {
  return {
    ...passing(stopName),
    name: `charge again, ${stopName}`,
    role: 'charge',
    run: (payrecon) => charge(payrecon, passing(stopName).method),
  };
}

export const SCENES: readonly Fixture[] = [
  charging('charge, no ledger yet', CARD, () => Promise.resolve()),
  charging('charge', CARD, emptyLedger),
  charging('charge, declined', DECLINED, emptyLedger),
  repeating('create_sent, made at Stripe'),
  repeating('confirm_sent, paid'),
  passing('create_sent, made at Stripe'),
  passing('confirm_sent, paid'),
  passing('cancel_sent'),
];

/** How the command ended while the disk failed, and what it had done by then. */
export interface Ended {
  readonly exit: number;
  readonly error: unknown;
  /** Calls to Stripe that may change something there. */
  readonly sent: number;
  readonly before: LedgerDump;
  readonly after: LedgerDump;
}

/** Runs the command as a process of its own, while `under` lets things go wrong, and starts the machine again. */
export async function endedUnder(
  harness: LedgerHarness,
  fixture: Fixture,
  under: (work: () => Promise<void>) => Promise<void>,
  overrides: Overrides = {},
): Promise<Ended> {
  await harness.begin(true);
  await fixture.prepare(harness);
  harness.advance(1_000);
  const before = processGone(harness);
  const sentBefore = changesAsked(harness);
  const ends: Pick<Ended, 'exit' | 'error'>[] = [];
  await under(async () => {
    const payrecon = await harness.open(fixture.role, overrides);
    ends.push(await endOf(fixture, payrecon));
    await payrecon.close();
  });
  const [end] = ends;
  if (end === undefined) throw new Error('the command was not run');
  await quiet(harness.sandbox);
  return { ...end, sent: changesAsked(harness) - sentBefore, before, after: processGone(harness) };
}

async function endOf(fixture: Fixture, payrecon: Payrecon): Promise<Pick<Ended, 'exit' | 'error'>> {
  try {
    return { exit: exitOf(fixture, await fixture.run(payrecon)), error: null };
  } catch (error) {
    return { exit: exitCode({ kind: 'failed', error }, null), error };
  }
}

function exitOf({ role }: Fixture, outcome: unknown): number {
  return role === 'charge'
    ? exitCode({ kind: 'charged', outcome: outcome as ChargeOutcome }, null)
    : exitCode({ kind: 'passed', outcome: outcome as PassOutcome }, null);
}

const CHANGES = new Set([
  'payment_intents.create',
  'payment_intents.confirm',
  'payment_intents.cancel',
]);

function changesAsked({ sandbox }: LedgerHarness): number {
  return sandbox.books.requests.filter(({ endpoint }) => CHANGES.has(endpoint)).length;
}

/**
 * The ledger as the next process finds it: without the -shm file, which SQLite makes anew once nobody has the ledger
 * open. In this process some memory of a failed commit would go on.
 */
function processGone(harness: LedgerHarness): LedgerDump {
  const copy = harness.newFolder();
  cpSync(harness.folder(), copy, {
    recursive: true,
    filter: (path) => !basename(path).endsWith(SHM),
  });
  harness.moveTo(copy);
  return dumpLedger(harness.ledger());
}

/** What is untrue about how the command ended, and what is wrong after the disk was mended. */
export async function judged(
  harness: LedgerHarness,
  fixture: Fixture,
  ended: Ended,
): Promise<readonly string[]> {
  const untrue = [
    ...dishonest(fixture, ended),
    ...moneyWithoutId(harness, ended.after),
    ...ended.after.damage,
  ];
  pastLeases(harness);
  const unrecorded = await unrecordedMails(harness.sandbox.books, harness.raw());
  const payrecon = await harness.open('charge');
  const { transaction, situation } = await charge(payrecon, fixture.method);
  await payrecon.close();
  const repeated =
    situation === 'in_progress'
      ? [`${transaction.id} is still held by the process that is gone`]
      : [];
  return [...untrue, ...repeated, ...(await reconciled(harness, unrecorded.size))];
}

const TRUE_ENDS: Readonly<Record<string, readonly number[]>> = {
  succeeded: [0],
  failed: [3],
  canceled: [3],
  stuck: [5],
  pending: [75],
};

function dishonest(
  { role }: Fixture,
  { exit, error, sent, before, after }: Ended,
): readonly string[] {
  if (exit === 1)
    return [
      `ended as a bug: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    ];
  if (exit === 69 || exit === 2) {
    const changed =
      standing(before) === standing(after)
        ? []
        : [
            `ended with ${exit}, and the ledger went from ${standing(before)} to ${standing(after)}`,
          ];
    return sent === 0
      ? changed
      : [...changed, `ended with ${exit} after Stripe was asked to change something`];
  }
  if (role === 'reconcile') return [0, 5, 75].includes(exit) ? [] : [`a pass ended with ${exit}`];
  const status = String(after.transactions.find((row) => row['key'] === KEY)?.['status']);
  // Not known yet is always true of what was recorded a moment later.
  return exit === 75 || TRUE_ENDS[status]?.includes(exit) === true
    ? []
    : [`ended with ${exit}, and the ledger says ${status}`];
}

/** Where each payment stands; who holds it does not matter. */
function standing({ transactions }: LedgerDump): string {
  return (
    transactions
      .map(
        (row) =>
          `${String(row['key'])}: ${String(row['status'])}, ${String(row['step'])}, ${String(row['payment_intent'])}`,
      )
      .join('; ') || 'nothing'
  );
}

/** Before money can move, the ledger knows where. */
function moneyWithoutId(
  { sandbox }: LedgerHarness,
  { transactions }: LedgerDump,
): readonly string[] {
  const known = new Set(transactions.map((row) => row['payment_intent']));
  const rows = new Set(transactions.map((row) => row['id']));
  return sandbox.books.paymentIntents.flatMap(({ id, status, latest_charge: money, metadata }) => {
    if (!rows.has(metadata['payrecon_transaction']))
      return [`${id} was made for a transaction that the ledger does not know`];
    return money !== null && !known.has(id)
      ? [`${id} is ${status}, and the ledger does not know its id`]
      : [];
  });
}
