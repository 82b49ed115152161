import { join } from 'node:path';
import type { Chance } from '../../../src/sandbox/stripe/ids.ts';
import { Disk, writeImage, type Image, type Survival } from './disk-image.ts';
import { watching } from './file-calls.ts';
import { Recorder, type Entry, type Mark } from './journal.ts';
import { dumpLedger, NOTHING, type LedgerDump } from './ledger-dump.ts';
import { LEDGER, type LedgerHarness } from './ledger-harness.ts';
import type { Recording } from './power-cut-run.ts';

/** What the ledger may hold after a cut at a place in the journal. */
export interface Promises {
  /** After each acknowledged commit, in order; the first is the ledger that nobody has written to. */
  readonly states: readonly LedgerDump[];
  /** The same for every entry: how many commits were acknowledged before it, and whether another was under way. */
  readonly acknowledged: readonly number[];
  readonly underWay: readonly boolean[];
  /** A ledger that has its tables and nothing else. */
  readonly migrated: LedgerDump;
}

/** Replays the journal with everything written, and looks at the ledger after each commit. */
export async function promisesOf(
  harness: LedgerHarness,
  { folder, entries }: Recording,
): Promise<Promises> {
  const disk = new Disk(folder);
  const states: LedgerDump[] = [NOTHING];
  const acknowledged: number[] = [];
  const underWay: boolean[] = [];
  let begun = false;
  for (const entry of entries) {
    disk.apply(entry);
    if (isMark(entry, 'commit begins')) begun = true;
    if (isMark(entry, 'committed')) {
      begun = false;
      states.push(
        dumped(
          harness,
          disk.image('everything', () => 0),
        ),
      );
    }
    acknowledged.push(states.length - 1);
    underWay.push(begun);
  }
  return { states, acknowledged, underWay, migrated: await newLedger(harness) };
}

/** A power cut, and what the disk held after it. */
export interface Cut {
  readonly recording: Recording;
  readonly promises: Promises;
  /** How many entries of the journal came before it. */
  readonly after: number;
  readonly image: Image;
}

/** Starts the machine again, in a folder that holds the image. Answers what is wrong with what is found. */
export async function checkImage(harness: LedgerHarness, cut: Cut): Promise<readonly string[]> {
  restarted(harness, cut.image);
  const opened = await openedByProduct(harness);
  const found = dumpLedger(harness.ledger());
  return [
    ...opened,
    ...found.damage.map((damage) => `the database is damaged: ${damage}`),
    ...broken(found, cut.promises, cut.after),
    ...unknownToLedger(found, cut.recording.entries.slice(0, cut.after)),
  ];
}

/** The current goes again while the ledger is opened for the first time: the same must be there the second time. */
export async function checkTwice(
  harness: LedgerHarness,
  cut: Cut,
  survival: Survival,
  chance: Chance,
): Promise<readonly string[]> {
  const folder = restarted(harness, cut.image);
  const recorder = new Recorder(folder);
  const wrong = await watching(recorder, () => openedByProduct(harness));
  const entries = recorder.entries.slice(0, Math.floor(chance() * (recorder.entries.length + 1)));
  const image = Disk.after(entries, folder, cut.image).image(survival, chance);
  return [...wrong, ...(await checkImage(harness, { ...cut, image }))];
}

function restarted(harness: LedgerHarness, image: Image): string {
  const folder = harness.newFolder();
  writeImage(image, folder);
  harness.moveTo(folder);
  return folder;
}

async function openedByProduct(harness: LedgerHarness): Promise<readonly string[]> {
  try {
    const payrecon = await harness.open('migrate', {});
    await payrecon.migrate('up');
    await payrecon.status();
    const { firstBad } = await payrecon.verifyAudit(null);
    await payrecon.close();
    return firstBad === null ? [] : [`the audit chain is broken at ${JSON.stringify(firstBad)}`];
  } catch (error) {
    return [`payrecon does not open it: ${String(error)}`];
  }
}

/** Everything acknowledged, and nothing that was not committed: one of two states, bit by bit. */
function broken(
  found: LedgerDump,
  { states, acknowledged, underWay, migrated }: Promises,
  after: number,
): readonly string[] {
  const last = acknowledged[after - 1] ?? 0;
  const held = states.slice(last, last + (underWay[after - 1] === true ? 2 : 1));
  // Whoever opens the ledger makes the tables that lack.
  const allowed = held.map((state) => (state.schema === migrated.schema ? state : migrated));
  if (allowed.some(({ fingerprint }) => fingerprint === found.fingerprint)) return [];
  const known = states.findIndex(({ fingerprint }) => fingerprint === found.fingerprint);
  const what =
    known === -1 ? `a state that never was (${found.summary})` : `the state after commit ${known}`;
  return [`commit ${last} was acknowledged, and the ledger is in ${what}`];
}

/** What Stripe was asked to do: the ledger knows of it, and a payment that was confirmed or canceled by its id. */
function unknownToLedger(found: LedgerDump, entries: readonly Entry[]): readonly string[] {
  const rows = new Map(found.transactions.map((row) => [row['id'], row]));
  return entries.flatMap((entry) => {
    if (entry.kind !== 'mark' || entry.mark.what !== 'asked') return [];
    const { call, transactionId, paymentIntent } = entry.mark;
    const row = rows.get(transactionId);
    if (row === undefined)
      return [`Stripe was asked to ${call} ${transactionId}, which the ledger does not know`];
    if (call !== 'create' && (paymentIntent === null || row['payment_intent'] !== paymentIntent))
      return [
        `Stripe was asked to ${call} ${String(paymentIntent)}, and the ledger knows ${String(row['payment_intent'])}`,
      ];
    return [];
  });
}

function isMark(entry: Entry, what: Mark['what']): boolean {
  return entry.kind === 'mark' && entry.mark.what === what;
}

async function newLedger(harness: LedgerHarness): Promise<LedgerDump> {
  restarted(harness, new Map());
  const wrong = await openedByProduct(harness);
  if (wrong.length > 0) throw new Error(wrong.join('; '));
  return dumpLedger(harness.ledger());
}

function dumped(harness: LedgerHarness, image: Image): LedgerDump {
  const folder = harness.newFolder();
  writeImage(image, folder);
  return dumpLedger(join(folder, LEDGER));
}
