import { chargeFile, type ChargeFileReport, type ChargeRows } from '../../src/app/charge-file.ts';
import type { ChargeRow } from '../../src/app/charge-row.ts';
import type { Payrecon } from '../../src/app/service.ts';
import {
  COMMANDS,
  migratedAgain,
  reconciling,
  resolving,
  UNDECIDED,
  type Command,
} from './commands.ts';
import type { Harness } from './harness.ts';
import {
  CARD,
  charge,
  DEBIT,
  DECLINED,
  KEY,
  onlyIntent,
  pass,
  requestOf,
  STOPS,
  under,
  type Stop,
} from './stops.ts';

/*
 * The longer ones: passes over several payments at a time, passes while Stripe is away, the daemon, a charge that
 * waits for the bank, an absence that is proven, and what turns a schema back.
 */

const DAY_MS = 86_400_000;
/** Two scans of Stripe's list prove an absence when they lie more than 5 minutes apart. */
const BETWEEN_SCANS_MS = 6 * 60_000;

const PAID_UNSEEN: Stop = {
  name: 'confirm_sent, paid',
  method: CARD,
  faults: 'payment_intents.confirm#*=html_502_after',
  step: 'confirm_sent',
};
const NEVER_THERE: Stop = {
  name: 'create_sent, never there',
  method: CARD,
  faults: 'payment_intents.create#*=html_502',
  step: 'create_sent',
};

const waiting: Command = {
  name: 'charge, with --wait until the bank has paid',
  role: 'charge',
  prepare: () => Promise.resolve(),
  run: (payrecon) => charge(payrecon, DEBIT, KEY, { waitMs: 2_000, waitForOutcome: true }),
  meanwhile: (harness) => harness.settleAtStripe(onlyIntent(harness), { outcome: 'succeeded' }),
  // The bank decides only while somebody waits.
  async again(payrecon) {
    const { transaction } = await charge(payrecon, DEBIT);
    const right = transaction.status === 'succeeded' || transaction.stripeStatus === 'processing';
    return right
      ? []
      : [
          `the repetition ended ${transaction.status}, ${String(transaction.stripeStatus)} at Stripe`,
        ];
  },
};

// ---- several payments at a time ----------------------------------------------------------------

interface Several {
  readonly name: string;
  readonly stops: readonly Stop[];
  readonly then?: (harness: Harness) => Promise<void>;
  readonly faults?: string;
}

function keyOf(index: number): string {
  return `order-${index + 1}`;
}

function several({ name, stops, then, faults }: Several): Command {
  return {
    name: `reconcile, ${name}`,
    role: 'reconcile',
    async prepare(harness) {
      for (const [index, { faults: stopping, method }] of stops.entries())
        await under(harness, stopping, (payrecon) => charge(payrecon, method, keyOf(index)));
      harness.advance(1_000);
      await then?.(harness);
      const rows = await harness.raw().rows('select step from transactions order by key');
      const steps = rows.map((row) => row['step']);
      if (steps.join() !== stops.map(({ step }) => step).join())
        throw new Error(`prepared ${steps.join()}`);
    },
    run: pass,
    sideBySide: true,
    ...(faults === undefined ? {} : { faults }),
    again: (payrecon) => noneInProgress(payrecon, stops),
  };
}

async function noneInProgress(
  payrecon: Payrecon,
  stops: readonly Stop[],
): Promise<readonly string[]> {
  const held: string[] = [];
  for (const [index, { method }] of stops.entries()) {
    const { transaction, situation } = await charge(payrecon, method, keyOf(index));
    if (situation === 'in_progress')
      held.push(`${transaction.key} is still held by the process that died`);
  }
  return held;
}

/** Each kind of first call once; the pass has them under way at the same time. */
const MIXED = [
  'recorded',
  'create_sent, made at Stripe',
  'created',
  'confirm_sent, paid',
  'confirm_sent, declined',
  'cancel_sent',
];

async function outageBegins(harness: Harness): Promise<void> {
  await under(harness, 'outage:html_502', pass);
  const outages = await harness.raw().rows('select id from outages');
  if (outages.length !== 1) throw new Error(`prepared ${outages.length} outages`);
}

const SEVERAL: readonly Command[] = [
  several({
    name: 'several at a time',
    stops: MIXED.map((name) => STOPS.find((stop) => stop.name === name) ?? PAID_UNSEEN),
  }),
  several({
    name: 'Stripe is away',
    stops: Array.from({ length: 5 }, () => PAID_UNSEEN),
    faults: 'outage:html_502',
  }),
  several({ name: 'Stripe is back', stops: [PAID_UNSEEN, PAID_UNSEEN], then: outageBegins }),
];

