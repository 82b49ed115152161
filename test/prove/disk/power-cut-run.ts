import type { Gateway, Mailer } from '../../../src/app/ports.ts';
import type { Payrecon } from '../../../src/app/service.ts';
import type { Transaction } from '../../../src/domain/transaction.ts';
import type { Overrides } from '../../../src/compose/adapters.ts';
import type { Command } from '../commands.ts';
import { DeadGate, ProcessDied, seamsThrough, type CrashPoint } from '../dead-gate.ts';
import { quiet } from '../harness.ts';
import { watching } from './file-calls.ts';
import { Recorder, type Entry, type Mark } from './journal.ts';
import type { LedgerHarness } from './ledger-harness.ts';

/** A command with all that prepares it, recorded from an empty folder until the current goes. */
export interface Recording {
  readonly command: Command;
  readonly folder: string;
  readonly entries: readonly Entry[];
  /** The first entry after the last word to the world outside: from here on, Stripe's books are those of the moment of the cut. */
  readonly quietFrom: number;
}

/** Stops at that step of the command, or, where it takes fewer, after its end. */
export async function record(
  harness: LedgerHarness,
  command: Command,
  point: CrashPoint,
): Promise<Recording> {
  await harness.begin(true);
  const folder = harness.folder();
  const recorder = new Recorder(folder);
  await watching(recorder, async () => {
    if (command.empty !== true) await migrated(harness, recorder);
    await command.prepare({
      ...harness,
      open: (role, overrides = {}, env = {}) =>
        harness.open(role, markedSeams(recorder, overrides), env),
    });
    harness.advance(1_000);
    const gate = new DeadGate(point, () => {
      recorder.stop();
    });
    harness.sandbox.setFaults(command.faults ?? '');
    const payrecon = await harness.open(
      command.role,
      markedSeams(recorder, seamsThrough(gate, harness.clock)),
    );
    await dying(payrecon, command.run);
    await payrecon.close();
    harness.sandbox.setFaults('');
  });
  await quiet(harness.sandbox);
  const { entries } = recorder;
  return {
    command,
    folder,
    entries,
    quietFrom:
      entries.findLastIndex(
        (entry) =>
          entry.kind === 'mark' && (entry.mark.what === 'asked' || entry.mark.what === 'sent'),
      ) + 1,
  };
}

async function migrated(harness: LedgerHarness, recorder: Recorder): Promise<void> {
  const payrecon = await harness.open('migrate', markedSeams(recorder, {}));
  await payrecon.migrate('up');
  await payrecon.close();
}

async function dying(
  payrecon: Payrecon,
  work: (payrecon: Payrecon) => Promise<unknown>,
): Promise<void> {
  try {
    await work(payrecon);
  } catch (error) {
    if (!(error instanceof ProcessDied)) throw error;
  }
}

/** Leaves a mark in the journal for all that somebody else gets to know. */
function markedSeams(
  recorder: Recorder,
  { gate, wrapGateway, wrapMailer, ...others }: Overrides,
): Overrides {
  const mark = (what: Mark): void => {
    recorder.mark(what);
  };
  return {
    ...others,
    gate: {
      ...gate,
      async before(kind, sql, connection) {
        await gate?.before(kind, sql, connection);
        if (kind === 'commit') mark({ what: 'commit begins' });
      },
      async after(kind, sql, connection) {
        if (kind === 'commit') mark({ what: 'committed' });
        await gate?.after(kind, sql, connection);
      },
    },
    wrapGateway: (gateway) => markedGateway(wrapGateway?.(gateway) ?? gateway, mark),
    wrapMailer: (mailer) => markedMailer(wrapMailer?.(mailer) ?? mailer, mark),
  };
}

function markedGateway(gateway: Gateway, mark: (mark: Mark) => void): Gateway {
  const asked = (call: 'create' | 'confirm' | 'cancel') => (transaction: Transaction) => {
    mark({
      what: 'asked',
      call,
      transactionId: transaction.id,
      paymentIntent: transaction.paymentIntent,
    });
    return gateway[call](transaction);
  };
  return {
    ...gateway,
    create: asked('create'),
    confirm: asked('confirm'),
    cancel: asked('cancel'),
  };
}

function markedMailer(mailer: Mailer, mark: (mark: Mark) => void): Mailer {
  return {
    configured: mailer.configured,
    send(notification) {
      mark({ what: 'sent' });
      return mailer.send(notification);
    },
  };
}
