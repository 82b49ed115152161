import { unrecordedMails } from '../../support/unrecorded-mails.ts';
import { createChance, type Chance } from '../../../src/sandbox/stripe/ids.ts';
import { SEED, SIZE } from '../../support/proving.ts';
import { COMMANDS, type Command } from '../commands.ts';
import type { CrashPoint } from '../dead-gate.ts';
import { CARD, charge } from '../stops.ts';
import { Disk, SURVIVALS, type Survival } from './disk-image.ts';
import { checkImage, checkTwice, promisesOf, type Cut, type Promises } from './image-check.ts';
import type { LedgerHarness } from './ledger-harness.ts';
import { record, type Recording } from './power-cut-run.ts';
import { pastLeases, reconciled } from './recovery.ts';

/*
 * A run records one command from an empty folder on, until the current goes. Its images are cut from anywhere in the
 * journal; the last but one is cut again while it is opened, and the last one, cut where the local Stripe's books are
 * those of the moment, is recovered from with Stripe, as after a crash.
 */

export const IMAGES_A_RUN = 20;

/** Longer than the commands; a command that takes fewer steps runs to its end. */
const STEPS = 40;

/** In the longer runs so many that SQLite moves the log into the ledger in the midst of them, and begins the log anew. */
const MANY = SIZE === 'quick' ? 5 : 100;

const manyCharges: Command = {
  name: 'many charges',
  role: 'charge',
  prepare: () => Promise.resolve(),
  async run(payrecon) {
    for (let number = 1; number <= MANY; number += 1)
      await charge(payrecon, CARD, `order-${number}`);
  },
  again: () => Promise.resolve([]),
};

/** A daemon's pass is the same command. */
const RECORDED: readonly Command[] = [
  ...COMMANDS.filter(({ daemon, meanwhile }) => daemon !== true && meanwhile === undefined),
  manyCharges,
];

export interface RunReport {
  readonly images: number;
  readonly recovered: number;
  readonly wrong: readonly string[];
}

/** `only`: that image alone is looked at. */
export async function runImages(
  harness: LedgerHarness,
  run: number,
  images: number,
  only: number | null,
): Promise<RunReport> {
  const chance = createChance(SEED * 1_000_003 + run);
  const command = RECORDED[run % RECORDED.length];
  if (command === undefined) throw new Error('there are no commands to record');
  const point: CrashPoint = {
    step: chance() < 0.5 ? Number.MAX_SAFE_INTEGER : 1 + Math.floor(chance() * STEPS),
    when: chance() < 0.5 ? 'before' : 'after',
  };
  try {
    const recording = await record(harness, command, point);
    const promises = await promisesOf(harness, recording);
    const wrong: string[] = [];
    for (let image = 0; image < images; image += 1) {
      const imageChance = createChance(SEED * 1_000_003 + run * 1_009 + image);
      if (only !== null && only !== image) continue;
      const { name, look } = lookAt(
        harness,
        { recording, promises },
        { image, last: images - 1 },
        imageChance,
      );
      const found = await look().catch((error: unknown) => [
        error instanceof Error ? (error.stack ?? error.message) : String(error),
      ]);
      wrong.push(
        ...found.map(
          (each) =>
            `PROVE_CASE='power-cut ${run}.${image}' (PROVE_SEED=${SEED} PROVE_SIZE=${SIZE}; ${command.name}, ${name}): ${each}`,
        ),
      );
    }
    return {
      images: only === null ? images : 1,
      recovered: only === null || only === images - 1 ? 1 : 0,
      wrong,
    };
  } finally {
    await harness.end();
  }
}

interface Recorded {
  readonly recording: Recording;
  readonly promises: Promises;
}

interface Look {
  /** For people. */
  readonly name: string;
  readonly look: () => Promise<readonly string[]>;
}

function lookAt(
  harness: LedgerHarness,
  { recording, promises }: Recorded,
  which: { readonly image: number; readonly last: number },
  chance: Chance,
): Look {
  const { entries, folder, quietFrom, command } = recording;
  const recovers = which.image === which.last;
  const from = recovers ? quietFrom : 0;
  const after = from + Math.floor(chance() * (entries.length - from + 1));
  const survival = pick(SURVIVALS, chance);
  const cut: Cut = {
    recording,
    promises,
    after,
    image: Disk.after(entries.slice(0, after), folder).image(survival, chance),
  };
  const name = `cut after entry ${after} of ${entries.length}, ${survival} of the rest`;
  if (which.image === which.last - 1)
    return {
      name: `${name}, cut again when opened`,
      look: () => checkTwice(harness, cut, pick(SURVIVALS, chance), chance),
    };
  if (!recovers) return { name, look: () => checkImage(harness, cut) };
  const repeated = chance() < 0.5 || command.role === 'migrate';
  return {
    name: `${name}, ${repeated ? 'repeated and ' : ''}reconciled`,
    look: async () => [
      ...(await checkImage(harness, cut)),
      ...(await recover(harness, command, repeated)),
    ],
  };
}

function pick(survivals: readonly Survival[], chance: Chance): Survival {
  return survivals[Math.floor(chance() * survivals.length)] ?? 'nothing';
}

async function recover(
  harness: LedgerHarness,
  command: Command,
  repeated: boolean,
): Promise<readonly string[]> {
  pastLeases(harness);
  const unrecorded = await unrecordedMails(harness.sandbox.books, harness.raw());
  const wrong: string[] = [];
  if (repeated) {
    const payrecon = await harness.open(command.role);
    wrong.push(...(await command.again(payrecon)));
    await payrecon.close();
  }
  return [...wrong, ...(await reconciled(harness, unrecorded.size))];
}