// ---- a file of charges ---------------------------------------------------------------------------

/** The last line is the first one once more: both are under way at the same time, and one payment comes of it. */
const LINES = [CARD, DECLINED, CARD].map((method, index) => ({ method, key: keyOf(index % 2) }));
const AT_ONCE = 3;

function linesOfFile(): ChargeRows {
  const rows = LINES.map(({ method, key }, index): ChargeRow => ({
    line: index + 1,
    key,
    endsAtByte: index,
    parsed: { ok: true, request: requestOf(method, key) },
  })).values();
  return { next: () => Promise.resolve(rows.next()), stop: () => undefined };
}

async function chargeLines(
  payrecon: Payrecon,
): Promise<{ readonly report: ChargeFileReport; readonly wrong: readonly string[] }> {
  const wrong: string[] = [];
  const report = await chargeFile(
    async (request, options) => await payrecon.charge(request, options),
    linesOfFile(),
    {
      concurrency: AT_ONCE,
      charge: { waitMs: 0, waitForOutcome: false, allowDuplicate: true },
      onResult(result) {
        const { key, method } = LINES[result.row.line - 1] ?? { key: '', method: CARD };
        const status =
          result.kind === 'charged' ? result.outcome.transaction.status : result.error.code;
        const right = method === CARD ? 'succeeded' : 'failed';
        if (status !== right) wrong.push(`${key} ended ${status} instead of ${right}`);
      },
    },
  );
  return { report, wrong };
}

/** Run again after the crash, as somebody would who saw no summary. */
const fromFile: Command = {
  name: 'charge --file',
  role: 'charge',
  sideBySide: true,
  prepare: () => Promise.resolve(),
  run: async (payrecon) => (await chargeLines(payrecon)).report,
  again: async (payrecon) => (await chargeLines(payrecon)).wrong,
};

// ---- an absence that is proven -----------------------------------------------------------------

/** Stripe has forgotten the key by now: nobody may send the create again, only look. */
async function afterADay(harness: Harness): Promise<void> {
  harness.advance(DAY_MS);
  await Promise.resolve();
}

async function afterOneScan(harness: Harness): Promise<void> {
  await afterADay(harness);
  await under(harness, '', pass);
  harness.advance(BETWEEN_SCANS_MS);
}

const ABSENT: readonly Command[] = [
  reconciling({ ...NEVER_THERE, name: 'absent, looked for once', then: afterADay }),
  reconciling({ ...NEVER_THERE, name: 'absent, looked for twice', then: afterOneScan }),
];

// ---- the daemon, e-mails, the schema -----------------------------------------------------------

const daemon: Command = {
  ...reconciling(PAID_UNSEEN),
  name: 'reconcile --daemon, one pass',
  daemon: true,
};

async function sendTwo(harness: Harness): Promise<void> {
  await under(harness, '', async (payrecon) => [
    await charge(payrecon, CARD),
    await charge(payrecon, DECLINED, 'order-2'),
  ]);
}

async function nothingQueued(payrecon: Payrecon): Promise<readonly string[]> {
  const { queued, failed, refused } = await payrecon.sendNotifications(null);
  return queued === 0 && failed === 0 && refused === null
    ? []
    : [`${queued} e-mails are left, ${failed} failed`];
}

const sendLosing: Command = {
  name: 'notifications send, the mail service fails first',
  role: 'notify',
  prepare: sendTwo,
  run: (payrecon) => payrecon.sendNotifications(null),
  faults: 'mail.send#1=500_before',
  again: nothingQueued,
};

const resend: Command = {
  name: 'notifications resend',
  role: 'notify',
  async prepare(harness) {
    await sendTwo(harness);
    await under(harness, '', (payrecon) => payrecon.sendNotifications(null));
  },
  async run(payrecon) {
    const [sent] = await payrecon.notifications(['sent'], 1);
    if (sent === undefined) throw new Error('no e-mail was sent');
    await payrecon.resendNotification(sent.id);
  },
  again: nothingQueued,
};

const migrateDown: Command = {
  name: 'migrate down',
  role: 'migrate',
  prepare: () => Promise.resolve(),
  run: (payrecon) => payrecon.migrate('down'),
  again: migratedAgain,
};

/** All commands that write. */
export const ALL_COMMANDS: readonly Command[] = [
  ...COMMANDS,
  waiting,
  ...SEVERAL,
  fromFile,
  ...ABSENT,
  daemon,
  resolving('as failed, canceled at Stripe', UNDECIDED, { as: 'failed', cancelAtStripe: true }),
  sendLosing,
  resend,
  migrateDown,
];
